#pragma once

#include <chrono>
#include <ctime>
#include <map>
#include <memory>
#include <string>

#include "backend/backend.h"

namespace wishbone {

/// The wall clock; with one thread its CPU time, which other programs disturb less.
inline double now(int threads) {
    if (threads > 1)
        return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Passes operations on and adds up their time by name.
class TimedBackend final : public Backend {
  public:
    explicit TimedBackend(std::unique_ptr<Backend> inner) : inner_(std::move(inner)) {}

    std::map<std::string, double> seconds;

    std::string name() const override { return inner_->name(); }
    std::string device_name() const override { return inner_->device_name(); }
    int threads() const override { return inner_->threads(); }
    DType activation_dtype() const override { return inner_->activation_dtype(); }
    Buffer allocate(std::size_t bytes) override { return inner_->allocate(bytes); }
    void upload(Tensor to, const void* from) override { inner_->upload(to, from); }
    void download(void* to, Tensor from) override { inner_->download(to, from); }
    void copy(Tensor to, Tensor from) override { inner_->copy(to, from); }
    void zero(Tensor x) override {
        time("zero", [&] { inner_->zero(x); });
    }
    void synchronize() override { inner_->synchronize(); }
    std::unique_ptr<AttentionMask> prepare_mask(std::span<const std::int32_t> visible_until,
                                                std::span<const std::int32_t> position,
                                                AttentionShape shape) override {
        return inner_->prepare_mask(visible_until, position, shape);
    }
    void embedding(Tensor out, Tensor table, Tensor tokens) override {
        time("embedding", [&] { inner_->embedding(out, table, tokens); });
    }
    void embedding_backward(Tensor d_table, Tensor tokens, Tensor d_out) override {
        time("embedding_backward", [&] { inner_->embedding_backward(d_table, tokens, d_out); });
    }
    void add_rmsnorm(Tensor sum, Tensor out, Tensor inv_rms, Tensor x, Tensor delta, Tensor weight,
                     float eps) override {
        time("add_rmsnorm", [&] { inner_->add_rmsnorm(sum, out, inv_rms, x, delta, weight, eps); });
    }
    void rmsnorm_backward(Tensor d_x, Tensor d_weight, Tensor out, Tensor d_out, Tensor x, Tensor inv_rms,
                          Tensor weight) override {
        time("rmsnorm_backward",
             [&] { inner_->rmsnorm_backward(d_x, d_weight, out, d_out, x, inv_rms, weight); });
    }
    void linear(Tensor out, Tensor x, Tensor w) override {
        time("linear", [&] { inner_->linear(out, x, w); });
    }
    void linear_backward_input(Tensor d_x, Tensor d_out, Tensor w) override {
        time("linear_backward_input", [&] { inner_->linear_backward_input(d_x, d_out, w); });
    }
    void linear_backward_weight(Tensor d_w, Tensor d_out, Tensor x) override {
        time("linear_backward_weight", [&] { inner_->linear_backward_weight(d_w, d_out, x); });
    }
    void rope(Tensor qkv, Tensor cos, Tensor sin, Tensor position, AttentionShape shape,
              bool inverse) override {
        time("rope", [&] { inner_->rope(qkv, cos, sin, position, shape, inverse); });
    }
    void attention(Tensor out, Tensor lse, Tensor qkv, const AttentionMask& mask,
                   AttentionShape shape) override {
        time("attention", [&] { inner_->attention(out, lse, qkv, mask, shape); });
    }
    void attention_backward(Tensor d_qkv, Tensor d_out, Tensor out, Tensor lse, Tensor qkv,
                            const AttentionMask& mask, AttentionShape shape) override {
        time("attention_backward",
             [&] { inner_->attention_backward(d_qkv, d_out, out, lse, qkv, mask, shape); });
    }
    void swiglu(Tensor out, Tensor gate_up) override {
        time("swiglu", [&] { inner_->swiglu(out, gate_up); });
    }
    void swiglu_backward(Tensor d_gate_up, Tensor out, Tensor d_out, Tensor gate_up) override {
        time("swiglu_backward", [&] { inner_->swiglu_backward(d_gate_up, out, d_out, gate_up); });
    }
    void gather_rows(Tensor out, Tensor x, Tensor rows) override {
        time("rows", [&] { inner_->gather_rows(out, x, rows); });
    }
    void scatter_add_rows(Tensor x, Tensor from, Tensor rows) override {
        time("rows", [&] { inner_->scatter_add_rows(x, from, rows); });
    }
    void head_logps(Tensor logps, Tensor lse, Tensor kept_logits, Tensor hidden, Tensor head,
                    HeadTargets targets) override {
        time("head_logps", [&] { inner_->head_logps(logps, lse, kept_logits, hidden, head, targets); });
    }
    void head_logps_backward(Tensor d_hidden, Tensor d_head, Tensor kept_logits, Tensor hidden, Tensor head,
                             Tensor lse, HeadTargets targets, Tensor weight) override {
        time("head_logps_backward", [&] {
            inner_->head_logps_backward(d_hidden, d_head, kept_logits, hidden, head, lse, targets, weight);
        });
    }
    std::size_t kept_logits_budget() const override { return inner_->kept_logits_budget(); }
    double sum_of_squares(Tensor x) override {
        double sum = 0;
        time("sum_of_squares", [&] { sum = inner_->sum_of_squares(x); });
        return sum;
    }
    void scale(Tensor x, float factor) override {
        time("scale", [&] { inner_->scale(x, factor); });
    }
    void adamw(Tensor parameters, Tensor master, Tensor grad, Tensor m, Tensor v, float grad_scale,
               const AdamW& options) override {
        time("adamw", [&] { inner_->adamw(parameters, master, grad, m, v, grad_scale, options); });
    }
    double measure_matmul_ceiling() override { return inner_->measure_matmul_ceiling(); }
    std::size_t peak_memory() const override { return inner_->peak_memory(); }
    std::size_t free_memory() const override { return inner_->free_memory(); }

  private:
    template <typename Operation>
    void time(const char* name, Operation operation) {
        const double begin = now(threads());
        operation();
        inner_->synchronize();
        seconds[name] += now(threads()) - begin;
    }

    std::unique_ptr<Backend> inner_;
};

}  // namespace wishbone

#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "model/config.h"

namespace wishbone {

/// Passes operations on. While `timed` it waits for the device after each and adds up their time by phase;
/// the linear layers are told apart by their weight's shape. Waiting leaves the device idle between
/// operations, so what an empty operation takes this way is subtracted from each.
class PhaseBackend final : public Backend {
  public:
    PhaseBackend(std::unique_ptr<Backend> inner, const LlamaConfig& config)
        : inner_(std::move(inner)), config_(config) {}

    bool timed = false;

    /// Seconds by phase since the last call, and how many operations.
    struct Phase {
        double seconds = 0;
        std::int64_t operations = 0;
    };
    std::map<std::string, Phase> take_phases() { return std::exchange(phases_, {}); }

    /// Measures what an empty operation takes, the median of many.
    void calibrate() {
        const Buffer memory = inner_->allocate(256);
        const Tensor nothing(memory.get(), DType::f32, {1});
        std::vector<double> seconds;
        for (int i = 0; i < 200; ++i) seconds.push_back(elapsed([&] { inner_->zero(nothing); }));
        std::ranges::nth_element(seconds, seconds.begin() + 100);
        overhead_ = seconds[100];
    }
    double overhead() const { return overhead_; }

    std::string name() const override { return inner_->name(); }
    std::string device_name() const override { return inner_->device_name(); }
    int threads() const override { return inner_->threads(); }
    DType activation_dtype() const override { return inner_->activation_dtype(); }
    Buffer allocate(std::size_t bytes) override { return inner_->allocate(bytes); }
    void upload(Tensor to, const void* from) override {
        time("transfers", [&] { inner_->upload(to, from); });
    }
    void download(void* to, Tensor from) override {
        time("transfers", [&] { inner_->download(to, from); });
    }
    void copy(Tensor to, Tensor from) override {
        time("copies and zeros", [&] { inner_->copy(to, from); });
    }
    void zero(Tensor x) override {
        time("copies and zeros", [&] { inner_->zero(x); });
    }
    void synchronize() override { inner_->synchronize(); }
    std::unique_ptr<AttentionMask> prepare_mask(std::span<const std::int32_t> visible_until,
                                                std::span<const std::int32_t> position,
                                                AttentionShape shape) override {
        std::unique_ptr<AttentionMask> mask;
        time("attention mask", [&] { mask = inner_->prepare_mask(visible_until, position, shape); });
        return mask;
    }
    void embedding(Tensor out, Tensor table, Tensor tokens) override {
        time("embedding", [&] { inner_->embedding(out, table, tokens); });
    }
    void embedding_backward(Tensor d_table, Tensor tokens, Tensor d_out) override {
        time("embedding backward", [&] { inner_->embedding_backward(d_table, tokens, d_out); });
    }
    void add_rmsnorm(Tensor sum, Tensor out, Tensor inv_rms, Tensor x, Tensor delta, Tensor weight,
                     float eps) override {
        time("norms", [&] { inner_->add_rmsnorm(sum, out, inv_rms, x, delta, weight, eps); });
    }
    void rmsnorm_backward(Tensor d_x, Tensor d_weight, Tensor out, Tensor d_out, Tensor x, Tensor inv_rms,
                          Tensor weight) override {
        time("norms backward",
             [&] { inner_->rmsnorm_backward(d_x, d_weight, out, d_out, x, inv_rms, weight); });
    }
    void linear(Tensor out, Tensor x, Tensor w) override {
        time(name_of(w), [&] { inner_->linear(out, x, w); });
    }
    void linear_backward_input(Tensor d_x, Tensor d_out, Tensor w) override {
        time(name_of(w) + " backward, input", [&] { inner_->linear_backward_input(d_x, d_out, w); });
    }
    void linear_backward_weight(Tensor d_w, Tensor d_out, Tensor x) override {
        time(name_of(d_w) + " backward, weight", [&] { inner_->linear_backward_weight(d_w, d_out, x); });
    }
    void rope(Tensor qkv, Tensor cos, Tensor sin, Tensor position, AttentionShape shape,
              bool inverse) override {
        time(inverse ? "rope backward" : "rope",
             [&] { inner_->rope(qkv, cos, sin, position, shape, inverse); });
    }
    void attention(Tensor out, Tensor lse, Tensor qkv, const AttentionMask& mask,
                   AttentionShape shape) override {
        time("attention", [&] { inner_->attention(out, lse, qkv, mask, shape); });
    }
    void attention_backward(Tensor d_qkv, Tensor d_out, Tensor out, Tensor lse, Tensor qkv,
                            const AttentionMask& mask, AttentionShape shape) override {
        time("attention backward",
             [&] { inner_->attention_backward(d_qkv, d_out, out, lse, qkv, mask, shape); });
    }
    void swiglu(Tensor out, Tensor gate_up) override {
        time("swiglu", [&] { inner_->swiglu(out, gate_up); });
    }
    void swiglu_backward(Tensor d_gate_up, Tensor out, Tensor d_out, Tensor gate_up) override {
        time("swiglu backward", [&] { inner_->swiglu_backward(d_gate_up, out, d_out, gate_up); });
    }
    void gather_rows(Tensor out, Tensor x, Tensor rows) override {
        time("rows", [&] { inner_->gather_rows(out, x, rows); });
    }
    void scatter_add_rows(Tensor x, Tensor from, Tensor rows) override {
        time("rows", [&] { inner_->scatter_add_rows(x, from, rows); });
    }
    void head_logps(Tensor logps, Tensor lse, Tensor kept_logits, Tensor hidden, Tensor head,
                    HeadTargets targets) override {
        time("head", [&] { inner_->head_logps(logps, lse, kept_logits, hidden, head, targets); });
    }
    void head_logps_backward(Tensor d_hidden, Tensor d_head, Tensor kept_logits, Tensor hidden, Tensor head,
                             Tensor lse, HeadTargets targets, Tensor weight) override {
        time("head backward", [&] {
            inner_->head_logps_backward(d_hidden, d_head, kept_logits, hidden, head, lse, targets, weight);
        });
    }
    std::size_t kept_logits_budget() const override { return inner_->kept_logits_budget(); }
    double sum_of_squares(Tensor x) override {
        double sum = 0;
        time("gradient norm", [&] { sum = inner_->sum_of_squares(x); });
        return sum;
    }
    void scale(Tensor x, float factor) override {
        time("optimizer", [&] { inner_->scale(x, factor); });
    }
    void adamw(Tensor parameters, Tensor master, Tensor grad, Tensor m, Tensor v, float grad_scale,
               const AdamW& options) override {
        time("optimizer", [&] { inner_->adamw(parameters, master, grad, m, v, grad_scale, options); });
    }
    double measure_matmul_ceiling() override { return inner_->measure_matmul_ceiling(); }
    std::size_t peak_memory() const override { return inner_->peak_memory(); }
    std::size_t free_memory() const override { return inner_->free_memory(); }

  private:
    std::string name_of(const Tensor& weight) const {
        const std::int64_t outputs = weight.rows(), inputs = weight.row_size();
        const std::int64_t query = config_.query_heads * config_.head_dim;
        if (outputs == query + 2 * config_.kv_heads * config_.head_dim) return "qkv";
        if (outputs == 2 * config_.intermediate_size) return "gate_up";
        return inputs == config_.intermediate_size ? "down" : "attention out";
    }

    template <typename Operation>
    double elapsed(const Operation& operation) {
        const auto begin = std::chrono::steady_clock::now();
        operation();
        inner_->synchronize();
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    }

    template <typename Operation>
    void time(const std::string& name, const Operation& operation) {
        if (!timed) return operation();
        inner_->synchronize();
        Phase& phase = phases_[name];
        phase.seconds += std::max(0.0, elapsed(operation) - overhead_);
        ++phase.operations;
    }

    std::unique_ptr<Backend> inner_;
    LlamaConfig config_;
    std::map<std::string, Phase> phases_;
    double overhead_ = 0;
};

}  // namespace wishbone

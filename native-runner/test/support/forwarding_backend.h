#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "backend/backend.h"

namespace wishbone::test {

/// Passes every operation on to another backend. What derives from it overrides a few, or `around`, which all
/// work on the device goes through.
class ForwardingBackend : public Backend {
  public:
    explicit ForwardingBackend(std::unique_ptr<Backend> inner) : inner_(std::move(inner)) {}

    std::string name() const override { return inner_->name(); }
    std::string device_name() const override { return inner_->device_name(); }
    int threads() const override { return inner_->threads(); }
    DType activation_dtype() const override { return inner_->activation_dtype(); }
    bool is_in_host_memory() const override { return inner_->is_in_host_memory(); }
    Buffer allocate(std::size_t bytes) override { return inner_->allocate(bytes); }
    void upload(Tensor to, const void* from) override {
        around("transfers", [&] { inner_->upload(to, from); });
    }
    void download_parts(std::span<const DownloadPart> parts) override {
        around("transfers", [&] { inner_->download_parts(parts); });
    }
    void upload_parts(std::span<const UploadPart> parts) override {
        around("transfers", [&] { inner_->upload_parts(parts); });
    }
    void download(void* to, Tensor from) override {
        around("transfers", [&] { inner_->download(to, from); });
    }
    std::unique_ptr<PendingDownload> begin_download(Tensor from) override {
        std::unique_ptr<PendingDownload> download;
        around("transfers", [&] { download = inner_->begin_download(from); });
        return download;
    }
    void copy(Tensor to, Tensor from) override {
        around("copies and zeros", [&] { inner_->copy(to, from); });
    }
    void zero(Tensor x) override {
        around("copies and zeros", [&] { inner_->zero(x); });
    }
    void synchronize() override { inner_->synchronize(); }
    Backend& host() override { return inner_->is_in_host_memory() ? *this : inner_->host(); }
    void stream_pieces(std::span<const StreamedPiece> pieces) override { inner_->stream_pieces(pieces); }
    std::unique_ptr<AttentionMask> prepare_mask(std::span<const std::int32_t> visible_until,
                                                std::span<const std::int32_t> position,
                                                AttentionShape shape) override {
        std::unique_ptr<AttentionMask> mask;
        around("attention mask", [&] { mask = inner_->prepare_mask(visible_until, position, shape); });
        return mask;
    }
    void embedding(Tensor out, Tensor table, Tensor tokens) override {
        around("embedding", [&] { inner_->embedding(out, table, tokens); });
    }
    void embedding_backward(Tensor d_table, Tensor tokens, Tensor d_out) override {
        around("embedding backward", [&] { inner_->embedding_backward(d_table, tokens, d_out); });
    }
    void add(Tensor sum, Tensor x, Tensor delta) override {
        around("norms", [&] { inner_->add(sum, x, delta); });
    }
    void add_rmsnorm(Tensor sum, Tensor out, Tensor inv_rms, Tensor x, Tensor delta, Tensor weight,
                     RmsNorm norm) override {
        around("norms", [&] { inner_->add_rmsnorm(sum, out, inv_rms, x, delta, weight, norm); });
    }
    void rmsnorm_backward(Tensor d_x, Tensor d_weight, Tensor out, Tensor d_out, Tensor x, Tensor inv_rms,
                          Tensor weight, RmsNorm norm) override {
        around("norms backward",
               [&] { inner_->rmsnorm_backward(d_x, d_weight, out, d_out, x, inv_rms, weight, norm); });
    }
    void qk_norm(Tensor out, Tensor qkv, Tensor query_weight, Tensor key_weight, AttentionShape shape,
                 RmsNorm norm) override {
        around("norms", [&] { inner_->qk_norm(out, qkv, query_weight, key_weight, shape, norm); });
    }
    void qk_norm_backward(Tensor d_qkv, Tensor d_query_weight, Tensor d_key_weight, Tensor qkv,
                          Tensor query_weight, Tensor key_weight, AttentionShape shape,
                          RmsNorm norm) override {
        around("norms backward", [&] {
            inner_->qk_norm_backward(d_qkv, d_query_weight, d_key_weight, qkv, query_weight, key_weight,
                                     shape, norm);
        });
    }
    void linear(Tensor out, Tensor x, Tensor w) override {
        around(linear_name(w), [&] { inner_->linear(out, x, w); });
    }
    void linear_backward_input(Tensor d_x, Tensor d_out, Tensor w) override {
        around(linear_name(w) + " backward, input", [&] { inner_->linear_backward_input(d_x, d_out, w); });
    }
    void linear_backward_weight(Tensor d_w, Tensor d_out, Tensor x, bool adds) override {
        around(linear_name(d_w) + " backward, weight",
               [&] { inner_->linear_backward_weight(d_w, d_out, x, adds); });
    }
    void adapted_linear(Tensor out, Tensor h, Tensor x, Tensor w, const LowRank& adapter) override {
        around(w ? linear_name(w) : "adapters", [&] { inner_->adapted_linear(out, h, x, w, adapter); });
    }
    void adapted_linear_backward_input(Tensor d_x, Tensor d_h, Tensor d_out, Tensor w,
                                       const LowRank& adapter) override {
        around(w ? linear_name(w) + " backward, input" : "adapters backward, input",
               [&] { inner_->adapted_linear_backward_input(d_x, d_h, d_out, w, adapter); });
    }
    void low_rank_backward_weight(const LowRank& d_adapter, Tensor d_out, Tensor x, Tensor h, Tensor d_h,
                                  const LowRank& adapter) override {
        around("adapters backward, weight",
               [&] { inner_->low_rank_backward_weight(d_adapter, d_out, x, h, d_h, adapter); });
    }
    std::string fp8_problem() const override { return inner_->fp8_problem(); }
    void fp8_quantise(Fp8Matrix rows, Fp8Matrix columns, Tensor x) override {
        around("quantising", [&] { inner_->fp8_quantise(rows, columns, x); });
    }
    void fp8_quantise_scaled(Fp8Matrix rows, Tensor x, Tensor factor) override {
        around("quantising", [&] { inner_->fp8_quantise_scaled(rows, x, factor); });
    }
    void fp8_transpose(Fp8Matrix to, Tensor from) override {
        around("quantising", [&] { inner_->fp8_transpose(to, from); });
    }
    void fp8_add_rmsnorm(Fp8Matrix rows, Tensor sum, Tensor out, Tensor inv_rms, Tensor x, Tensor delta,
                         Tensor weight, RmsNorm norm) override {
        around("norms", [&] { inner_->fp8_add_rmsnorm(rows, sum, out, inv_rms, x, delta, weight, norm); });
    }
    void fp8_glu(Fp8Matrix rows, Tensor out, Tensor gate_up, Activation activation) override {
        around("gated units", [&] { inner_->fp8_glu(rows, out, gate_up, activation); });
    }
    void fp8_glu_backward(Fp8Matrix d_rows, Fp8Matrix d_columns, Fp8Matrix out_columns, Tensor d_out,
                          Tensor gate_up, Activation activation) override {
        around("gated units backward",
               [&] { inner_->fp8_glu_backward(d_rows, d_columns, out_columns, d_out, gate_up, activation); });
    }
    void fp8_linear(Tensor out, Fp8Matrix x, Fp8Matrix w, bool adds) override {
        around(linear_name(w.values), [&] { inner_->fp8_linear(out, x, w, adds); });
    }
    void fp8_backward_input(Tensor d_x, Fp8Matrix d_out, Fp8Matrix w_columns, bool adds) override {
        const Tensor w(nullptr, DType::e4m3, {w_columns.values.shape[1], w_columns.values.shape[0]});
        around(linear_name(w) + " backward, input",
               [&] { inner_->fp8_backward_input(d_x, d_out, w_columns, adds); });
    }
    void fp8_backward_weight(Tensor d_w, Fp8Matrix d_out_columns, Fp8Matrix x_columns, bool adds) override {
        around(linear_name(d_w) + " backward, weight",
               [&] { inner_->fp8_backward_weight(d_w, d_out_columns, x_columns, adds); });
    }
    void add_bias(Tensor x, Tensor bias) override {
        around("biases", [&] { inner_->add_bias(x, bias); });
    }
    void bias_backward(Tensor d_bias, Tensor d_out) override {
        around("biases backward", [&] { inner_->bias_backward(d_bias, d_out); });
    }
    void rope(Tensor qkv, const Rotation& rotation, AttentionShape shape, bool inverse) override {
        around(inverse ? "rope backward" : "rope", [&] { inner_->rope(qkv, rotation, shape, inverse); });
    }
    void rotated_linear(Tensor qkv, Tensor x, Tensor w, const LowRank& adapter, Tensor h,
                        const Rotation& rotation, AttentionShape shape) override {
        around(linear_name(w), [&] { inner_->rotated_linear(qkv, x, w, adapter, h, rotation, shape); });
    }
    void attention(Tensor out, Tensor lse, Tensor qkv, const AttentionMask& mask,
                   AttentionShape shape) override {
        around("attention", [&] { inner_->attention(out, lse, qkv, mask, shape); });
    }
    bool attention_out_backward_input(Tensor d_attention, Tensor delta, Tensor d_out, Tensor w,
                                      const LowRank& adapter, Tensor d_h, Tensor attention) override {
        bool has_delta = false;
        around(linear_name(w) + " backward, input", [&] {
            has_delta =
                inner_->attention_out_backward_input(d_attention, delta, d_out, w, adapter, d_h, attention);
        });
        return has_delta;
    }
    void attention_backward(Tensor d_qkv, Tensor d_out, Tensor out, Tensor lse, Tensor delta, Tensor qkv,
                            const AttentionMask& mask, AttentionShape shape,
                            const Rotation& rotation) override {
        around("attention backward", [&] {
            inner_->attention_backward(d_qkv, d_out, out, lse, delta, qkv, mask, shape, rotation);
        });
    }
    void glu(Tensor out, Tensor gate_up, Activation activation) override {
        around("gated units", [&] { inner_->glu(out, gate_up, activation); });
    }
    void glu_backward(Tensor d_gate_up, Tensor out, Tensor d_out, Tensor gate_up,
                      Activation activation) override {
        around("gated units backward",
               [&] { inner_->glu_backward(d_gate_up, out, d_out, gate_up, activation); });
    }
    void linear_added(Tensor sum, Tensor stream, Tensor x, Tensor w) override {
        around(linear_name(w), [&] { inner_->linear_added(sum, stream, x, w); });
    }
    void gated_linear(Tensor out, Tensor gate_up, Tensor x, Tensor w, const LowRank& adapter, Tensor h,
                      Activation activation, bool keeps) override {
        around(linear_name(w),
               [&] { inner_->gated_linear(out, gate_up, x, w, adapter, h, activation, keeps); });
    }
    void gated_linear_backward_input(Tensor d_gate_up, Tensor out, Tensor d_product, Tensor d_out, Tensor w,
                                     const LowRank& adapter, Tensor d_h, Tensor gate_up,
                                     Activation activation) override {
        around(linear_name(w) + " backward, input", [&] {
            inner_->gated_linear_backward_input(d_gate_up, out, d_product, d_out, w, adapter, d_h, gate_up,
                                                activation);
        });
    }
    void gather_rows(Tensor out, Tensor x, Tensor rows) override {
        around("rows", [&] { inner_->gather_rows(out, x, rows); });
    }
    void scatter_add_rows(Tensor x, Tensor from, Tensor rows) override {
        around("rows", [&] { inner_->scatter_add_rows(x, from, rows); });
    }
    void head_logps(Tensor logps, Tensor lse, Tensor kept_logits, Tensor hidden, Tensor head,
                    HeadTargets targets, float softcap) override {
        around("head", [&] { inner_->head_logps(logps, lse, kept_logits, hidden, head, targets, softcap); });
    }
    void head_logps_backward(Tensor d_hidden, Tensor d_head, Tensor kept_logits, Tensor hidden, Tensor head,
                             Tensor lse, HeadTargets targets, Tensor weight, float softcap,
                             bool adds) override {
        around("head backward", [&] {
            inner_->head_logps_backward(d_hidden, d_head, kept_logits, hidden, head, lse, targets, weight,
                                        softcap, adds);
        });
    }
    void head_log_sum_squares(Tensor out, Tensor kept_logits, Tensor hidden, Tensor head, Tensor lse,
                              float softcap) override {
        around("head", [&] { inner_->head_log_sum_squares(out, kept_logits, hidden, head, lse, softcap); });
    }
    std::size_t kept_logits_budget() const override { return inner_->kept_logits_budget(); }
    double sum_of_squares(Tensor x) override {
        double sum = 0;
        around("gradient norm", [&] { sum = inner_->sum_of_squares(x); });
        return sum;
    }
    void scale(Tensor x, float factor) override {
        around("optimizer", [&] { inner_->scale(x, factor); });
    }
    void mix(Tensor to, Tensor from, float share) override {
        around("optimizer", [&] { inner_->mix(to, from, share); });
    }
    void adamw(Tensor parameters, Tensor master, Tensor grad, Tensor m, Tensor v, float grad_scale,
               const AdamW& options) override {
        around("optimizer", [&] { inner_->adamw(parameters, master, grad, m, v, grad_scale, options); });
    }
    std::unique_ptr<Milestone> adamw_beside(Tensor parameters, Tensor master, Tensor grad, Tensor m, Tensor v,
                                            float grad_scale, const AdamW& options) override {
        std::unique_ptr<Milestone> milestone;
        around("optimizer", [&] {
            milestone = inner_->adamw_beside(parameters, master, grad, m, v, grad_scale, options);
        });
        return milestone;
    }
    double measure_matmul_ceiling() override { return inner_->measure_matmul_ceiling(); }
    double measure_fp8_ceiling() override { return inner_->measure_fp8_ceiling(); }
    std::size_t peak_memory() const override { return inner_->peak_memory(); }
    std::size_t free_memory() const override { return inner_->free_memory(); }

  protected:
    /// `name` says for people what the operation does; several operations may share one.
    virtual void around(const std::string& /*name*/, const std::function<void()>& operation) { operation(); }
    /// The name of the linear layer with this weight (or gradient of one).
    virtual std::string linear_name(const Tensor& /*weight*/) const { return "linear"; }

    Backend& inner() const { return *inner_; }

  private:
    std::unique_ptr<Backend> inner_;
};

}  // namespace wishbone::test

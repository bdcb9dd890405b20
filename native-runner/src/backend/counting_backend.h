#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/backend.h"
#include "backend/registry.h"

namespace wishbone {

/// Computes nothing and has no memory: it counts what another backend would hold. The real model and trainer
/// run on it, so that what they will need is known before anything is loaded. Downloads read as zero.
class CountingBackend final : public Backend {
  public:
    /// `counted`: the name of a backend, whose own workspaces are counted too.
    explicit CountingBackend(std::string_view counted);

    std::string name() const override { return std::string(counted_.name); }
    std::string device_name() const override { return "counting"; }
    int threads() const override { return 1; }
    DType activation_dtype() const override { return counted_.memory.activations; }

    Buffer allocate(std::size_t bytes) override;
    void upload(Tensor, const void*) override {}
    void upload_parts(std::span<const UploadPart>) override {}
    void download_parts(std::span<const DownloadPart>) override {}
    void download(void* to, Tensor from) override;
    void copy(Tensor, Tensor) override {}
    void zero(Tensor) override {}
    void synchronize() override {}
    /// Counts what another backend has in the host's memory.
    Backend& host() override;
    void stream_pieces(std::span<const StreamedPiece> pieces) override;

    std::unique_ptr<AttentionMask> prepare_mask(std::span<const std::int32_t> visible_until,
                                                std::span<const std::int32_t> position,
                                                AttentionShape shape) override;

    void embedding(Tensor, Tensor, Tensor) override {}
    void embedding_backward(Tensor d_table, Tensor tokens, Tensor d_out) override;
    void add(Tensor, Tensor, Tensor) override {}
    void add_rmsnorm(Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, RmsNorm) override {}
    void rmsnorm_backward(Tensor d_x, Tensor d_weight, Tensor out, Tensor d_out, Tensor x, Tensor inv_rms,
                          Tensor weight, RmsNorm norm) override;
    void qk_norm(Tensor, Tensor, Tensor, Tensor, AttentionShape, RmsNorm) override {}
    void qk_norm_backward(Tensor d_qkv, Tensor d_query_weight, Tensor d_key_weight, Tensor qkv,
                          Tensor query_weight, Tensor key_weight, AttentionShape shape,
                          RmsNorm norm) override;
    void linear(Tensor, Tensor, Tensor) override {}
    void linear_backward_input(Tensor, Tensor, Tensor) override {}
    void linear_backward_weight(Tensor, Tensor, Tensor, bool) override {}
    void adapted_linear(Tensor out, Tensor h, Tensor x, Tensor w, const LowRank& adapter) override;
    void adapted_linear_backward_input(Tensor, Tensor, Tensor, Tensor, const LowRank&) override {}
    void low_rank_backward_weight(const LowRank&, Tensor, Tensor, Tensor, Tensor, const LowRank&) override {}
    std::string fp8_problem() const override { return {}; }
    void fp8_quantise(Fp8Matrix rows, Fp8Matrix columns, Tensor) override;
    void fp8_quantise_scaled(Fp8Matrix, Tensor, Tensor) override {}
    void fp8_transpose(Fp8Matrix, Tensor) override {}
    void fp8_add_rmsnorm(Fp8Matrix, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, RmsNorm) override {}
    void fp8_glu(Fp8Matrix, Tensor, Tensor, Activation) override {}
    void fp8_glu_backward(Fp8Matrix d_rows, Fp8Matrix d_columns, Fp8Matrix out_columns, Tensor d_out,
                          Tensor gate_up, Activation activation) override;
    void fp8_linear(Tensor, Fp8Matrix, Fp8Matrix, bool) override {}
    void fp8_backward_input(Tensor, Fp8Matrix, Fp8Matrix, bool) override {}
    void fp8_backward_weight(Tensor, Fp8Matrix, Fp8Matrix, bool) override {}
    void add_bias(Tensor, Tensor) override {}
    void bias_backward(Tensor d_bias, Tensor d_out) override;
    void rope(Tensor, const Rotation&, AttentionShape, bool) override {}
    void attention(Tensor, Tensor, Tensor, const AttentionMask&, AttentionShape) override {}
    void attention_backward(Tensor d_qkv, Tensor d_out, Tensor out, Tensor lse, Tensor delta, Tensor qkv,
                            const AttentionMask& mask, AttentionShape shape,
                            const Rotation& rotation) override;
    void glu(Tensor, Tensor, Activation) override {}
    void glu_backward(Tensor, Tensor, Tensor, Tensor, Activation) override {}
    void gather_rows(Tensor, Tensor, Tensor) override {}
    void scatter_add_rows(Tensor, Tensor, Tensor) override {}
    void head_logps(Tensor logps, Tensor lse, Tensor kept_logits, Tensor hidden, Tensor head,
                    HeadTargets targets, float softcap) override;
    void head_logps_backward(Tensor d_hidden, Tensor d_head, Tensor kept_logits, Tensor hidden, Tensor head,
                             Tensor lse, HeadTargets targets, Tensor weight, float softcap,
                             bool adds) override;
    void head_log_sum_squares(Tensor out, Tensor kept_logits, Tensor hidden, Tensor head, Tensor lse,
                              float softcap) override;
    std::size_t kept_logits_budget() const override;
    double sum_of_squares(Tensor) override { return 1; }
    void scale(Tensor, float) override {}
    void mix(Tensor, Tensor, float) override {}
    void adamw(Tensor, Tensor, Tensor, Tensor, Tensor, float, const AdamW&) override {}
    double measure_matmul_ceiling() override { return 1; }

    std::size_t peak_memory() const override { return use_->peak; }
    std::size_t memory_in_use() const { return use_->now; }
    /// Of the host, beside it.
    std::size_t host_memory_in_use() const { return host_ ? host_->memory_in_use() : 0; }

  private:
    struct Use {
        std::size_t now = 0, peak = 0;
        std::uintptr_t next_address = 1 << 20;
    };

    /// One piece serves all operations, as large as the largest of them needs. Nothing where the backend has none.
    void workspace(std::size_t bytes);

    const RegisteredBackend& counted_;
    std::shared_ptr<Use> use_ = std::make_shared<Use>();
    Buffer workspace_, library_workspace_;
    std::size_t workspace_bytes_ = 0;
    std::unique_ptr<CountingBackend> host_;
    std::vector<Buffer> streamed_;
    std::size_t streamed_bytes_ = 0;  ///< of a piece
};

}  // namespace wishbone

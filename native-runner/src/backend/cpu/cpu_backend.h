#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/cpu/scratch.h"
#include "backend/cpu/thread_pool.h"

namespace wishbone::cpu {

/// fp32 on OpenBLAS. Host memory is device memory, so every operation is done when its call returns.
/// Each operation is defined in the file of its name.
class CpuBackend final : public Backend {
  public:
    explicit CpuBackend(int threads);

    std::string name() const override { return "cpu"; }
    std::string device_name() const override;
    int threads() const override { return pool_.threads(); }
    DType activation_dtype() const override { return DType::f32; }

    Buffer allocate(std::size_t bytes) override;
    void upload(Tensor to, const void* from) override;
    void upload_parts(std::span<const UploadPart> parts) override;
    void download_parts(std::span<const DownloadPart> parts) override;
    void download(void* to, Tensor from) override;
    void copy(Tensor to, Tensor from) override;
    void zero(Tensor x) override;
    void synchronize() override {}

    std::unique_ptr<AttentionMask> prepare_mask(std::span<const std::int32_t> visible_until,
                                                std::span<const std::int32_t> position,
                                                AttentionShape shape) override;

    void embedding(Tensor out, Tensor table, Tensor tokens) override;
    void embedding_backward(Tensor d_table, Tensor tokens, Tensor d_out) override;

    void add(Tensor sum, Tensor x, Tensor delta) override;
    void add_rmsnorm(Tensor sum, Tensor out, Tensor inv_rms, Tensor x, Tensor delta, Tensor weight,
                     RmsNorm norm) override;
    void rmsnorm_backward(Tensor d_x, Tensor d_weight, Tensor out, Tensor d_out, Tensor x, Tensor inv_rms,
                          Tensor weight, RmsNorm norm) override;
    void qk_norm(Tensor out, Tensor qkv, Tensor query_weight, Tensor key_weight, AttentionShape shape,
                 RmsNorm norm) override;
    void qk_norm_backward(Tensor d_qkv, Tensor d_query_weight, Tensor d_key_weight, Tensor qkv,
                          Tensor query_weight, Tensor key_weight, AttentionShape shape,
                          RmsNorm norm) override;

    void linear(Tensor out, Tensor x, Tensor w) override;
    void linear_backward_input(Tensor d_x, Tensor d_out, Tensor w) override;
    void linear_backward_weight(Tensor d_w, Tensor d_out, Tensor x) override;
    void adapted_linear(Tensor out, Tensor h, Tensor x, Tensor w, const LowRank& adapter) override;
    void adapted_linear_backward_input(Tensor d_x, Tensor d_h, Tensor d_out, Tensor w,
                                       const LowRank& adapter) override;
    void low_rank_backward_weight(const LowRank& d_adapter, Tensor d_out, Tensor x, Tensor h, Tensor d_h,
                                  const LowRank& adapter) override;
    void add_bias(Tensor x, Tensor bias) override;
    void bias_backward(Tensor d_bias, Tensor d_out) override;

    void rope(Tensor qkv, Tensor cos, Tensor sin, Tensor position, AttentionShape shape,
              bool inverse) override;

    void attention(Tensor out, Tensor lse, Tensor qkv, const AttentionMask& mask,
                   AttentionShape shape) override;
    void attention_backward(Tensor d_qkv, Tensor d_out, Tensor out, Tensor lse, Tensor qkv,
                            const AttentionMask& mask, AttentionShape shape) override;

    void glu(Tensor out, Tensor gate_up, Activation activation) override;
    void glu_backward(Tensor d_gate_up, Tensor out, Tensor d_out, Tensor gate_up,
                      Activation activation) override;

    void gather_rows(Tensor out, Tensor x, Tensor rows) override;
    void scatter_add_rows(Tensor x, Tensor from, Tensor rows) override;

    void head_logps(Tensor logps, Tensor lse, Tensor kept_logits, Tensor hidden, Tensor head,
                    HeadTargets targets, float softcap) override;
    void head_logps_backward(Tensor d_hidden, Tensor d_head, Tensor kept_logits, Tensor hidden, Tensor head,
                             Tensor lse, HeadTargets targets, Tensor weight, float softcap) override;
    void head_log_sum_squares(Tensor out, Tensor kept_logits, Tensor hidden, Tensor head, Tensor lse,
                              float softcap) override;
    std::size_t kept_logits_budget() const override;

    double sum_of_squares(Tensor x) override;
    void scale(Tensor x, float factor) override;
    void mix(Tensor to, Tensor from, float share) override;
    void adamw(Tensor parameters, Tensor master, Tensor grad, Tensor m, Tensor v, float grad_scale,
               const AdamW& options) override;

    double measure_matmul_ceiling() override;
    std::size_t peak_memory() const override { return memory_->peak; }
    std::size_t free_memory() const override;

  private:
    /// Bytes of the buffers handed out; they may outlive the backend.
    struct MemoryInUse {
        std::atomic<std::size_t> now = 0, peak = 0;
    };

    std::shared_ptr<MemoryInUse> memory_ = std::make_shared<MemoryInUse>();
    ThreadPool pool_;
    std::vector<Scratch> thread_scratch_;  ///< one a thread
    Scratch shared_scratch_;
};

}  // namespace wishbone::cpu

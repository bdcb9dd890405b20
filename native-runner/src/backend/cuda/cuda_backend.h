#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <memory>
#include <string>

#include "backend/backend.h"
#include "backend/cuda/matmul/matmul.h"
#include "backend/cuda/runtime/device.h"
#include "backend/cuda/runtime/device_memory.h"
#include "backend/cuda/runtime/pinned_staging.h"

namespace wishbone::cuda {

/// A CUDA stream of its own; what other streams do never waits for it.
class Stream {
  public:
    Stream();
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    cudaStream_t get() const { return stream_; }

  private:
    cudaStream_t stream_ = nullptr;
};

/// bf16 activations and weights, f32 gradients and statistics, f32 accumulation. All work is ordered on one
/// stream and nothing waits for it but `download`, `synchronize`, `sum_of_squares` and the first use of a
/// matrix product's size. Each operation is defined in the file of its name.
class CudaBackend final : public Backend {
  public:
    explicit CudaBackend(const CudaOptions& options);
    ~CudaBackend() override;

    std::string name() const override { return "cuda"; }
    std::string device_name() const override { return device_.name; }
    int threads() const override { return 1; }
    DType activation_dtype() const override { return DType::bf16; }

    Buffer allocate(std::size_t bytes) override;
    void upload(Tensor to, const void* from) override;
    void upload_parts(std::span<const UploadPart> parts) override;
    void download_parts(std::span<const DownloadPart> parts) override;
    void download(void* to, Tensor from) override;
    void copy(Tensor to, Tensor from) override;
    void zero(Tensor x) override;
    void synchronize() override;

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
    std::size_t peak_memory() const override { return memory_->peak(); }
    std::size_t free_memory() const override;

  private:
    /// Memory an operation needs beside its arguments. One piece serves all operations, one after the other,
    /// so each asks once and shares out what it gets.
    void* workspace(std::size_t bytes);

    Device device_;
    Stream stream_;
    std::shared_ptr<DeviceMemory> memory_;
    PinnedStaging staging_;
    Matmul matmul_;
    Buffer workspace_;
    std::size_t workspace_bytes_ = 0;
};

/// Hands out consecutive pieces of a workspace, 256-byte aligned; without memory it only counts.
class Pieces {
  public:
    explicit Pieces(void* memory = nullptr) : memory_(static_cast<std::byte*>(memory)) {}

    template <typename T>
    T* take(std::int64_t count) {
        const std::size_t begin = used_;
        used_ += (static_cast<std::size_t>(count) * sizeof(T) + 255) / 256 * 256;
        return memory_ == nullptr ? nullptr : reinterpret_cast<T*>(memory_ + begin);
    }
    std::size_t used() const { return used_; }

  private:
    std::byte* memory_;
    std::size_t used_ = 0;
};

}  // namespace wishbone::cuda

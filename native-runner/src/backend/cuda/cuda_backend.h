#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <memory>
#include <string>

#include "backend/backend.h"
#include "backend/cuda/matmul/matmul.h"
#include "backend/cuda/matmul/sm90/sizes.h"
#include "backend/cuda/runtime/device.h"
#include "backend/cuda/runtime/device_memory.h"
#include "backend/cuda/runtime/event.h"
#include "backend/cuda/runtime/piece_ring.h"
#include "backend/cuda/runtime/pinned_downloads.h"
#include "backend/cuda/runtime/pinned_staging.h"
#include "backend/cuda/runtime/stream.h"
#include "backend/cuda/runtime/workspace_pieces.h"

namespace wishbone::cuda {

/// bf16 activations and weights, f32 gradients and statistics, f32 accumulation. All work is ordered on one stream and nothing waits for
/// it but `download`, what `begin_download` gives, `synchronize`, `sum_of_squares` and, before `settle`, the first use of a matrix product's
/// size. Each operation is defined in the file of its name.
class CudaBackend final : public Backend {
  public:
    explicit CudaBackend(const CudaOptions& options);
    ~CudaBackend() override;

    std::string name() const override { return "cuda"; }
    std::string device_name() const override { return device_.name; }
    std::string bus_id() const override { return device_.bus_id; }
    int threads() const override { return 1; }
    DType activation_dtype() const override { return DType::bf16; }

#include "backend/overrides.inc"
    std::unique_ptr<PendingDownload> begin_download(Tensor from) override;
    std::unique_ptr<Milestone> adamw_beside(Tensor parameters, Tensor master, Tensor grad, Tensor m, Tensor v,
                                            float grad_scale, const AdamW& options) override;
    void linear_added(Tensor sum, Tensor stream, Tensor x, Tensor w) override;
    void rotated_linear(Tensor qkv, Tensor x, Tensor w, const LowRank& adapter, Tensor h,
                        const Rotation& rotation, AttentionShape shape) override;
    bool attention_out_backward_input(Tensor d_attention, Tensor delta, Tensor d_out, Tensor w,
                                      const LowRank& adapter, Tensor d_h, Tensor attention) override;
    void gated_linear(Tensor out, Tensor gate_up, Tensor x, Tensor w, const LowRank& adapter, Tensor h,
                      Activation activation, bool keeps) override;
    void gated_linear_backward_input(Tensor d_gate_up, Tensor out, Tensor d_product, Tensor d_out, Tensor w,
                                     const LowRank& adapter, Tensor d_h, Tensor gate_up,
                                     Activation activation) override;
    std::string fp8_problem() const override;
    void fp8_quantise(Fp8Matrix rows, Fp8Matrix columns, Tensor x) override;
    void fp8_quantise_scaled(Fp8Matrix rows, Tensor x, Tensor factor) override;
    void fp8_transpose(Fp8Matrix to, Tensor from) override;
    void fp8_add_rmsnorm(Fp8Matrix rows, Tensor sum, Tensor out, Tensor inv_rms, Tensor x, Tensor delta,
                         Tensor weight, RmsNorm norm) override;
    void fp8_glu(Fp8Matrix rows, Tensor out, Tensor gate_up, Activation activation) override;
    void fp8_glu_backward(Fp8Matrix d_rows, Fp8Matrix d_columns, Fp8Matrix out_columns, Tensor d_out,
                          Tensor gate_up, Activation activation) override;
    void fp8_linear(Tensor out, Fp8Matrix x, Fp8Matrix w, bool adds) override;
    void fp8_backward_input(Tensor d_x, Fp8Matrix d_out, Fp8Matrix w_columns, bool adds) override;
    void fp8_backward_weight(Tensor d_w, Fp8Matrix d_out_columns, Fp8Matrix x_columns, bool adds) override;
    double measure_fp8_ceiling() override;
    Backend& host() override;
    void stream_pieces(std::span<const StreamedPiece> pieces) override { pieces_.run(pieces); }
    void make_current() override;
    void settle() override { matmul_.settle(); }
    std::size_t peak_memory() const override { return memory_->peak(); }
    std::size_t free_memory() const override;

    /// For what works on the same memory in the same order.
    cudaStream_t stream() const { return stream_.get(); }
    int device() const { return device_.ordinal; }

  private:
    /// Memory an operation needs beside its arguments. One piece serves all operations, one after the other,
    /// so each asks once and shares out what it gets.
    void* workspace(std::size_t bytes);

    /// Whether adapters with this between their two matrices can be a product behind that of their layer.
    static bool goes_behind(const LowRank& adapter, Tensor h);
    static bool goes_behind_backward(const LowRank& adapter, Tensor d_h);
    /// That product, whose operands it computes: h, and the second matrix in the workspace; none without adapters.
    sm90::product::Behind behind(const LowRank& adapter, Tensor h, Tensor x, std::int64_t outputs);
    /// The same of the gradient of the layer's input; it computes d_h.
    sm90::product::Behind behind_backward(const LowRank& adapter, Tensor d_h, Tensor d_out);
    /// d_h = scale · d_out · b, branch by branch.
    void gradient_between(const LowRank& adapter, Tensor d_h, Tensor d_out);

    /// AdamW on either stream.
    void adamw_on(cudaStream_t stream, Tensor parameters, Tensor master, Tensor grad, Tensor m, Tensor v,
                  float grad_scale, const AdamW& options);

    Device device_;
    Stream stream_, beside_{Turn::last};  ///< what goes on beside the first gets what that leaves
    Event asked_;
    std::shared_ptr<DeviceMemory> memory_;
    PinnedStaging staging_;
    PinnedDownloads downloads_;
    PieceRing pieces_;
    std::unique_ptr<Backend> host_;  ///< made when it is first asked for
    Matmul matmul_;
    Buffer workspace_;
    std::size_t workspace_bytes_ = 0;
    double matmul_ceiling_ = 0, fp8_ceiling_ = 0;  ///< once they are measured
};

}  // namespace wishbone::cuda

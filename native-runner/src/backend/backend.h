#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/fp8.h"
#include "backend/milestone.h"
#include "backend/pending_download.h"
#include "backend/streamed_piece.h"
#include "core/findings.h"
#include "core/tensor.h"

namespace wishbone {

/// Owns a block of device memory; freed through the deleter its backend set.
using Buffer = std::shared_ptr<void>;

/// A stretch of device memory of at most `transfer_part_bytes`, and who writes what is to go there.
struct UploadPart {
    Tensor to;
    std::function<void(std::span<std::byte>)> write;
};
/// The same the other way: who reads what is there.
struct DownloadPart {
    Tensor from;
    std::function<void(std::span<const std::byte>)> read;
};
inline constexpr std::size_t transfer_part_bytes = std::size_t{8} << 20;

/// What attention needs to know of one bin, prepared once per bin (tile lists, tree roots) for heads of one
/// shape. Each backend derives its own.
class AttentionMask {
  public:
    virtual ~AttentionMask() = default;
};

struct AttentionShape {
    std::int64_t query_heads = 0;
    std::int64_t kv_heads = 0;
    std::int64_t head_dim = 0;
    float scale = 0;  ///< multiplies q·k before the softmax, normally 1/sqrt(head_dim)
    /// Scores s become softcap · tanh(s / softcap) before the mask (Gemma 2, arXiv 2408.00118); 0: they stay.
    float softcap = 0;
    /// A query sees only keys fewer than this many positions before it; 0: all.
    std::int64_t window = 0;
    /// Of `attention` alone: what it leaves in rows before this one is anything. A model that writes token by token asks for the
    /// newest.
    std::int64_t first_query = 0;
};

/// Rotary position embedding (RoPE, arXiv 2104.09864) of a bin's tokens, halves convention as in Hugging Face's Llama: elements i and
/// i + R/2 of a query or key head, i < R/2, are a plane that is turned by the token's position times the i-th frequency. Elements from R
/// on stay. Without tensors there is none.
struct Rotation {
    Tensor cos, sin;  ///< f32 [most positions, R/2], R <= D; the two may have a common factor
    Tensor position;  ///< i32 [T]

    explicit operator bool() const { return static_cast<bool>(cos); }
    std::int64_t planes() const { return cos.shape[1]; }  ///< R/2
};

/// y = x / sqrt(mean(x²) + eps) · (offset + weight): Gemma stores weights less one.
struct RmsNorm {
    float eps = 0;
    float offset = 0;
};

enum class Activation { silu, gelu_tanh };

/// Low-rank adapters (LoRA, arXiv 2106.09685) on a linear layer, each on some of its consecutive outputs:
/// x · (w + scale · b · a)ᵀ there instead of x · wᵀ.
struct LowRank {
    struct Branch {
        Tensor b;                       ///< [outputs, r]
        std::int64_t first_output = 0;  ///< among the layer's N outputs, where those of `b` begin
        float scale = 1;
    };
    Tensor a;                      ///< [R, K], those of the branches one below the other
    std::vector<Branch> branches;  ///< in the order of their outputs, which no two share

    explicit operator bool() const { return !branches.empty(); }
};

/// The tokens the LM head scores. `row_count` rows of hidden states are read; several targets may read one
/// row.
struct HeadTargets {
    Tensor row;    ///< i32 [R], index into the gathered rows
    Tensor token;  ///< i32 [R], token id to score
};

struct AdamW {
    float learning_rate, beta1, beta2, epsilon, weight_decay;
    std::int64_t step;  ///< from 1, for bias correction
    /// Place of the first element among all parameters: with `step` the seed of stochastic rounding.
    std::int64_t first_element;
};

/// One device. Model code is written once against this; every operation is one virtual call and may run
/// asynchronously until `synchronize` or `download`. Shapes: T tokens of a bin, H hidden size, F feed-forward
/// size, V vocabulary, U rows read by the head, R targets. Activations and weights have `activation_dtype()`;
/// statistics (inverse RMS, log-sum-exp, logps) and gradients of parameters are f32.
/// Outputs are overwritten unless the name of the argument says `accumulated`. The gradient of a frozen
/// weight may be an empty tensor where an operation has others to compute: norms, normed heads, the LM head.
/// Arguments share memory only where an operation allows it. Shapes that do not fit each other throw
/// Error(internal). Results are the same bits from run to run for the same inputs and number of threads (on a
/// GPU between processes only when `CudaOptions::deterministic` is set).
class Backend {
  public:
    virtual ~Backend() = default;

    virtual std::string name() const = 0;         ///< "cpu", "cuda"
    virtual std::string device_name() const = 0;  ///< for people
    /// Where a GPU is on the PCI bus, "0000:1b:00.0", as other libraries know it by; empty for what is none.
    virtual std::string bus_id() const { return ""; }
    virtual int threads() const = 0;
    virtual DType activation_dtype() const = 0;
    /// Whether its tensors are in the host's memory.
    virtual bool is_in_host_memory() const { return false; }

    virtual Buffer allocate(std::size_t bytes) = 0;        ///< throws Error(out_of_memory)
    virtual void upload(Tensor to, const void* from) = 0;  ///< `from` may go when the call returns
    /// Has the parts written by several threads at once, into memory of the backend, each going to the device while others
    /// are written. All are there when the call returns; what a `write` throws is thrown.
    virtual void upload_parts(std::span<const UploadPart> parts) = 0;
    /// Has the parts read by several threads at once, as they were when the call was made, each while others come from the
    /// device. All are read when the call returns; what a `read` throws is thrown. From any thread.
    virtual void download_parts(std::span<const DownloadPart> parts) = 0;
    virtual void download(void* to, Tensor from) = 0;
    /// Asks for `from` as it is when all is done that was asked for before, and does not wait for it.
    virtual std::unique_ptr<PendingDownload> begin_download(Tensor from);
    virtual void copy(Tensor to,
                      Tensor from) = 0;  ///< converts between f32 and bf16 where the backend has both
    virtual void zero(Tensor x) = 0;
    virtual void synchronize() = 0;

    /// A backend whose memory is the host's and can be streamed through this one: for what the device has no room for. This one
    /// itself where its own memory is that.
    virtual Backend& host() { return *this; }
    /// Calls `work` of each piece, in order, with its tensors on the device, while those behind come from memory of `host()`
    /// and those before go back there. What `work` asks for is done in the order of all that this backend is asked for. All
    /// tensors are back when the call returns.
    virtual void stream_pieces(std::span<const StreamedPiece> pieces) {
        for (const StreamedPiece& piece : pieces) {
            std::vector<Tensor> in_place;
            for (const StreamedTensor& tensor : piece.tensors) in_place.push_back(tensor.on_host);
            piece.work(in_place);
        }
    }

    /// To be called first in a thread other than the one that made the backend, where that thread works with it from now on.
    virtual void make_current() {}

    /// `visible_until` and `position`: host arrays of length T (docs/architecture.md, "The mask"), which may
    /// go when the call returns.
    virtual std::unique_ptr<AttentionMask> prepare_mask(std::span<const std::int32_t> visible_until,
                                                        std::span<const std::int32_t> position,
                                                        AttentionShape shape) = 0;

    /// out[t] = table[tokens[t]].
    virtual void embedding(Tensor out, Tensor table, Tensor tokens) = 0;
    virtual void embedding_backward(Tensor d_table_accumulated, Tensor tokens, Tensor d_out) = 0;

    /// sum = x + delta. `sum` may be either of them.
    virtual void add(Tensor sum, Tensor x, Tensor delta) = 0;
    /// sum = x + delta; inv_rms[t] = 1/sqrt(mean(sum[t]²) + eps); out = sum · inv_rms · (offset + weight).
    /// Without `delta` (empty tensor) sum is x itself and `sum` must be empty. `sum` may be `x`.
    virtual void add_rmsnorm(Tensor sum, Tensor out, Tensor inv_rms, Tensor x, Tensor delta, Tensor weight,
                             RmsNorm norm) = 0;
    /// d_x += gradient through the norm, where x is the normed input (`sum` above). `out` is computed again
    /// on the way, for the weight gradient of the linear layer behind the norm, so that no forward pass has
    /// to keep it.
    virtual void rmsnorm_backward(Tensor d_x_accumulated, Tensor d_weight_accumulated, Tensor out,
                                  Tensor d_out, Tensor x, Tensor inv_rms, Tensor weight, RmsNorm norm) = 0;
    /// Norms the query and key heads of `qkv` [T, Hq + 2·Hkv, D] to `out`, of the same shape; value heads are
    /// copied. Weights of D elements: each head is normed by itself, all with the same weight (Qwen3).
    /// Weights [Hq·D] and [Hkv·D]: all query heads of a token together, and all key heads (OLMo 2).
    virtual void qk_norm(Tensor out, Tensor qkv, Tensor query_weight, Tensor key_weight, AttentionShape shape,
                         RmsNorm norm) = 0;
    /// Turns `d_qkv`, the gradient of `out` above, into that of `qkv`, in place.
    virtual void qk_norm_backward(Tensor d_qkv, Tensor d_query_weight_accumulated,
                                  Tensor d_key_weight_accumulated, Tensor qkv, Tensor query_weight,
                                  Tensor key_weight, AttentionShape shape, RmsNorm norm) = 0;

    /// out [M,N] = x [M,K] · w[N,K]ᵀ.
    virtual void linear(Tensor out, Tensor x, Tensor w) = 0;
    /// sum [M,N] = stream [M,N] + x [M,K] · w[N,K]ᵀ. `sum` is neither of the two.
    virtual void linear_added(Tensor sum, Tensor stream, Tensor x, Tensor w);
    /// d_x [M,K] = d_out [M,N] · w [N,K].
    virtual void linear_backward_input(Tensor d_x, Tensor d_out, Tensor w) = 0;
    /// d_w [N,K] = d_outᵀ · x; `adds`: added to what is there, of which nothing is read otherwise. The same bits as added to zeros.
    virtual void linear_backward_weight(Tensor d_w, Tensor d_out, Tensor x, bool adds) = 0;
    /// A linear layer and its adapters: h [M,R] = x [M,K] · aᵀ; out [M,N] = x · w[N,K]ᵀ, and scale · h · bᵀ
    /// more in the outputs of each branch, with the branch's columns of h. Without `w` (empty tensor) the adapters' part alone.
    virtual void adapted_linear(Tensor out, Tensor h, Tensor x, Tensor w, const LowRank& adapter) = 0;
    /// d_h [M,R] = scale · d_out · b, branch by branch; d_x [M,K] = d_out [M,N] · w + d_h · a; likewise without `w`.
    virtual void adapted_linear_backward_input(Tensor d_x, Tensor d_h, Tensor d_out, Tensor w,
                                               const LowRank& adapter) = 0;
    /// The gradient of the adapters alone: d_b += scale · d_outᵀ · h, d_a += d_hᵀ · x, with h and d_h as the
    /// two functions above left them. Of `d_adapter` the tensors count.
    virtual void low_rank_backward_weight(const LowRank& d_adapter_accumulated, Tensor d_out, Tensor x,
                                          Tensor h, Tensor d_h, const LowRank& adapter) = 0;
    /// Why the products below cannot be had here, for people; empty where they can.
    virtual std::string fp8_problem() const { return "FP8 needs a GPU"; }
    // Linear layers in FP8, where `fp8_problem` is empty. What is quantised is a bf16 matrix [R, C]; a row's scale is its largest
    // magnitude over 448, the largest number of E4M3, so that no row depends on another.
    /// `rows`: x. `columns`: its transpose [C, fp8_padded(R)]. Either may be empty.
    virtual void fp8_quantise(Fp8Matrix rows, Fp8Matrix columns, Tensor x);
    /// `rows`: x with each column times its `factor` (f32 [C]).
    virtual void fp8_quantise_scaled(Fp8Matrix rows, Tensor x, Tensor factor);
    /// `to` [C,R]: the transpose of e4m3 [R,C] as it is, with scales of one; both multiples of `fp8_multiple`.
    virtual void fp8_transpose(Fp8Matrix to, Tensor from);
    /// `add_rmsnorm` with the result in FP8, rounded once, straight from f32; in `out` as well where that is not empty.
    virtual void fp8_add_rmsnorm(Fp8Matrix rows, Tensor sum, Tensor out, Tensor inv_rms, Tensor x,
                                 Tensor delta, Tensor weight, RmsNorm norm);
    /// `glu` likewise.
    virtual void fp8_glu(Fp8Matrix rows, Tensor out, Tensor gate_up, Activation activation);
    /// `glu_backward` with its results [N, 2F] and [N, F] in FP8: the gradient by rows, the transpose [2F, fp8_padded(N)] of it and
    /// that of `out` [F, fp8_padded(N)]. The two transposes may be empty.
    virtual void fp8_glu_backward(Fp8Matrix d_rows, Fp8Matrix d_columns, Fp8Matrix out_columns, Tensor d_out,
                                  Tensor gate_up, Activation activation);
    /// out [M,N] = x [M,K] · w [N,K]ᵀ in bf16; `adds`: added to what is there. Sums have about 14 bits.
    virtual void fp8_linear(Tensor out, Fp8Matrix x, Fp8Matrix w, bool adds);
    /// d_x [M,K] = d_out [M,N] · w [N,K] likewise, of the transpose of w.
    virtual void fp8_backward_input(Tensor d_x, Fp8Matrix d_out, Fp8Matrix w_columns, bool adds);
    /// d_w [N,K] (f32) = d_outᵀ · x, of both transposes: [N, fp8_padded(M)] and [K, fp8_padded(M)]; `adds` as in
    /// `linear_backward_weight`. Sums are f32.
    virtual void fp8_backward_weight(Tensor d_w, Fp8Matrix d_out_columns, Fp8Matrix x_columns, bool adds);

    /// x[m] += bias, x [M,N].
    virtual void add_bias(Tensor x_accumulated, Tensor bias) = 0;
    /// d_bias [N] += sum over the rows of d_out [M,N].
    virtual void bias_backward(Tensor d_bias_accumulated, Tensor d_out) = 0;

    /// Rotates the query and key heads of qkv [T, Hq + 2·Hkv, D] in place. `inverse` applies the transpose (the backward pass).
    virtual void rope(Tensor qkv, const Rotation& rotation, AttentionShape shape, bool inverse) = 0;
    // Linear layers and what is beside them, with adapters or without (`adapter` empty): then `h` and `d_h` are as in `adapted_linear` and
    // its gradient, else anything.

    /// A linear layer that gives queries, keys and values, and RoPE: qkv [T, Hq + 2·Hkv, D] = x [T, K] · w [(Hq + 2·Hkv)·D, K]ᵀ, then
    /// `rope`. Rounded between the two or once. Without a rotation it is the linear layer alone.
    virtual void rotated_linear(Tensor qkv, Tensor x, Tensor w, const LowRank& adapter, Tensor h,
                                const Rotation& rotation, AttentionShape shape);

    /// Prefix-masked attention. qkv [T, Hq + 2·Hkv, D] after RoPE; out [T, Hq·D]; lse f32 [Hq, T].
    virtual void attention(Tensor out, Tensor lse, Tensor qkv, const AttentionMask& mask,
                           AttentionShape shape) = 0;
    /// The linear layer behind attention, backwards: d_attention [T, Hq·D] = d_out [T, N] · w [N, Hq·D]. Where the backend has it at
    /// hand then, also `delta` f32 [T, Hq], of each head Σ d_attention · attention, for `attention_backward`: returns whether.
    virtual bool attention_out_backward_input(Tensor d_attention, Tensor delta, Tensor d_out, Tensor w,
                                              const LowRank& adapter, Tensor d_h, Tensor attention);
    /// With a rotation d_qkv is the gradient of what was rotated to `qkv`: its transpose is applied to the gradients of queries and
    /// keys, before or after these are rounded. `delta`: empty, or as above.
    virtual void attention_backward(Tensor d_qkv, Tensor d_out, Tensor out, Tensor lse, Tensor delta,
                                    Tensor qkv, const AttentionMask& mask, AttentionShape shape,
                                    const Rotation& rotation) = 0;

    /// gate_up [N, 2F] holds gate then up; out [N, F] = activation(gate) · up (arXiv 2002.05202).
    virtual void glu(Tensor out, Tensor gate_up, Activation activation) = 0;
    /// `out` is computed again on the way, as in rmsnorm_backward. `d_gate_up` may be `gate_up`.
    virtual void glu_backward(Tensor d_gate_up, Tensor out, Tensor d_out, Tensor gate_up,
                              Activation activation) = 0;
    /// A linear layer and the gated unit behind it: gate_up [N, 2F] = x · wᵀ, and `glu` of that to `out`, with the same values as the
    /// two have one after the other. `out` may be empty. Unless `keeps`, what is left in `gate_up` is anything.
    virtual void gated_linear(Tensor out, Tensor gate_up, Tensor x, Tensor w, const LowRank& adapter,
                              Tensor h, Activation activation, bool keeps);
    /// The gradient of a linear layer's input and, with that as its d_out, `glu_backward` of the unit before it: d_out [N, M], w
    /// [M, F]. What is left in `d_product` [N, F] is anything. `d_gate_up` may be `gate_up`.
    virtual void gated_linear_backward_input(Tensor d_gate_up, Tensor out, Tensor d_product, Tensor d_out,
                                             Tensor w, const LowRank& adapter, Tensor d_h, Tensor gate_up,
                                             Activation activation);

    /// out[i] = x[rows[i]]; rows are distinct and ascending.
    virtual void gather_rows(Tensor out, Tensor x, Tensor rows) = 0;
    /// x[rows[i]] += from[i]; rows are distinct and ascending.
    virtual void scatter_add_rows(Tensor x_accumulated, Tensor from, Tensor rows) = 0;

    /// logps[r] = log softmax(hidden[target.row[r]] · headᵀ)[target.token[r]]; lse f32 [U]. With a `softcap`
    /// other than 0 logits z become softcap · tanh(z / softcap) first.
    /// The V-wide logits are worked through in chunks of rows. Those of the first C rows are left in
    /// `kept_logits` [C, V], 0 <= C <= U, for the backward pass (empty tensor: none).
    virtual void head_logps(Tensor logps, Tensor lse, Tensor kept_logits, Tensor hidden, Tensor head,
                            HeadTargets targets, float softcap) = 0;
    /// Given weight[r] = dLoss/dlogps[r] (f32 [R]). Logits that were not kept are computed again; kept ones
    /// are destroyed. `d_head` is written; `adds` as in `linear_backward_weight`.
    virtual void head_logps_backward(Tensor d_hidden, Tensor d_head, Tensor kept_logits, Tensor hidden,
                                     Tensor head, Tensor lse, HeadTargets targets, Tensor weight,
                                     float softcap, bool adds) = 0;
    /// out[u] = log of the sum of squared probabilities of row u (f32 [U]), given what `head_logps` left:
    /// `lse` and `kept_logits`; logits that were not kept are computed again. For WPO (arXiv 2406.11827).
    virtual void head_log_sum_squares(Tensor out, Tensor kept_logits, Tensor hidden, Tensor head, Tensor lse,
                                      float softcap) = 0;
    /// How many bytes of logits are worth keeping between `head_logps` and `head_logps_backward`.
    virtual std::size_t kept_logits_budget() const = 0;

    /// Sum of squares, accumulated in double in a fixed order.
    virtual double sum_of_squares(Tensor x) = 0;
    /// x *= factor; f32 or `activation_dtype()`.
    virtual void scale(Tensor x, float factor) = 0;
    /// to = (1 - share) · to + share · from. `from` is f32, `to` f32 or activation_dtype().
    virtual void mix(Tensor to_accumulated, Tensor from, float share) = 0;
    /// Decoupled weight decay (arXiv 1711.05101), as torch.optim.AdamW. `grad` (f32) is multiplied by
    /// `grad_scale` first. Parameters that are not f32 are the rounded copy of `master` (f32), which is what
    /// is updated; for f32 parameters `master` is empty. Moments are f32, or bf16 with stochastic rounding.
    virtual void adamw(Tensor parameters, Tensor master, Tensor grad, Tensor m, Tensor v, float grad_scale,
                       const AdamW& options) = 0;
    /// The same behind all that was asked for before, and beside what is asked for from now on, of which nothing may read or write any
    /// of these tensors until the milestone, the end of it, is awaited. Null where there is nothing to await.
    virtual std::unique_ptr<Milestone> adamw_beside(Tensor parameters, Tensor master, Tensor grad, Tensor m,
                                                    Tensor v, float grad_scale, const AdamW& options) {
        adamw(parameters, master, grad, m, v, grad_scale, options);
        return nullptr;
    }

    /// Measured rate of a large matrix product in activation_dtype, FLOP/s, which the device keeps up: the ceiling speeds are
    /// compared with. A device that takes long over it measures once.
    virtual double measure_matmul_ceiling() = 0;
    /// The same of a product in FP8.
    virtual double measure_fp8_ceiling();

    /// Sizes that were met so far are those there will be: what is found out by trying has been, and is kept for other processes.
    /// From here on no new size is tried out; it is done as the one most like it.
    virtual void settle() {}

    /// The most bytes of device memory this backend has held at once, its own workspaces included.
    virtual std::size_t peak_memory() const = 0;
    /// Bytes that could still be allocated now; 0 when nobody knows.
    virtual std::size_t free_memory() const { return 0; }
};

/// Cores that this process may run on.
int usable_cores();

/// Where the CPU backend has memory from, other than the system's: throws Error(out_of_memory).
using MemorySource = std::function<Buffer(std::size_t bytes)>;

/// fp32 on OpenBLAS. `threads` 0 means all cores this process may run on.
std::unique_ptr<Backend> make_cpu_backend(int threads, MemorySource memory = {});

struct CudaOptions {
    int device = 0;
    /// Matrix products take the library's first choice of algorithm instead of the one that is fastest when
    /// timed, which may differ from process to process. All kernels of our own add in a fixed order anyway.
    bool deterministic = false;
    /// libcublasLt.so to load; empty: the usual places are searched.
    std::string cublaslt;
    /// Keeps which algorithms were the fastest, from process to process; none: each finds out for itself.
    FindingsUnder findings = {};
};

/// bf16 on an NVIDIA GPU. Throws Error(bad_input), saying what is missing, when this runner was built without
/// CUDA, or there is no driver, device or cuBLASLt that it can use.
std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options);

struct CudaDeviceInfo {
    std::string name;        ///< "NVIDIA H100 80GB HBM3"
    std::string capability;  ///< "9.0"
    std::size_t memory = 0;  ///< bytes
};
/// What `make_cuda_backend` could use. `problem` says, for people, why there is nothing; it is empty
/// otherwise.
struct CudaInfo {
    std::vector<CudaDeviceInfo> devices;
    std::string problem;
};
CudaInfo cuda_info();

}  // namespace wishbone

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "io/plan.h"
#include "model/config.h"
#include "model/recompute.h"

namespace wishbone {

/// A parameter under its Hugging Face name, e.g. `model.layers.0.self_attn.q_proj.weight`.
struct NamedTensor {
    std::string name;
    Tensor tensor;
    bool decays;  ///< weight decay applies (matrices, not norms), as in transformers' Trainer
};

/// All parameters of a model (or their gradients, or an optimizer moment) in one allocation. Fused matrices
/// (q,k,v; gate,up) are stored one above the other, so each Hugging Face tensor is a view of consecutive
/// rows.
class Parameters {
  public:
    Parameters(Backend& backend, const LlamaConfig& config, DType dtype);

    /// In the order of a Hugging Face state dict; `lm_head.weight` is absent when the head is tied.
    const std::vector<NamedTensor>& named() const { return named_; }
    /// Everything as one vector, for the optimizer.
    Tensor flat() const { return flat_; }

    struct Layer {
        Tensor attention_norm, qkv, attention_out, mlp_norm, gate_up, down;
    };
    Tensor embedding, final_norm, head;  ///< `head` views `embedding` when tied
    std::vector<Layer> layers;

  private:
    Buffer buffer_;
    Tensor flat_;
    std::vector<NamedTensor> named_;
};

/// One bin on the device, ready to run.
struct DeviceBin;
/// What a forward pass leaves for the backward pass.
struct Activations;

/// The Llama architecture (GQA, RoPE, SwiGLU, RMSNorm), written once for all backends.
class Llama {
  public:
    Llama(Backend& backend, LlamaConfig config, Recompute recompute = Recompute::none);
    ~Llama();
    Llama(const Llama&) = delete;
    Llama& operator=(const Llama&) = delete;

    const LlamaConfig& config() const;

    /// Uploads a bin. The view's arrays need not outlive the call.
    std::shared_ptr<DeviceBin> prepare(const BinView& bin);

    /// Log-probability of each of the bin's targets, in the plan's order. With `keep`, activations stay for
    /// one `backward` (they are overwritten by the next `forward` that keeps). `log_sum_squares`, when asked for,
    /// gets log sum p(.)² of each target's row.
    std::vector<float> forward(const Parameters& parameters, DeviceBin& bin, bool keep,
                               std::vector<float>* log_sum_squares = nullptr);

    /// Adds the gradient of sum(weight[r] · logp[r]) over the bin's targets to `gradients` (f32).
    /// Must follow a keeping `forward` of the same bin.
    void backward(const Parameters& parameters, Parameters& gradients, DeviceBin& bin,
                  std::span<const float> weight);

    /// Logits [tokens, V] of one plain causal sequence, on the host. For checks against other
    /// implementations.
    std::vector<float> logits(const Parameters& parameters, std::span<const std::int32_t> tokens);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace wishbone

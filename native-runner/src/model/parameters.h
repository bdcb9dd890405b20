#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "model/config.h"

namespace wishbone {

/// A parameter under its Hugging Face name, e.g. `model.layers.0.self_attn.q_proj.weight`.
struct NamedTensor {
    std::string name;
    Tensor tensor;
    bool decays;  ///< weight decay applies (matrices, not norms and biases), as in transformers' Trainer
};

struct ParameterShape {
    std::string name;
    std::vector<std::int64_t> shape;
};

/// A linear layer: weight [outputs, inputs], bias [outputs] or empty.
struct Linear {
    Tensor weight, bias;
};

/// All parameters of a model (or their gradients, or an optimizer moment) in one allocation. Fused matrices
/// (q,k,v; gate,up) are stored one above the other, so each Hugging Face tensor is a view of consecutive
/// rows.
class Parameters {
  public:
    Parameters(Backend& backend, const ModelConfig& config, DType dtype);

    /// In the order of a Hugging Face state dict; `lm_head.weight` is absent when the head is tied.
    const std::vector<NamedTensor>& named() const { return named_; }
    /// Everything as one vector, for the optimizer.
    Tensor flat() const { return flat_; }

    /// Norms that the model does not have are empty.
    struct Layer {
        Tensor before_attention, after_attention, before_mlp, after_mlp;  ///< norms, [H]
        Tensor query_norm, key_norm;  ///< [D] each, or [Hq·D] and [Hkv·D]
        Linear qkv, attention_out, gate_up, down;
    };
    Tensor embedding, final_norm, head;  ///< `head` views `embedding` when tied
    std::vector<Layer> layers;

  private:
    friend std::vector<ParameterShape> parameter_shapes(const ModelConfig& config);

    class Cutter;
    Parameters() = default;
    void cut(const ModelConfig& config, Cutter& cutter);

    Buffer buffer_;
    Tensor flat_;
    std::vector<NamedTensor> named_;
};

/// Every parameter of the model, as `Parameters::named` gives them.
std::vector<ParameterShape> parameter_shapes(const ModelConfig& config);

/// Number of elements of all parameters.
std::int64_t parameter_count(const ModelConfig& config);

}  // namespace wishbone

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "model/config.h"
#include "model/named_tensors.h"

namespace wishbone {

/// A linear layer: weight [outputs, inputs], bias [outputs] or empty.
struct Linear {
    Tensor weight, bias;
};

/// All parameters of a model (or their gradients, or an optimizer moment) in one allocation. Fused matrices
/// (q,k,v; gate,up) are stored one above the other, so each Hugging Face tensor is a view of consecutive
/// rows. `lm_head.weight` has no name of its own when the head is tied.
class Parameters : public NamedTensors {
  public:
    /// Buckets: the embedding, each layer, and what lies behind them; each can be divided into `parts`. With `layers_at_once` there
    /// is room for so many layers, which have it in turn: `flat` and `held` are then of no use.
    Parameters(Backend& backend, const ModelConfig& config, DType dtype, std::int64_t parts = 1,
               std::optional<std::size_t> layers_at_once = std::nullopt);

    /// Norms that the model does not have are empty.
    struct Layer {
        Tensor before_attention, after_attention, before_mlp, after_mlp;  ///< norms, [H]
        Tensor query_norm, key_norm;                                      ///< [D] each, or [Hq·D] and [Hkv·D]
        Linear qkv, attention_out, gate_up, down;
    };
    Tensor embedding, final_norm, head;  ///< `head` views `embedding` when tied
    std::vector<Layer> layers;

  private:
    friend std::vector<ParameterShape> parameter_shapes(const ModelConfig& config);

    Parameters() = default;
    void cut(const ModelConfig& config, Cutter& cutter);
};

/// Every parameter of the model, as `Parameters::named` gives them.
std::vector<ParameterShape> parameter_shapes(const ModelConfig& config);

/// Number of elements of all parameters.
std::int64_t parameter_count(const ModelConfig& config);

}  // namespace wishbone

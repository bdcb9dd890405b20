#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "model/config.h"
#include "model/named_tensors.h"

namespace wishbone {

/// A linear layer: weight [outputs, inputs], bias [outputs] or empty. Where the weight is in FP8 alone, the scale of each of its rows.
struct Linear {
    Tensor weight, bias;
    Tensor scale = {};

    Fp8Matrix in_fp8() const { return {weight, scale}; }
};

/// Says that weights of linear layers are in FP8 alone (see Parameters).
struct FrozenInFp8 {};

/// All parameters of a model (or their gradients, or an optimizer moment) in one allocation. Fused matrices
/// (q,k,v; gate,up) are stored one above the other, so each Hugging Face tensor is a view of consecutive
/// rows. `lm_head.weight` has no name of its own when the head is tied.
class Parameters : public NamedTensors {
  public:
    /// Buckets: the embedding, each layer, and what lies behind them; each can be divided into `parts`. With `layers_at_once` there
    /// is room for so many layers, which have it in turn: `flat` and `held` are then of no use.
    Parameters(Backend& backend, const ModelConfig& config, DType dtype, std::int64_t parts = 1,
               std::optional<std::size_t> layers_at_once = std::nullopt);
    /// Of a model that stays as it is: the layers' linear weights are in FP8, one byte each and a scale a row, and nowhere else. They
    /// have no part in `named` and `flat`: see `frozen`. All else is in the backend's dtype of activations.
    Parameters(Backend& backend, const ModelConfig& config, FrozenInFp8);

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

    struct Fp8Room;

    Parameters() = default;
    /// `room`: where linear weights are in FP8.
    void cut(const ModelConfig& config, Cutter& cutter, Fp8Room* room = nullptr);

    Buffer frozen_memory_;
};

/// Every parameter of the model, as `Parameters::named` gives them.
std::vector<ParameterShape> parameter_shapes(const ModelConfig& config);

/// Number of elements of all parameters.
std::int64_t parameter_count(const ModelConfig& config);

}  // namespace wishbone

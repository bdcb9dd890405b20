#pragma once

#include <cstdint>
#include <vector>

#include "backend/backend.h"
#include "model/lora_config.h"
#include "model/named_tensors.h"

namespace wishbone {

/// A LoRA adapter of a model (or its gradient): `<module>.lora_A.weight` [r, inputs] and
/// `<module>.lora_B.weight` [outputs, r] of each module, in one allocation. What the runner computes as one
/// linear layer (queries, keys and values; gate and up) has its lora_A one below the other, so that one
/// product serves them all.
class Lora : public NamedTensors {
  public:
    /// One bucket, which can be divided into `parts`: an adapter is small.
    Lora(Backend& backend, const ModelConfig& config, std::vector<LoraModule> modules, DType dtype,
         std::int64_t parts = 1);

    const std::vector<LoraModule>& modules() const { return modules_; }

    /// The adapters on a layer's linear layers.
    struct Layer {
        LowRank qkv, attention_out, gate_up, down;
    };
    std::vector<Layer> layers;

  private:
    std::vector<LoraModule> modules_;
};

/// Where an adapter starts that is not loaded, as PEFT's: lora_A uniform between ±1/sqrt(inputs) (Kaiming
/// with a = sqrt(5)), drawn from `seed`, lora_B zero. `adapter` is f32.
void initialise(Backend& backend, const NamedTensors& adapter, std::int64_t seed);

}  // namespace wishbone

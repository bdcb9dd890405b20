#pragma once

#include <cstdint>
#include <optional>

#include "backend/backend.h"
#include "comm/communicator.h"
#include "model/policy.h"
#include "model/precision.h"
#include "train/ranks/pulled_weights.h"
#include "train/ranks/sharding.h"

namespace wishbone {

/// Parts that what is trained is divided into.
inline std::int64_t parts_of(const Communicator& ranks, Sharding sharding) {
    return sharding == Sharding::none ? 1 : ranks.parts();
}

/// A rank's weights of a model, whole or shared out.
class RankModel {
  public:
    /// Zero. `is_trained`: all of it, not an adapter on it. Where it is not, and computed with in FP8, linear weights are in FP8 alone,
    /// unless they are shared out. On all ranks.
    RankModel(Backend& backend, const ModelConfig& config, Communicator& ranks, Sharding sharding,
              bool is_trained, Precision precision = Precision::bf16) {
        if (sharding == Sharding::parameters && ranks.parts() > 1)
            pulled_.emplace(backend, config, ranks);
        else if (!is_trained && precision == Precision::fp8)
            whole_.emplace(backend, config, FrozenInFp8());
        else
            whole_.emplace(backend, config, backend.activation_dtype(),
                           is_trained ? parts_of(ranks, sharding) : 1);
    }

    /// What is kept here: all, or a shard. Call `changed` after writing to it, on all ranks.
    NamedTensors& kept() { return pulled_ ? pulled_->own() : *whole_; }
    void changed() {
        if (pulled_) pulled_->changed();
    }
    Policy policy(Lora* adapter) {
        if (pulled_) return {pulled_->weights(), adapter, &pulled_->own(), &*pulled_};
        return {*whole_, adapter, nullptr, nullptr};
    }

  private:
    std::optional<Parameters> whole_;
    std::optional<PulledWeights> pulled_;
};

}  // namespace wishbone

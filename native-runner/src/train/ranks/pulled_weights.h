#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "backend/backend.h"
#include "comm/communicator.h"
#include "model/model_view.h"

namespace wishbone {

/// A model whose weights are shared out among the ranks of a process: each keeps its shard, and the embedding, the last norm and the
/// head, and brings the layers that a pass is at from all shards, the next one while it computes with one.
///
/// A rank reads what others hold by itself, and they need not take part: so one alone may generate text, and ranks may evaluate
/// different numbers of bins. Nobody reads while weights change: ranks meet before (for the norm of the gradient) and after.
class PulledWeights final : public WeightSupply {
  public:
    /// Zero. On all ranks.
    PulledWeights(Backend& backend, const ModelConfig& config, Communicator& ranks);

    /// What passes read.
    Parameters& weights() { return weights_; }
    /// What this rank keeps, in the same dtype. Call `changed` after writing to it.
    NamedTensors& own() { return own_; }

    void use(std::int64_t layer) override;
    void changed() override;
    void copy_to(const Parameters& to) override;

  private:
    void pull(const Bucket& bucket, Tensor to);
    /// Has a layer come, unless it is there or on its way.
    void fetch(std::int64_t layer);
    std::size_t slot_of(std::int64_t layer) const { return static_cast<std::size_t>(layer) % held_.size(); }

    Backend& backend_;
    Communicator& ranks_;
    Parameters weights_;
    NamedTensors own_;
    std::vector<void*> shards_;  ///< of all ranks of this process, by part
    /// What each slot for a layer holds, and Communicator::pulls when it was asked for.
    struct Held {
        std::optional<std::int64_t> layer;
        std::uint64_t pulls = 0;
    };
    std::vector<Held> held_;
    std::int64_t last_ = -1, direction_ = 1;
};

}  // namespace wishbone

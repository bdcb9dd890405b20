#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "backend/backend.h"
#include "model/named_tensors.h"
#include "train/optimizer/groups.h"
#include "train/options/training_options.h"

namespace wishbone {

/// AdamW (arXiv 1711.05101) on what is trained, and its state: an f32 master copy where the device computes in less, the
/// two moments, and how many updates there were.
///
/// All of it is element by element over `NamedTensors::flat`, in ranges of equal settings (groups.h); stochastic rounding is
/// seeded by an element's place there. So a range of the flat vector can be updated anywhere, with the same result.
class Optimizer {
  public:
    /// Allocates the master copy, from `trained`, and the moments, which are zero. `trained` must outlive it.
    Optimizer(Backend& backend, NamedTensors& trained, const TrainingOptions& options);

    /// One update. `grad_norm`: of the whole gradient, before clipping.
    void update(const NamedTensors& gradients, double learning_rate, double grad_norm);

    /// The trained weights in f32: the master copy, or the weights themselves where they are f32. Call `master_changed`
    /// after writing to them.
    NamedTensors& master() { return master_ ? *master_ : trained_; }
    /// Rounds the master copy to the weights that are computed with.
    void master_changed();
    NamedTensors& first_moment() { return first_moment_; }
    NamedTensors& second_moment() { return second_moment_; }
    /// Updates done so far, on which AdamW's bias correction depends. Set on resume.
    std::int64_t updates() const { return updates_; }
    void set_updates(std::int64_t updates) { updates_ = updates; }

  private:
    Backend& backend_;
    NamedTensors& trained_;
    double beta1_, beta2_, epsilon_, max_grad_norm_;
    std::optional<NamedTensors> master_;
    NamedTensors first_moment_, second_moment_;
    std::vector<OptimizerGroup> groups_;
    std::int64_t updates_ = 0;
};

}  // namespace wishbone

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "comm/communicator.h"
#include "model/named_tensors.h"
#include "train/optimizer/groups.h"
#include "train/optimizer/offload.h"
#include "train/options/training_options.h"
#include "train/ranks/exposed_time.h"
#include "train/ranks/sharding.h"

namespace wishbone {

/// AdamW (arXiv 1711.05101) on what is trained, and its state: an f32 master copy where the device computes in less, the
/// two moments, and how many updates there were.
///
/// All of it is element by element over `NamedTensors::flat`, in ranges of equal settings (groups.h); stochastic rounding is
/// seeded by an element's place there. So a range of the flat vector can be updated anywhere, with the same result.
///
/// Where it is offloaded, its state is in memory of `Backend::host` and goes through the device in pieces when it is needed: an
/// update then takes as long as the bus needs for the state, in both directions at once, and gives the same bits.
///
/// Where it is sharded, each rank has the state of its own part of every bucket, updates that, and all gather the weights.
class Optimizer {
  public:
    /// Allocates the master copy, from `trained`, and the moments, which are zero. `trained` and `ranks` must outlive it; where the
    /// optimizer is sharded, `trained` has as many parts as `ranks` has.
    /// `trained` may be this rank's shard; then `changed` is called on all ranks when its weights have.
    Optimizer(
        Backend& backend, NamedTensors& trained, const TrainingOptions& options, Communicator& ranks,
        Sharding sharding, std::function<void()> changed = [] {}, Offload offload = {});

    /// One update, on all ranks. `gradients`: the sum of all ranks' (a shard, or the whole of which at least the own parts hold).
    /// `grad_norm`: of the whole gradient, before clipping.
    /// `exposed` gets the time that it takes to gather the weights.
    void update(const NamedTensors& gradients, double learning_rate, double grad_norm, ExposedTime& exposed);

    /// Whether what is updated here is all of it, and in the device's memory.
    bool may_update_beside() const { return !is_sharded() && !offload_.optimizer; }
    /// The same of such, beside what the backend is asked for from now on: for each bucket
    /// of what is trained the milestone before which nothing may read its weights, state or gradient. Null where there is nothing to await.
    std::vector<std::unique_ptr<Milestone>> update_beside(const NamedTensors& gradients, double learning_rate,
                                                          double grad_norm);

    /// The trained weights in f32: the master copy, which may be a shard and may be offloaded, or the weights themselves where they
    /// are f32. Call `master_changed` after writing to them.
    NamedTensors& master() { return master_ ? *master_ : trained_; }
    /// Rounds the master copy to the weights that are computed with, which all ranks then have. On all ranks.
    void master_changed();
    /// Calls `read` with all that is here of `master`, on the device, part by part, and the element of the flat vector with which
    /// each begins.
    void read_master(const std::function<void(std::int64_t begin, Tensor master)>& read);
    NamedTensors& first_moment() { return first_moment_; }
    NamedTensors& second_moment() { return second_moment_; }
    /// Updates done so far, on which AdamW's bias correction depends. Set on resume.
    std::int64_t updates() const { return updates_; }
    void set_updates(std::int64_t updates) { updates_ = updates; }

  private:
    bool is_sharded() const { return first_moment_.is_shard(); }
    /// Elements [begin, end) of the flat vector, all of one bucket where it is sharded. `number`: of the first, whatever the number
    /// of parts. `bucket` is its number there, else 0.
    struct Stretch {
        std::int64_t begin, end, number;
        std::size_t bucket;
    };
    /// What is updated here: all of it, or this rank's part of each bucket.
    std::vector<Stretch> own_stretches() const;
    /// What belongs to a stretch of tensors that are whole or a shard.
    Tensor own_of(const NamedTensors& tensors, const Stretch& stretch) const;
    /// Calls `work` with every stretch, or where the state is offloaded with parts of them: which elements, and `tensors` of them,
    /// on the device. `done` follows when all of a stretch have been.
    void for_each_part(
        const std::vector<NamedTensors*>& tensors, bool come, bool go,
        const std::function<void(const Stretch&, std::span<const Tensor>)>& work,
        const std::function<void(const Stretch&)>& done = [](const Stretch&) {});
    /// Elements of a part.
    std::int64_t part_elements() const;
    std::vector<NamedTensors*> state();
    void copy_to_master();
    /// What the gradient is multiplied by so that its norm is no larger than asked for.
    double scale_of(double grad_norm) const;
    /// Calls `adamw` with the arguments of Backend::adamw for every range of a part that has settings of its own.
    template <typename Update>
    void for_each_group(const Stretch& part, const Tensor& gradient, std::span<const Tensor> state,
                        double learning_rate, double scale, const Update& adamw);

    Backend& backend_;
    Communicator& ranks_;
    std::function<void()> changed_;
    NamedTensors& trained_;
    Offload offload_;
    double beta1_, beta2_, epsilon_, max_grad_norm_;
    std::optional<NamedTensors> master_;
    NamedTensors first_moment_, second_moment_;
    std::vector<OptimizerGroup> groups_;
    std::int64_t updates_ = 0;
};

}  // namespace wishbone

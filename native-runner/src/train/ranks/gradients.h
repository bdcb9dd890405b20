#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "backend/backend.h"
#include "comm/communicator.h"
#include "model/backward_progress.h"
#include "model/policy.h"
#include "train/ranks/exposed_time.h"
#include "train/ranks/sharding.h"

namespace wishbone {

/// The gradient of what is trained, f32, summed over the bins of a step and over all ranks. Buckets are summed over ranks while
/// the backward pass goes on to the next.
///
/// Where gradients are not sharded, a rank adds up those of all its bins, and ranks sum once, in the last one. Where they are,
/// there is room for those of few layers: then they are summed in every bin, as often as bins are more than ranks, into the
/// shard that each rank keeps, within their process; over processes in the last one. An adapter's gradient is small and is always there
/// as a whole.
class Gradients final : public BackwardProgress {
  public:
    /// `exposed` gets the time that it takes to sum over ranks.
    Gradients(Backend& backend, const ModelConfig& config, const Policy& policy, Communicator& ranks,
              Sharding sharding, ExposedTime& exposed);

    /// A step begins, of which this rank computes `own_bins`, and some rank `most_bins`. From zero.
    void begin_step(std::size_t own_bins, std::size_t most_bins);
    /// Around the backward pass of each bin, which adds to `view` or writes it, and tells `progress`. Without targets a pass
    /// leaves the gradient as it is.
    void begin_bin(bool has_targets);
    void end_bin();
    GradientView view() {
        GradientView view = full_ ? GradientView(*full_) : GradientView(*adapter_);
        view.adds = !writes_;
        return view;
    }
    BackwardProgress* progress() { return full_ && ranks_.size() > 1 ? this : nullptr; }
    /// After all bins: what other ranks still have to sum. What is asked of the backend afterwards finds `sum` there.
    void finish();

    /// What `finish` leaves: a shard, or all, of which the own parts hold where the optimizer is sharded.
    NamedTensors& sum() {
        if (shard_) return *shard_;
        return full_ ? static_cast<NamedTensors&>(*full_) : *adapter_;
    }
    /// Of the whole gradient, the same on all ranks.
    double norm();

    void begin(std::size_t bucket) override;
    void done(std::size_t bucket) override;

  private:
    NamedTensors& added_to() { return full_ ? static_cast<NamedTensors&>(*full_) : *adapter_; }
    /// Makes room for a bucket where there is not one for each.
    void prepare(std::size_t bucket);
    void exchange(std::size_t bucket);
    void exchange_rest();
    /// Zero, where no bin had a target.
    void zero_unwritten();

    Backend& backend_;
    Communicator& ranks_;
    Sharding sharding_;
    ExposedTime& exposed_;
    std::optional<Parameters> full_;
    std::optional<Lora> adapter_;
    std::optional<NamedTensors> shard_;
    std::size_t own_bins_ = 0, most_bins_ = 0, bin_ = 0;
    bool writes_ = false;      ///< the bin's pass writes, and does not find zeros or what bins before came to
    bool is_written_ = false;  ///< what is not sharded, in this step
    std::size_t left_ = 0;     ///< buckets that are not exchanged yet
    std::vector<std::uint64_t> last_use_;  ///< of each bucket's memory: Communicator::operations then
};

}  // namespace wishbone

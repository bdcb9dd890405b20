#include "train/ranks/gradients.h"

#include <cmath>

#include "backend/require.h"

namespace wishbone {

namespace {

/// Layers whose gradients are there at once where they are sharded: one that is computed, one that is summed.
constexpr std::size_t layers_at_once = 2;

}  // namespace

Gradients::Gradients(Backend& backend, const ModelConfig& config, const Policy& policy, Communicator& ranks,
                     Sharding sharding, ExposedTime& exposed)
    : backend_(backend),
      ranks_(ranks),
      sharding_(ranks.parts() == 1 ? Sharding::none : sharding),
      exposed_(exposed) {
    const std::int64_t parts = policy.trained().parts();
    if (policy.adapter != nullptr) {
        adapter_.emplace(backend, config, policy.adapter->modules(), DType::f32, parts);
    } else if (sharding_ >= Sharding::gradients) {
        full_.emplace(backend, config, DType::f32, parts, layers_at_once);
        shard_.emplace(backend, *full_, DType::f32, ranks.part());
    } else {
        full_.emplace(backend, config, DType::f32, parts);
    }
    last_use_.resize(added_to().buckets().size());
}

void Gradients::begin_step(std::size_t own_bins, std::size_t most_bins) {
    own_bins_ = own_bins;
    most_bins_ = most_bins;
    bin_ = 0;
    left_ = 0;
    last_use_.assign(last_use_.size(), 0);
    writes_ = is_written_ = false;
    if (adapter_) backend_.zero(adapter_->flat());
    if (ranks_.size() > 1) ranks_.fork();
}

void Gradients::begin_bin(bool has_targets) {
    ++bin_;
    // A shard gets its sum from every bin: what follows the first goes on from there.
    writes_ = full_ && has_targets && (shard_ ? bin_ == 1 : !is_written_);
    is_written_ |= has_targets;
    if (ranks_.size() == 1) return;
    if (shard_ || bin_ == own_bins_) left_ = added_to().buckets().size();
    if (!shard_) return;
    prepare(0);
    prepare(left_ - 1);
}

void Gradients::end_bin() {
    if (bin_ == own_bins_) zero_unwritten();
    exposed_.beside([&] { exchange_rest(); });
}

void Gradients::finish() {
    if (own_bins_ == 0) zero_unwritten();
    if (ranks_.size() == 1) return;
    exposed_.ending([&] {
        if (shard_) {
            while (bin_ < most_bins_) {
                begin_bin(false);
                exchange_rest();
            }
        } else if (own_bins_ == 0) {
            left_ = added_to().buckets().size();
            exchange_rest();
        }
        ranks_.join();
    });
}

double Gradients::norm() {
    if (sharding_ == Sharding::none) return std::sqrt(backend_.sum_of_squares(sum().flat()));
    double squares = 0;
    if (shard_)
        squares = backend_.sum_of_squares(shard_->flat());
    else
        for (const Bucket& bucket : sum().buckets())
            squares += backend_.sum_of_squares(sum().part_of(bucket, ranks_.part()));
    // Every process has all parts: those of the first count.
    if (ranks_.rank() >= ranks_.parts()) squares = 0;
    exposed_.blocking([&] { ranks_.sum({&squares, 1}); });
    return std::sqrt(squares);
}

void Gradients::begin(std::size_t bucket) {
    if (shard_) prepare(bucket);
}

void Gradients::done(std::size_t bucket) {
    if (left_ == 0) return;
    require(bucket + 1 == left_, "gradients");
    exposed_.beside([&] { exchange(bucket); });
}

void Gradients::prepare(std::size_t bucket) {
    const Bucket& place = added_to().buckets()[bucket];
    // Whatever shares its memory.
    for (std::size_t i = 0; i < last_use_.size(); ++i)
        if (added_to().buckets()[i].place == place.place) ranks_.join(last_use_[i]);
    if (!writes_) backend_.zero(added_to().of(place));
    // The sum goes on from that of the bins before.
    if (bin_ > 1) backend_.copy(added_to().part_of(place, ranks_.part()), shard_->own_of(place));
}

void Gradients::exchange(std::size_t bucket) {
    const Bucket& place = added_to().buckets()[bucket];
    const Tensor all = added_to().of(place);
    if (sharding_ == Sharding::none) {
        ranks_.all_reduce(all);
        last_use_[bucket] = ranks_.operations();
    } else {
        const Tensor own = shard_ ? shard_->own_of(place) : added_to().part_of(place, ranks_.part());
        ranks_.reduce_scatter(own, all);
        last_use_[bucket] = ranks_.operations();
        // Between processes once a step: what a process has added up goes on in the next bin.
        if (!shard_ || bin_ == most_bins_) ranks_.reduce_counterparts(own);
    }
    left_ = bucket;
}

void Gradients::exchange_rest() {
    while (left_ > 0) {
        const std::size_t bucket = left_ - 1;
        // The first and the last one are prepared when the bin begins.
        if (shard_ && bucket != 0 && bucket + 1 != last_use_.size()) prepare(bucket);
        exchange(bucket);
    }
}

void Gradients::zero_unwritten() {
    if (!is_written_ && full_ && !shard_) backend_.zero(full_->flat());
}

}  // namespace wishbone

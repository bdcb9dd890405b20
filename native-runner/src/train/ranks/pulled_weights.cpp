#include "train/ranks/pulled_weights.h"

namespace wishbone {

namespace {

/// One that is computed with, one that comes.
constexpr std::size_t layers_at_once = 2;

}  // namespace

PulledWeights::PulledWeights(Backend& backend, const ModelConfig& config, Communicator& ranks)
    : backend_(backend),
      ranks_(ranks),
      weights_(backend, config, backend.activation_dtype(), ranks.parts(), layers_at_once),
      own_(backend, weights_, backend.activation_dtype(), ranks.part()),
      shards_(ranks.show(own_.flat().data)),
      held_(layers_at_once) {}

void PulledWeights::pull(const Bucket& bucket, Tensor to) {
    const std::int64_t part = bucket.size() / own_.parts();
    for (std::int64_t rank = 0; rank < own_.parts(); ++rank) {
        const auto* const shard = static_cast<const std::byte*>(shards_[static_cast<std::size_t>(rank)]);
        const auto offset = static_cast<std::size_t>(bucket.begin / own_.parts()) * size_of(to.dtype);
        ranks_.pull(to.slice(rank * part, (rank + 1) * part), shard + offset);
    }
}

void PulledWeights::changed() {
    backend_.synchronize();
    ranks_.barrier();
    for (Held& held : held_) held = {};
    last_ = -1;
    for (const Bucket& bucket : {weights_.buckets().front(), weights_.buckets().back()})
        pull(bucket, weights_.of(bucket));
    ranks_.join_pulls(ranks_.pulls());
}

void PulledWeights::copy_to(const Parameters& to) {
    for (const Bucket& bucket : to.buckets()) pull(bucket, to.of(bucket));
    ranks_.join_pulls(ranks_.pulls());
}

void PulledWeights::fetch(std::int64_t layer) {
    Held& held = held_[slot_of(layer)];
    if (held.layer == layer) return;
    const Bucket& bucket = weights_.buckets()[static_cast<std::size_t>(1 + layer)];
    pull(bucket, weights_.of(bucket));
    held = {layer, ranks_.pulls()};
}

void PulledWeights::use(std::int64_t layer) {
    const auto layers = static_cast<std::int64_t>(weights_.layers.size());
    // A pass goes up, and behind the last layer down again, until one begins anew.
    if (layer != last_) direction_ = layer > last_ ? 1 : -1;
    if (layer == layers - 1) direction_ = -1;
    if (layer == 0) direction_ = 1;
    last_ = layer;
    fetch(layer);
    ranks_.join_pulls(held_[slot_of(layer)].pulls);
    // Its place is that of the layer before, which the backend was asked to compute already.
    if (const std::int64_t next = layer + direction_; next >= 0 && next < layers) fetch(next);
}

}  // namespace wishbone

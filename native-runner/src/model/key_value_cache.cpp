#include "model/key_value_cache.h"

namespace wishbone {

KeyValueCache::KeyValueCache(Backend& backend, const ModelConfig& config, std::int64_t capacity)
    : dtype_(backend.activation_dtype()),
      // Layers begin on 128-byte boundaries.
      capacity_((capacity + 63) / 64 * 64),
      heads_(config.query_heads + 2 * config.kv_heads),
      head_dim_(config.head_dim) {
    memory_ = backend.allocate(static_cast<std::size_t>(config.layers * capacity_ * heads_ * head_dim_) *
                               size_of(dtype_));
}

Tensor KeyValueCache::rows(std::int64_t layer, std::int64_t begin, std::int64_t end) const {
    const auto first = static_cast<std::size_t>((layer * capacity_ + begin) * heads_ * head_dim_);
    return Tensor(static_cast<std::byte*>(memory_.get()) + first * size_of(dtype_), dtype_,
                  {end - begin, heads_, head_dim_});
}

}  // namespace wishbone

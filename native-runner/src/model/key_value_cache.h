#pragma once

#include <cstdint>
#include <vector>

#include "backend/backend.h"
#include "model/config.h"

namespace wishbone {

/// What one sequence's tokens so far left behind for those to come: in every layer queries, keys and values as attention
/// reads them, [capacity, Hq + 2 Hkv, D]. The queries lie between the keys in the layout of the kernels; a token's own is
/// not read again.
class KeyValueCache {
  public:
    /// Throws Error(out_of_memory).
    KeyValueCache(Backend& backend, const ModelConfig& config, std::int64_t capacity);

    /// Rows [begin, end) of a layer.
    Tensor rows(std::int64_t layer, std::int64_t begin, std::int64_t end) const;

    std::int64_t capacity() const { return capacity_; }
    std::int64_t length = 0;  ///< tokens in it

  private:
    Buffer memory_;
    DType dtype_;
    std::int64_t capacity_, heads_, head_dim_;
};

}  // namespace wishbone

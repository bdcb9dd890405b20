#pragma once

#include <climits>

#include "backend/cuda/attention/mma/tiles.h"

namespace wishbone::cuda::mma {

/// The keys of a query tile (see QueryTile), `columns` at a time. One thread asks for one place of each key
/// tile, from the last tile to the first, so that its way through the runs only leads up.
class KeyList {
  public:
    __device__ KeyList(const QueryTile& tile, int first, int last, const KeyRun* runs)
        : first_(first),
          ancestors_(tile.ancestors),
          size_(tile.ancestors + last - first + 1),
          run_(tile.run),
          runs_(runs) {}

    __device__ int size() const { return size_; }

    /// The token at a place, INT_MAX behind the last one.
    __device__ int at(int place) {
        if (place >= size_) return INT_MAX;
        if (place >= ancestors_) return first_ + place - ancestors_;
        while (place < run_.depth) run_ = runs_[run_.parent];
        return run_.begin + place - run_.depth;
    }

  private:
    int first_, ancestors_, size_;
    KeyRun run_;
    const KeyRun* runs_;
};

}  // namespace wishbone::cuda::mma

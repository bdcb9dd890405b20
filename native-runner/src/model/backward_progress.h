#pragma once

#include <cstddef>

namespace wishbone {

/// Is told of a backward pass over all parameters as it goes on, by the buckets of Parameters, the last one first.
class BackwardProgress {
  public:
    virtual ~BackwardProgress() = default;
    /// The pass is about to add to this bucket. Not told of the first and the last one, to which it may add at any time.
    virtual void begin(std::size_t bucket) = 0;
    /// It adds nothing more to this bucket.
    virtual void done(std::size_t bucket) = 0;
};

}  // namespace wishbone

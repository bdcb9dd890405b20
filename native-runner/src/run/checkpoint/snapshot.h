#pragma once

#include <cstddef>
#include <map>
#include <memory>

#include "backend/backend.h"
#include "run/checkpoint/checkpoint.h"

namespace wishbone {

/// Copies of the tensors that checkpoints are of, so that training can go on while one is written. Its memory is kept from one
/// checkpoint to the next.
class Snapshot {
  public:
    /// `device`: where the tensors are. `place`: where the copies are, the same backend or one in host memory. `room`: bytes that
    /// may be taken there.
    Snapshot(Backend& device, Backend& place, std::size_t room)
        : device_(device), place_(place), room_(room) {}

    /// Makes room for copies of all the tensors. False where there is not enough.
    bool reserve(const CheckpointFiles& files);
    /// Copies what was reserved for, shards from wherever they are. Within one backend it is only put in the backend's queue, before
    /// whatever is asked of it later; to another one it is done when the call returns.
    void copy(const CheckpointFiles& files);
    /// The same files, of the copies.
    CheckpointFiles copied(const CheckpointFiles& files) const;

    Backend& place() const { return place_; }
    bool is_in_place() const { return &device_ == &place_; }

  private:
    Backend& device_;
    Backend& place_;
    std::size_t room_;
    std::map<const NamedTensors*, std::unique_ptr<NamedTensors>> copies_;
};

}  // namespace wishbone

#pragma once

#include <cstddef>
#include <span>

namespace wishbone {

/// A tensor on its way to the host.
class PendingDownload {
  public:
    virtual ~PendingDownload() = default;
    /// Whether it is there already.
    virtual bool is_there() const = 0;
    /// Its values, once they are there; they go with this object.
    virtual std::span<const std::byte> wait() = 0;
};

}  // namespace wishbone

#pragma once

#include <cstddef>
#include <map>
#include <mutex>

#include "backend/backend.h"

namespace wishbone::cuda {

/// Device memory of one stream. Blocks that come back are kept and handed out again, so that buffers of a bin
/// cost no call of the driver; since all work is ordered on the one stream, a block may be handed out while
/// earlier work still uses it. Pieces are 512-byte aligned.
class DeviceMemory {
  public:
    explicit DeviceMemory(std::size_t device_bytes) : device_bytes_(device_bytes) {}
    ~DeviceMemory();
    DeviceMemory(const DeviceMemory&) = delete;
    DeviceMemory& operator=(const DeviceMemory&) = delete;

    /// Throws Error(out_of_memory).
    void* take(std::size_t bytes);
    void give_back(void* memory) noexcept;
    /// Gives what nobody uses back to the driver.
    void trim() noexcept;

    std::size_t peak() const { return peak_; }

  private:
    void* find_free(std::size_t bytes);
    void release_free() noexcept;

    std::size_t device_bytes_;
    std::mutex mutex_;
    std::multimap<std::size_t, void*> free_;  ///< by size
    std::map<void*, std::size_t> used_;       ///< sizes of the blocks handed out
    std::size_t in_use_ = 0, kept_ = 0, peak_ = 0;
};

/// A buffer of `memory`, which it keeps alive.
Buffer take_buffer(const std::shared_ptr<DeviceMemory>& memory, std::size_t bytes);

}  // namespace wishbone::cuda

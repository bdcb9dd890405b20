#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>

namespace wishbone::cuda {

/// Uploads that need no waiting: host arrays are copied to pinned blocks, and from there to the device in the
/// order of the stream. Blocks are used in turn; one is filled again once the device has read it.
class PinnedStaging {
  public:
    explicit PinnedStaging(cudaStream_t stream) : stream_(stream) {}
    ~PinnedStaging();
    PinnedStaging(const PinnedStaging&) = delete;
    PinnedStaging& operator=(const PinnedStaging&) = delete;

    void upload(void* to, const void* from, std::size_t bytes);

  private:
    static constexpr std::size_t block_bytes = std::size_t{8} << 20;
    struct Block {
        std::byte* memory = nullptr;
        cudaEvent_t read = nullptr;  ///< after the last copy out of the block
        std::size_t used = 0;
    };

    void next_block();

    cudaStream_t stream_;
    std::array<Block, 4> blocks_{};
    std::size_t current_ = 0;
};

}  // namespace wishbone::cuda

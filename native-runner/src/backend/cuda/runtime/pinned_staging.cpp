#include "backend/cuda/runtime/pinned_staging.h"

#include <algorithm>
#include <cstring>

#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {

PinnedStaging::~PinnedStaging() {
    for (Block& block : blocks_) {
        if (block.read != nullptr) (void)cudaEventDestroy(block.read);
        if (block.memory != nullptr) (void)cudaFreeHost(block.memory);
    }
}

void PinnedStaging::upload(void* to, const void* from, std::size_t bytes) {
    const auto* source = static_cast<const std::byte*>(from);
    auto* target = static_cast<std::byte*>(to);
    while (bytes > 0) {
        if (blocks_[current_].memory == nullptr || blocks_[current_].used == block_bytes) next_block();
        Block& block = blocks_[current_];
        const std::size_t part = std::min(bytes, block_bytes - block.used);
        std::memcpy(block.memory + block.used, source, part);
        check(cudaMemcpyAsync(target, block.memory + block.used, part, cudaMemcpyHostToDevice, stream_),
              "cudaMemcpyAsync to the device");
        constexpr std::size_t line = 256;
        block.used = std::min(block_bytes, (block.used + part + line - 1) / line * line);
        source += part;
        target += part;
        bytes -= part;
    }
}

void PinnedStaging::next_block() {
    if (blocks_[current_].memory != nullptr) {
        check(cudaEventRecord(blocks_[current_].read, stream_), "cudaEventRecord");
        current_ = (current_ + 1) % blocks_.size();
    }
    Block& block = blocks_[current_];
    if (block.memory == nullptr) {
        check(cudaEventCreateWithFlags(&block.read, cudaEventDisableTiming), "cudaEventCreate");
        void* memory = nullptr;
        check(cudaHostAlloc(&memory, block_bytes, cudaHostAllocDefault), "pinned host memory");
        block.memory = static_cast<std::byte*>(memory);
    } else {
        check(cudaEventSynchronize(block.read), "cudaEventSynchronize");
    }
    block.used = 0;
}

}  // namespace wishbone::cuda

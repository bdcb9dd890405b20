#include "backend/cuda/runtime/pinned_memory.h"

#include <cuda_runtime_api.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend/cuda/runtime/check.h"
#include "core/workers.h"

namespace wishbone::cuda {
namespace {

constexpr std::size_t page = 4096, huge_page = std::size_t{2} << 20;
constexpr std::size_t most_threads = 16;

std::size_t rounded_up(std::size_t value, std::size_t unit) { return (value + unit - 1) / unit * unit; }

Error no_memory(std::size_t bytes) {
    return {ExitCode::out_of_memory,
            "The host has no " + std::to_string(bytes >> 20) + " MiB of memory that a GPU can use",
            "cuda backend",
            "Set runner.offload to \"none\", or training.adam_moments to \"bfloat16\", or use a machine with "
            "more memory."};
}

/// Address space that begins at a block's address, and the blocks of it that are pinned.
class Region {
  public:
    explicit Region(std::size_t bytes) : bytes_(rounded_up(bytes, huge_page)) {
        const std::size_t reserved = bytes_ + pinned_block_bytes;
        void* const mapped = reserved < bytes ? MAP_FAILED
                                              : ::mmap(nullptr, reserved, PROT_READ | PROT_WRITE,
                                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapped == MAP_FAILED) throw no_memory(bytes);
        auto* const first = static_cast<std::byte*>(mapped);
        const auto address = reinterpret_cast<std::uintptr_t>(mapped);
        const std::size_t before = rounded_up(address, pinned_block_bytes) - address;
        memory_ = first + before;
        if (before > 0) (void)::munmap(first, before);
        if (before < pinned_block_bytes) (void)::munmap(memory_ + bytes_, pinned_block_bytes - before);
        // Fewer pages are found and pinned sooner.
        (void)::madvise(memory_, bytes_, MADV_HUGEPAGE);
        pinned_.assign((bytes_ + pinned_block_bytes - 1) / pinned_block_bytes, 0);
    }
    ~Region() {
        // Fails only when the process is on its way out and the driver is gone.
        for (std::size_t i = 0; i < pinned_.size(); ++i)
            if (pinned_[i] != 0) (void)cudaHostUnregister(memory_ + i * pinned_block_bytes);
        (void)::munmap(memory_, bytes_);
    }
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;

    /// False where the driver pins no memory that it has not allocated, or no more.
    bool pin(int device) {
        TaskNumbers numbers(pinned_.size());
        work_together(std::min({most_threads, cores(), pinned_.size()}), numbers, [&] {
            check(cudaSetDevice(device), "cudaSetDevice");
            while (const auto i = numbers.next()) {
                std::byte* const block = memory_ + *i * pinned_block_bytes;
                const std::size_t size = std::min(pinned_block_bytes, bytes_ - *i * pinned_block_bytes);
                for (std::size_t at = 0; at < size; at += page)
                    const_cast<volatile std::byte*>(block)[at] = std::byte{0};
                if (cudaHostRegister(block, size, cudaHostRegisterDefault) != cudaSuccess) {
                    (void)cudaGetLastError();
                    return numbers.stop();
                }
                pinned_[*i] = 1;
            }
        });
        return std::ranges::all_of(pinned_, [](char one) { return one != 0; });
    }

    void* memory() const { return memory_; }

  private:
    std::size_t bytes_;
    std::byte* memory_ = nullptr;
    std::vector<char> pinned_;  ///< by block
};

/// By the driver, in one piece.
Buffer allocated_by_driver(std::size_t bytes) {
    void* memory = nullptr;
    if (cudaHostAlloc(&memory, std::max<std::size_t>(bytes, 1), cudaHostAllocDefault) != cudaSuccess) {
        (void)cudaGetLastError();
        throw no_memory(bytes);
    }
    return Buffer(memory, [](void* pointer) { (void)cudaFreeHost(pointer); });
}

}  // namespace

Buffer allocate_pinned(int device, std::size_t bytes) {
    if (bytes < huge_page) return allocated_by_driver(bytes);
    auto region = std::make_shared<Region>(bytes);
    if (region->pin(device)) return Buffer(region, region->memory());
    region.reset();
    return allocated_by_driver(bytes);
}

}  // namespace wishbone::cuda

#include "backend/cuda/runtime/device_memory.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <string>

#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {
namespace {

constexpr std::size_t kib = 1024, mib = 1024 * kib;

/// Small sizes differ from bin to bin by little; rounding them lets one block serve many bins.
std::size_t rounded(std::size_t bytes) {
    const std::size_t unit = bytes <= 64 * kib ? 512 : bytes <= 4 * mib ? 64 * kib : 2 * mib;
    return std::max<std::size_t>((bytes + unit - 1) / unit * unit, 512);
}

std::string mebibytes(std::size_t bytes) { return std::to_string(bytes / mib) + " MiB"; }

}  // namespace

DeviceMemory::~DeviceMemory() { release_free(); }

void* DeviceMemory::find_free(std::size_t bytes) {
    // A block may be a quarter too large, a small one twice as large as asked for.
    const std::size_t most = bytes <= mib ? 2 * bytes : bytes + bytes / 4;
    const auto found = free_.lower_bound(bytes);
    if (found == free_.end() || found->first > most) return nullptr;
    void* const memory = found->second;
    used_.emplace(memory, found->first);
    in_use_ += found->first;
    kept_ -= found->first;
    free_.erase(found);
    return memory;
}

void* DeviceMemory::take(std::size_t asked) {
    const std::lock_guard lock(mutex_);
    const std::size_t bytes = rounded(asked);
    void* memory = bytes < asked ? nullptr : find_free(bytes);
    if (memory == nullptr) {
        cudaError_t status = bytes < asked ? cudaErrorMemoryAllocation : cudaMalloc(&memory, bytes);
        if (status == cudaErrorMemoryAllocation && !free_.empty()) {
            (void)cudaGetLastError();
            release_free();
            status = cudaMalloc(&memory, bytes);
        }
        if (status == cudaErrorMemoryAllocation) {
            (void)cudaGetLastError();
            std::size_t available = 0, total = device_bytes_;
            if (cudaMemGetInfo(&available, &total) != cudaSuccess) (void)cudaGetLastError();
            throw Error(
                ExitCode::out_of_memory,
                "The GPU has no " + mebibytes(bytes) + " of memory left: " + mebibytes(available) + " of " +
                    mebibytes(total) + " are free, this run holds " + mebibytes(in_use_),
                "cuda backend",
                "Plan with a smaller bin capacity, have activations computed again (recompute), or use a "
                "smaller model.");
        }
        check(status, "cudaMalloc");
        used_.emplace(memory, bytes);
        in_use_ += bytes;
    }
    peak_ = std::max(peak_, in_use_);
    return memory;
}

void DeviceMemory::give_back(void* memory) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = used_.find(memory);
    if (found == used_.end()) return;
    const std::size_t bytes = found->second;
    used_.erase(found);
    in_use_ -= bytes;
    // A large block comes back because a larger one takes its place: it would never be asked for again.
    if (bytes >= 64 * mib && kept_ + bytes > device_bytes_ / 64) {
        (void)cudaFree(memory);
        return;
    }
    free_.emplace(bytes, memory);
    kept_ += bytes;
}

void DeviceMemory::trim() noexcept {
    const std::lock_guard lock(mutex_);
    release_free();
}

void DeviceMemory::release_free() noexcept {
    // Fails only when the process is on its way out and the driver is gone.
    for (const auto& [bytes, memory] : free_) (void)cudaFree(memory);
    free_.clear();
    kept_ = 0;
}

Buffer take_buffer(const std::shared_ptr<DeviceMemory>& memory, std::size_t bytes) {
    void* const data = memory->take(bytes);
    return Buffer(data, [memory](void* block) { memory->give_back(block); });
}

}  // namespace wishbone::cuda

#include "backend/cpu/cpu_backend.h"

#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "backend/require.h"
#include "core/host_memory.h"
#include "core/workers.h"

namespace wishbone::cpu {

Buffer allocate_aligned(std::size_t bytes) {
    constexpr std::size_t line = 64;
    constexpr std::size_t huge_page = std::size_t{2} << 20;
    const bool large = bytes >= 2 * huge_page;
    const std::size_t alignment = large ? huge_page : line;
    if (bytes == 0) bytes = line;
    const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    void* memory = rounded < bytes ? nullptr : std::aligned_alloc(alignment, rounded);
    if (memory == nullptr)
        throw Error(ExitCode::out_of_memory,
                    "cannot allocate " + std::to_string(bytes >> 20) + " MiB of memory", "cpu backend",
                    "Plan with a smaller bin capacity, or use a smaller model.");
    // Only a hint: without huge pages everything works, a little slower.
    if (large) (void)::madvise(memory, rounded, MADV_HUGEPAGE);
    return Buffer(memory, [](void* pointer) { std::free(pointer); });
}

CpuBackend::CpuBackend(int threads, MemorySource memory)
    : source_(std::move(memory)),
      pool_(threads > 0 ? threads : usable_cores()),
      thread_scratch_(static_cast<std::size_t>(pool_.threads())) {}

std::string CpuBackend::device_name() const {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        if (line.rfind("model name", 0) != 0) continue;
        const std::size_t colon = line.find(": ");
        if (colon != std::string::npos) return line.substr(colon + 2);
    }
    return "CPU";
}

Buffer CpuBackend::allocate(std::size_t bytes) {
    Buffer memory = source_ ? source_(bytes) : allocate_aligned(bytes);
    const std::size_t now = memory_->now += bytes;
    std::size_t peak = memory_->peak;
    while (now > peak && !memory_->peak.compare_exchange_weak(peak, now)) {
    }
    // The outer owner gives the bytes back to the count, the inner one the memory itself.
    void* const data = memory.get();
    return Buffer(data, [memory = std::move(memory), use = memory_, bytes](void*) { use->now -= bytes; });
}

std::size_t CpuBackend::free_memory() const {
    const HostMemory memory = host_memory();
    return memory.available + memory.swap;
}

void CpuBackend::upload(Tensor to, const void* from) {
    if (to.size() > 0) std::memcpy(to.data, from, to.bytes());
}

void CpuBackend::upload_parts(std::span<const UploadPart> parts) {
    TaskNumbers numbers(parts.size());
    work_together(std::min(static_cast<std::size_t>(threads()), parts.size()), numbers, [&] {
        while (const auto i = numbers.next()) {
            const auto& [to, write] = parts[*i];
            write({static_cast<std::byte*>(to.data), to.bytes()});
        }
    });
}

void CpuBackend::download_parts(std::span<const DownloadPart> parts) {
    TaskNumbers numbers(parts.size());
    work_together(std::min(static_cast<std::size_t>(threads()), parts.size()), numbers, [&] {
        while (const auto i = numbers.next()) {
            const auto& [from, read] = parts[*i];
            read({static_cast<const std::byte*>(from.data), from.bytes()});
        }
    });
}

void CpuBackend::download(void* to, Tensor from) {
    if (from.size() > 0) std::memcpy(to, from.data, from.bytes());
}

void CpuBackend::copy(Tensor to, Tensor from) {
    require(to.size() == from.size() && to.dtype == from.dtype, "copy");
    if (to.size() > 0) std::memcpy(to.data, from.data, to.bytes());
}

void CpuBackend::synchronize() {}

void CpuBackend::zero(Tensor x) {
    const auto element = static_cast<std::int64_t>(size_of(x.dtype));
    pool_.run_rows(x.size(), 1, [&](std::int64_t begin, std::int64_t end) {
        std::memset(static_cast<std::byte*>(x.data) + begin * element, 0,
                    static_cast<std::size_t>((end - begin) * element));
    });
}

}  // namespace wishbone::cpu

namespace wishbone {

int usable_cores() {
    cpu_set_t cores;
    if (::sched_getaffinity(0, sizeof(cores), &cores) == 0) return CPU_COUNT(&cores);
    return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

std::unique_ptr<Backend> make_cpu_backend(int threads, MemorySource memory) {
    return std::make_unique<cpu::CpuBackend>(threads, std::move(memory));
}

}  // namespace wishbone

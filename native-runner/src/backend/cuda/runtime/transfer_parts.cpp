#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/runtime/check.h"
#include "backend/cuda/runtime/event.h"
#include "core/workers.h"

namespace wishbone::cuda {
namespace {

/// Enough to read from the page cache faster than a disk delivers; each pins two blocks, which takes time too.
constexpr std::size_t most_threads = 8;

/// Pinned memory, which the device reads and writes by itself.
class PinnedBlock {
  public:
    PinnedBlock() {
        void* memory = nullptr;
        check(cudaHostAlloc(&memory, transfer_part_bytes, cudaHostAllocDefault), "pinned host memory");
        memory_ = static_cast<std::byte*>(memory);
    }
    ~PinnedBlock() { (void)cudaFreeHost(memory_); }
    PinnedBlock(const PinnedBlock&) = delete;
    PinnedBlock& operator=(const PinnedBlock&) = delete;

    /// Has the part written, once the device has read what was here before, and sends it off.
    void send(const UploadPart& part, cudaStream_t stream) {
        moved_.wait();
        const std::size_t bytes = part.to.bytes();
        part.write({memory_, bytes});
        check(cudaMemcpyAsync(part.to.data, memory_, bytes, cudaMemcpyHostToDevice, stream),
              "cudaMemcpyAsync to the device");
        moved_.record(stream);
    }

    /// Has the part come; to be called when what was here before was read.
    void fetch(const DownloadPart& part, cudaStream_t stream) {
        check(cudaMemcpyAsync(memory_, part.from.data, part.from.bytes(), cudaMemcpyDeviceToHost, stream),
              "cudaMemcpyAsync from the device");
        moved_.record(stream);
    }
    void read(const DownloadPart& part) {
        moved_.wait();
        part.read({memory_, part.from.bytes()});
    }

  private:
    Event moved_;
    std::byte* memory_ = nullptr;
};

/// Every part once, by several threads that each have a stream and two blocks: `work(numbers, blocks, stream)`.
template <typename Work>
void transfer(int ordinal, std::size_t parts, Work work) {
    TaskNumbers numbers(parts);
    work_together(std::min({most_threads, cores(), (parts + 1) / 2}), numbers, [&] {
        // The device of a thread that is new is the first one, whatever the others use.
        check(cudaSetDevice(ordinal), "cudaSetDevice");
        const Stream stream;
        std::array<PinnedBlock, 2> blocks;
        work(numbers, blocks, stream.get());
        check(cudaStreamSynchronize(stream.get()), "cudaStreamSynchronize");
    });
}

}  // namespace

void CudaBackend::upload_parts(std::span<const UploadPart> parts) {
    // Earlier work may still use the memory.
    synchronize();
    transfer(device_.ordinal, parts.size(), [&](TaskNumbers& numbers, auto& blocks, cudaStream_t stream) {
        for (std::size_t turn = 0; const auto i = numbers.next(); ++turn)
            blocks[turn % blocks.size()].send(parts[*i], stream);
    });
}

void CudaBackend::download_parts(std::span<const DownloadPart> parts) {
    check(cudaSetDevice(device_.ordinal), "cudaSetDevice");
    Event written;
    written.record(stream_.get());
    written.wait();
    transfer(device_.ordinal, parts.size(), [&](TaskNumbers& numbers, auto& blocks, cudaStream_t stream) {
        std::optional<std::size_t> coming = numbers.next();
        if (coming) blocks[0].fetch(parts[*coming], stream);
        for (std::size_t turn = 0; coming; ++turn) {
            const std::optional<std::size_t> after = numbers.next();
            if (after) blocks[(turn + 1) % 2].fetch(parts[*after], stream);
            blocks[turn % 2].read(parts[*coming]);
            coming = after;
        }
    });
}

}  // namespace wishbone::cuda

#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/runtime/check.h"
#include "core/workers.h"

namespace wishbone::cuda {
namespace {

/// Enough to read from the page cache faster than a disk delivers; each pins two blocks, which takes time too.
constexpr std::size_t most_threads = 8;

/// Pinned memory, which the device reads by itself.
class PinnedBlock {
  public:
    PinnedBlock() {
        check(cudaEventCreateWithFlags(&read_, cudaEventDisableTiming), "cudaEventCreate");
        void* memory = nullptr;
        const cudaError_t status = cudaHostAlloc(&memory, upload_part_bytes, cudaHostAllocDefault);
        if (status != cudaSuccess) (void)cudaEventDestroy(read_);
        check(status, "pinned host memory");
        memory_ = static_cast<std::byte*>(memory);
    }
    ~PinnedBlock() {
        (void)cudaEventDestroy(read_);
        (void)cudaFreeHost(memory_);
    }
    PinnedBlock(const PinnedBlock&) = delete;
    PinnedBlock& operator=(const PinnedBlock&) = delete;

    /// Has the part written, once the device has read what was here before, and sends it off.
    void send(const UploadPart& part, cudaStream_t stream) {
        check(cudaEventSynchronize(read_), "cudaEventSynchronize");
        const std::size_t bytes = part.to.bytes();
        part.write({memory_, bytes});
        check(cudaMemcpyAsync(part.to.data, memory_, bytes, cudaMemcpyHostToDevice, stream),
              "cudaMemcpyAsync to the device");
        check(cudaEventRecord(read_, stream), "cudaEventRecord");
    }

  private:
    cudaEvent_t read_ = nullptr;
    std::byte* memory_ = nullptr;
};

}  // namespace

void CudaBackend::upload_parts(std::span<const UploadPart> parts) {
    // Earlier work may still use the memory.
    synchronize();
    TaskNumbers numbers(parts.size());
    const std::size_t threads = std::min({most_threads, cores(), (parts.size() + 1) / 2});
    work_together(threads, numbers, [&] {
        // The device of a thread that is new is the first one, whatever the others use.
        check(cudaSetDevice(device_.ordinal), "cudaSetDevice");
        const Stream stream;
        std::array<PinnedBlock, 2> blocks;
        for (std::size_t turn = 0; const auto i = numbers.next(); ++turn)
            blocks[turn % blocks.size()].send(parts[*i], stream.get());
        check(cudaStreamSynchronize(stream.get()), "cudaStreamSynchronize");
    });
}

}  // namespace wishbone::cuda

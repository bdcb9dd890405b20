#include "backend/cuda/cuda_backend.h"

#include "backend/cuda/runtime/check.h"
#include "backend/cuda/runtime/pinned_memory.h"

namespace wishbone::cuda {

CudaBackend::CudaBackend(const CudaOptions& options)
    : device_(use_device(options.device)),
      memory_(std::make_shared<DeviceMemory>(device_.memory)),
      staging_(stream_.get()),
      downloads_(stream_.get()),
      pieces_(stream_.get(), memory_),
      matmul_(options.cublaslt, device_, memory_, stream_.get(), beside_.get(), options.deterministic,
              options.findings) {}

// Memory goes back to the driver only after the work that uses it.
CudaBackend::~CudaBackend() {
    for (const Stream* stream : {&stream_, &beside_}) (void)cudaStreamSynchronize(stream->get());
}

Buffer CudaBackend::allocate(std::size_t bytes) { return take_buffer(memory_, bytes); }

std::size_t CudaBackend::free_memory() const {
    std::size_t available = 0, total = 0;
    check(cudaMemGetInfo(&available, &total), "cudaMemGetInfo");
    return available;
}

Backend& CudaBackend::host() {
    if (!host_)
        host_ = make_cpu_backend(
            0, [device = device_.ordinal](std::size_t bytes) { return allocate_pinned(device, bytes); });
    return *host_;
}

void CudaBackend::make_current() { check(cudaSetDevice(device_.ordinal), "cudaSetDevice"); }

void CudaBackend::upload(Tensor to, const void* from) {
    if (to.size() > 0) staging_.upload(to.data, from, to.bytes());
}

void CudaBackend::download(void* to, Tensor from) {
    if (from.size() > 0)
        check(cudaMemcpyAsync(to, from.data, from.bytes(), cudaMemcpyDeviceToHost, stream_.get()),
              "cudaMemcpyAsync to the host");
    synchronize();
}

std::unique_ptr<PendingDownload> CudaBackend::begin_download(Tensor from) {
    return downloads_.begin(from.data, from.bytes());
}

void CudaBackend::zero(Tensor x) {
    if (x.size() > 0) check(cudaMemsetAsync(x.data, 0, x.bytes(), stream_.get()), "cudaMemsetAsync");
}

void CudaBackend::synchronize() {
    for (const Stream* stream : {&stream_, &beside_})
        check(cudaStreamSynchronize(stream->get()), "cudaStreamSynchronize");
}

void* CudaBackend::workspace(std::size_t bytes) {
    if (bytes > workspace_bytes_) {
        workspace_bytes_ = 0;
        workspace_.reset();
        workspace_ = take_buffer(memory_, bytes);
        workspace_bytes_ = bytes;
    }
    return workspace_.get();
}

}  // namespace wishbone::cuda

namespace wishbone {

std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options) {
    return std::make_unique<cuda::CudaBackend>(options);
}

CudaInfo cuda_info() {
    CudaInfo info;
    const cuda::DeviceList list = cuda::find_devices();
    info.problem = list.problem;
    if (list.devices.empty()) return info;
    try {
        const cuda::CublasLt library("");
    } catch (const Error& error) {
        info.problem = error.what();
        return info;
    }
    for (const cuda::Device& device : list.devices)
        info.devices.push_back(
            {device.name,
             std::to_string(device.capability / 10) + "." + std::to_string(device.capability % 10),
             device.memory});
    return info;
}

}  // namespace wishbone

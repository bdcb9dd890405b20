#include "backend/cuda/cuda_backend.h"

#include "backend/cuda/attention/attention.h"
#include "backend/cuda/attention/padded_heads.h"
#include "backend/cuda/require.h"
#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {

Stream::Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate"); }
Stream::~Stream() {
    if (stream_ != nullptr) (void)cudaStreamDestroy(stream_);
}

CudaBackend::CudaBackend(const CudaOptions& options)
    : device_(use_device(options.device)),
      deterministic_(options.deterministic),
      memory_(std::make_shared<DeviceMemory>(device_.memory)),
      staging_(stream_.get()),
      matmul_(options.cublaslt, memory_, stream_.get(), options.deterministic) {}

// Memory goes back to the driver only after the work that uses it.
CudaBackend::~CudaBackend() { (void)cudaStreamSynchronize(stream_.get()); }

Buffer CudaBackend::allocate(std::size_t bytes) { return take_buffer(memory_, bytes); }

std::size_t CudaBackend::free_memory() const {
    std::size_t available = 0, total = 0;
    check(cudaMemGetInfo(&available, &total), "cudaMemGetInfo");
    return available;
}

void CudaBackend::upload(Tensor to, const void* from) {
    if (to.size() > 0) staging_.upload(to.data, from, to.bytes());
}

void CudaBackend::download(void* to, Tensor from) {
    if (from.size() > 0)
        check(cudaMemcpyAsync(to, from.data, from.bytes(), cudaMemcpyDeviceToHost, stream_.get()),
              "cudaMemcpyAsync to the host");
    synchronize();
}

void CudaBackend::zero(Tensor x) {
    if (x.size() > 0) check(cudaMemsetAsync(x.data, 0, x.bytes(), stream_.get()), "cudaMemsetAsync");
}

void CudaBackend::synchronize() { check(cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize"); }

void* CudaBackend::workspace(std::size_t bytes) {
    if (bytes > workspace_bytes_) {
        workspace_bytes_ = 0;
        workspace_.reset();
        workspace_ = take_buffer(memory_, bytes);
        workspace_bytes_ = bytes;
    }
    return workspace_.get();
}

std::unique_ptr<AttentionMask> CudaBackend::prepare_mask(std::span<const std::int32_t> visible_until,
                                                         std::span<const std::int32_t> position,
                                                         AttentionShape shape) {
    return make_attention_mask(device_, stream_.get(), visible_until, position, padded_heads(shape));
}

void CudaBackend::attention(Tensor out, Tensor lse, Tensor qkv, const AttentionMask& mask,
                            AttentionShape shape) {
    const std::int64_t tokens = qkv.shape[0], heads = shape.query_heads + 2 * shape.kv_heads;
    require(is_bf16(qkv, {tokens, heads, shape.head_dim}) &&
                is_bf16(out, {tokens, shape.query_heads * shape.head_dim}) &&
                is_f32(lse, {shape.query_heads, tokens}),
            "attention");
    if (tokens == 0) return;
    const AttentionShape padded = padded_heads(shape);
    auto *to = out.as<__nv_bfloat16>(), *from = qkv.as<__nv_bfloat16>();
    if (padded.head_dim != shape.head_dim) {
        const std::int64_t qkv_heads = tokens * heads, out_heads = tokens * shape.query_heads;
        const auto size = static_cast<std::size_t>((qkv_heads + out_heads) * padded.head_dim);
        from = static_cast<__nv_bfloat16*>(workspace(size * sizeof(__nv_bfloat16)));
        to = from + qkv_heads * padded.head_dim;
        copy_heads(stream_.get(), from, padded.head_dim, qkv.as<__nv_bfloat16>(), shape.head_dim, qkv_heads);
    }
    attention_forward(device_, stream_.get(), to, lse.as<float>(), from, mask, tokens, padded);
    if (padded.head_dim != shape.head_dim)
        copy_heads(stream_.get(), out.as<__nv_bfloat16>(), shape.head_dim, to, padded.head_dim,
                   tokens * shape.query_heads);
}

void CudaBackend::attention_backward(Tensor d_qkv, Tensor d_out, Tensor out, Tensor lse, Tensor qkv,
                                     const AttentionMask& mask, AttentionShape shape) {
    const std::int64_t tokens = qkv.shape[0], heads = shape.query_heads + 2 * shape.kv_heads,
                       out_size = shape.query_heads * shape.head_dim;
    require(is_bf16(qkv, {tokens, heads, shape.head_dim}) &&
                is_bf16(d_qkv, {tokens, heads, shape.head_dim}) && is_bf16(out, {tokens, out_size}) &&
                is_bf16(d_out, {tokens, out_size}) && is_f32(lse, {shape.query_heads, tokens}),
            "attention_backward");
    if (tokens == 0) return;
    const AttentionShape padded = padded_heads(shape);
    const std::size_t kernel_bytes =
        attention_backward_workspace(device_, mask, tokens, padded, deterministic_);
    if (padded.head_dim == shape.head_dim) {
        cuda::attention_backward(device_, stream_.get(), d_qkv.as<__nv_bfloat16>(), d_out.as<__nv_bfloat16>(),
                                 out.as<__nv_bfloat16>(), lse.as<float>(), qkv.as<__nv_bfloat16>(), mask,
                                 tokens, shape, workspace(kernel_bytes), deterministic_);
        return;
    }
    const std::int64_t qkv_heads = tokens * heads, out_heads = tokens * shape.query_heads;
    const auto share_out = [&](Pieces pieces) {
        struct {
            std::byte* scratch;
            __nv_bfloat16 *qkv, *d_qkv, *out, *d_out;
            std::size_t bytes;
        } parts{pieces.take<std::byte>(static_cast<std::int64_t>(kernel_bytes)),
                pieces.take<__nv_bfloat16>(qkv_heads * padded.head_dim),
                pieces.take<__nv_bfloat16>(qkv_heads * padded.head_dim),
                pieces.take<__nv_bfloat16>(out_heads * padded.head_dim),
                pieces.take<__nv_bfloat16>(out_heads * padded.head_dim),
                0};
        parts.bytes = pieces.used();
        return parts;
    };
    const auto parts = share_out(Pieces(workspace(share_out(Pieces()).bytes)));
    const auto pad = [&](__nv_bfloat16* to, Tensor from, std::int64_t count) {
        copy_heads(stream_.get(), to, padded.head_dim, from.as<__nv_bfloat16>(), shape.head_dim, count);
    };
    pad(parts.qkv, qkv, qkv_heads);
    pad(parts.out, out, out_heads);
    pad(parts.d_out, d_out, out_heads);
    cuda::attention_backward(device_, stream_.get(), parts.d_qkv, parts.d_out, parts.out, lse.as<float>(),
                             parts.qkv, mask, tokens, padded, parts.scratch, deterministic_);
    copy_heads(stream_.get(), d_qkv.as<__nv_bfloat16>(), shape.head_dim, parts.d_qkv, padded.head_dim,
               qkv_heads);
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

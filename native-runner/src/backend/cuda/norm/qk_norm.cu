#include <algorithm>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/primitives/partials.h"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/primitives/warp.cuh"
#include "backend/cuda/runtime/check.h"
#include "backend/qk_norm_shapes.h"
#include "backend/require.h"

// A warp works on one group: a head, or all query heads (all key heads) of a token. The backward pass goes
// over the rows three times: for the inverse RMS of every group, for the gradients of the weights (a thread
// an element, so that every sum has a fixed order), and for the gradients of queries and keys in place.

namespace wishbone::cuda {
namespace {

constexpr int warps_of_block = 8;
constexpr int block_threads = 32 * warps_of_block;
constexpr std::int64_t most_pieces = 256;  ///< of the rows, each summed by itself

/// How a row [Hq + 2·Hkv, D] falls into groups: those of queries, then those of keys.
struct Groups {
    int query_count, query_size, key_count, key_size, row_size;

    __host__ __device__ int count() const { return query_count + key_count; }
    __host__ __device__ int keys() const { return query_count * query_size; }         ///< first key element
    __host__ __device__ int values() const { return keys() + key_count * key_size; }  ///< first value element
};

/// One group of a row.
struct Group {
    int begin, size;
    const bf16* weight;

    __device__ Group(const Groups& groups, int index, const bf16* query_weight, const bf16* key_weight) {
        const bool query = index < groups.query_count;
        size = query ? groups.query_size : groups.key_size;
        begin = query ? index * size : groups.keys() + (index - groups.query_count) * size;
        weight = query ? query_weight : key_weight;
    }
};

__device__ float inverse_rms(const bf16* x, int size, float eps) {
    float squares = 0;
    for (int i = static_cast<int>(threadIdx.x); i < size; i += 32) {
        const float value = __bfloat162float(x[i]);
        squares += value * value;
    }
    return rsqrtf(warp_sum(squares) / static_cast<float>(size) + eps);
}

/// A block a row.
__global__ void __launch_bounds__(block_threads)
    qk_norm_kernel(bf16* out, const bf16* qkv, const bf16* query_weight, const bf16* key_weight,
                   Groups groups, RmsNorm norm) {
    const bf16* const x = qkv + static_cast<std::int64_t>(blockIdx.x) * groups.row_size;
    bf16* const to = out + static_cast<std::int64_t>(blockIdx.x) * groups.row_size;
    for (int g = static_cast<int>(threadIdx.y); g < groups.count(); g += warps_of_block) {
        const Group group(groups, g, query_weight, key_weight);
        const float r = inverse_rms(x + group.begin, group.size, norm.eps);
        for (int i = static_cast<int>(threadIdx.x); i < group.size; i += 32)
            to[group.begin + i] =
                __float2bfloat16_rn(__bfloat162float(x[group.begin + i]) *
                                    (r * (norm.offset + __bfloat162float(group.weight[i]))));
    }
    for (int i = groups.values() + static_cast<int>(threadIdx.y * 32 + threadIdx.x); i < groups.row_size;
         i += block_threads)
        to[i] = x[i];
}

/// inv_rms [rows, groups]. A block a row.
__global__ void __launch_bounds__(block_threads)
    inverse_rms_kernel(float* inv_rms, const bf16* qkv, Groups groups, float eps) {
    const bf16* const x = qkv + static_cast<std::int64_t>(blockIdx.x) * groups.row_size;
    for (int g = static_cast<int>(threadIdx.y); g < groups.count(); g += warps_of_block) {
        const Group group(groups, g, nullptr, nullptr);
        const float r = inverse_rms(x + group.begin, group.size, eps);
        if (threadIdx.x == 0) inv_rms[static_cast<std::int64_t>(blockIdx.x) * groups.count() + g] = r;
    }
}

/// partial[piece][i] = sum of dy · x · r over the piece's rows and over the groups that begin at `begin`.
__global__ void __launch_bounds__(block_threads)
    weight_gradient_kernel(float* partial, const bf16* d_qkv, const bf16* qkv, const float* inv_rms,
                           std::int64_t rows, std::int64_t rows_of_piece, int begin, int size,
                           int first_group, int count, Groups groups) {
    const int i = static_cast<int>(blockIdx.y) * block_threads + static_cast<int>(threadIdx.x);
    if (i >= size) return;
    const std::int64_t from = blockIdx.x * rows_of_piece, to = min(from + rows_of_piece, rows);
    float sum = 0;
    for (std::int64_t row = from; row < to; ++row)
        for (int g = 0; g < count; ++g) {
            const std::int64_t at = row * groups.row_size + begin + g * size + i;
            sum += __bfloat162float(d_qkv[at]) * __bfloat162float(qkv[at]) *
                   inv_rms[row * groups.count() + first_group + g];
        }
    partial[static_cast<std::int64_t>(blockIdx.x) * size + i] = sum;
}

/// As in rmsnorm.cu: dx = r (w dy) - x r³ / size · sum(w dy x). A block a row.
__global__ void __launch_bounds__(block_threads)
    input_gradient_kernel(bf16* d_qkv, const bf16* qkv, const float* inv_rms, const bf16* query_weight,
                          const bf16* key_weight, Groups groups, float offset) {
    const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * groups.row_size;
    for (int g = static_cast<int>(threadIdx.y); g < groups.count(); g += warps_of_block) {
        const Group group(groups, g, query_weight, key_weight);
        const float r = inv_rms[static_cast<std::int64_t>(blockIdx.x) * groups.count() + g];
        const bf16* const x = qkv + row + group.begin;
        bf16* const d = d_qkv + row + group.begin;
        float dot = 0;
        for (int i = static_cast<int>(threadIdx.x); i < group.size; i += 32)
            dot += (offset + __bfloat162float(group.weight[i])) * __bfloat162float(d[i]) *
                   __bfloat162float(x[i]);
        const float pull = warp_sum(dot) * r * r * r / static_cast<float>(group.size);
        for (int i = static_cast<int>(threadIdx.x); i < group.size; i += 32)
            d[i] = __float2bfloat16_rn(r * (offset + __bfloat162float(group.weight[i])) *
                                           __bfloat162float(d[i]) -
                                       __bfloat162float(x[i]) * pull);
    }
}

/// The kernels count the elements of a row in 32 bits.
bool is_short(const Tensor& qkv) { return qkv.shape[1] * qkv.shape[2] < (1 << 30); }

Groups groups_of(const AttentionShape& shape, const Tensor& query_weight, const Tensor& key_weight) {
    const auto queries = static_cast<int>(query_weight.size()), keys = static_cast<int>(key_weight.size());
    const auto dim = static_cast<int>(shape.head_dim);
    return {static_cast<int>(shape.query_heads) * dim / queries, queries,
            static_cast<int>(shape.kv_heads) * dim / keys, keys,
            static_cast<int>(shape.query_heads + 2 * shape.kv_heads) * dim};
}

}  // namespace

void CudaBackend::qk_norm(Tensor out, Tensor qkv, Tensor query_weight, Tensor key_weight,
                          AttentionShape shape, RmsNorm norm) {
    const std::int64_t rows = qkv.shape[0];
    require(fits_qk_norm(DType::bf16, qkv, query_weight, key_weight, shape) &&
                fits_qk_norm(DType::bf16, out, query_weight, key_weight, shape) && out.shape[0] == rows &&
                is_short(qkv),
            "qk_norm");
    if (rows == 0) return;
    qk_norm_kernel<<<static_cast<unsigned>(rows), dim3(32, warps_of_block), 0, stream_.get()>>>(
        out.as<bf16>(), qkv.as<bf16>(), query_weight.as<bf16>(), key_weight.as<bf16>(),
        groups_of(shape, query_weight, key_weight), norm);
    check_launch("qk_norm");
}

void CudaBackend::qk_norm_backward(Tensor d_qkv, Tensor d_query_weight, Tensor d_key_weight, Tensor qkv,
                                   Tensor query_weight, Tensor key_weight, AttentionShape shape,
                                   RmsNorm norm) {
    const std::int64_t rows = qkv.shape[0];
    require(fits_qk_norm_backward(DType::bf16, d_qkv, d_query_weight, d_key_weight, qkv, query_weight,
                                  key_weight, shape) &&
                is_short(qkv),
            "qk_norm_backward");
    if (rows == 0) return;
    const Groups groups = groups_of(shape, query_weight, key_weight);
    const std::int64_t rows_of_piece = std::max<std::int64_t>(divide_up(rows, most_pieces), 4),
                       pieces = divide_up(rows, rows_of_piece);
    float *inv_rms = nullptr, *partial = nullptr;
    const auto share_out = [&](Pieces parts) {
        inv_rms = parts.take<float>(rows * groups.count());
        partial = parts.take<float>(pieces * std::max(groups.query_size, groups.key_size));
        return parts.used();
    };
    share_out(Pieces(workspace(share_out(Pieces()))));
    const dim3 block(32, warps_of_block);
    const auto blocks = static_cast<unsigned>(rows);
    inverse_rms_kernel<<<blocks, block, 0, stream_.get()>>>(inv_rms, qkv.as<bf16>(), groups, norm.eps);
    check_launch("inverse_rms");
    const auto weight_gradient = [&](const Tensor& d_weight, int begin, int size, int first_group,
                                     int count) {
        const dim3 grid(static_cast<unsigned>(pieces), static_cast<unsigned>(divide_up(size, block_threads)));
        weight_gradient_kernel<<<grid, block_threads, 0, stream_.get()>>>(
            partial, d_qkv.as<bf16>(), qkv.as<bf16>(), inv_rms, rows, rows_of_piece, begin, size, first_group,
            count, groups);
        check_launch("qk_norm_backward, weights");
        add_partials(stream_.get(), d_weight.as<float>(), partial, static_cast<int>(pieces), size);
    };
    if (d_query_weight) {
        weight_gradient(d_query_weight, 0, groups.query_size, 0, groups.query_count);
        weight_gradient(d_key_weight, groups.keys(), groups.key_size, groups.query_count, groups.key_count);
    }
    input_gradient_kernel<<<blocks, block, 0, stream_.get()>>>(d_qkv.as<bf16>(), qkv.as<bf16>(), inv_rms,
                                                               query_weight.as<bf16>(), key_weight.as<bf16>(),
                                                               groups, norm.offset);
    check_launch("qk_norm_backward");
}

}  // namespace wishbone::cuda

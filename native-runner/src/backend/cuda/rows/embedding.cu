#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/primitives/packed.cuh"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/rows/rows.h"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

// The gradient of the table is a sum over the places of each token. Places are ordered by token, cut into
// pieces of equal length, and every piece sums its stretches of equal tokens. A stretch inside one piece goes
// straight to the table; the parts of one that crosses pieces go to memory first and are then added up in
// order. So no sum depends on who comes first, and a token that is half of the bin does not make one thread
// do half of the work.

namespace wishbone::cuda {
namespace {

constexpr int piece = 32;           ///< places
constexpr int block_threads = 128;  ///< of a block, each with one vector of columns

/// What one thread adds up: N columns of a row.
template <int N>
struct Sum {
    float value[N];

    __device__ void clear() {
#pragma unroll
        for (int j = 0; j < N; ++j) value[j] = 0;
    }
    __device__ void add(const bf16* from) {
        float more[N];
        Packed<N>::load(from).unpack(more);
#pragma unroll
        for (int j = 0; j < N; ++j) value[j] += more[j];
    }
    __device__ void add(const float* from) {
#pragma unroll
        for (int j = 0; j < N; ++j) value[j] += from[j];
    }
    __device__ void store(float* to) const {
#pragma unroll
        for (int j = 0; j < N; ++j) to[j] = value[j];
    }
};

/// `first_token` [pieces]. `front` [pieces, width]: the part of a stretch that began in an earlier piece.
/// `back` [pieces, width]: the part of one that begins here and goes on in the next.
template <int N>
__global__ void __launch_bounds__(block_threads)
    sum_pieces(float* d_table, float* front, float* back, std::int32_t* first_token,
               const std::int32_t* order, const std::int32_t* tokens, const bf16* d_out, std::int64_t count,
               std::int64_t width) {
    __shared__ std::int32_t place[piece], token[piece + 2];  // with the neighbours on both sides, or -1
    const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * piece;
    const int length = static_cast<int>(min(static_cast<std::int64_t>(piece), count - begin));
    const int lane = static_cast<int>(threadIdx.x);
    if (lane < length) place[lane] = order[begin + lane];
    if (lane < length + 2) {
        const std::int64_t at = begin + lane - 1;
        token[lane] = at >= 0 && at < count ? tokens[order[at]] : -1;
    }
    __syncthreads();
    if (blockIdx.y == 0 && lane == 0) first_token[blockIdx.x] = token[1];
    const std::int64_t column = (static_cast<std::int64_t>(blockIdx.y) * block_threads + threadIdx.x) * N;
    if (column >= width) return;
    Sum<N> sum;
    sum.clear();
    bool from_before = token[0] == token[1];
    for (int i = 0; i < length; ++i) {
        sum.add(d_out + place[i] * width + column);
        const bool same_next = token[i + 2] == token[i + 1];
        if (same_next && i + 1 < length) continue;
        if (from_before) {
            sum.store(front + blockIdx.x * width + column);
        } else if (same_next) {
            sum.store(back + blockIdx.x * width + column);
        } else {
            float* to = d_table + token[i + 1] * width + column;
            sum.add(to);
            sum.store(to);
        }
        sum.clear();
        from_before = false;
    }
}

/// The block of the piece where a crossing stretch begins adds up its parts. `first_token` [pieces].
template <int N>
__global__ void __launch_bounds__(block_threads)
    add_crossing(float* d_table, const float* front, const float* back, const std::int32_t* first_token,
                 const std::int32_t* order, const std::int32_t* tokens, std::int64_t count,
                 std::int64_t width) {
    const std::int64_t mine = blockIdx.x, pieces = gridDim.x;
    const std::int64_t begin = mine * piece, end = begin + piece;
    if (mine + 1 == pieces) return;
    const std::int32_t token = first_token[mine + 1];
    if (tokens[order[end - 1]] != token) return;
    // A stretch as long as the whole piece may have begun before it.
    if (begin > 0 && first_token[mine] == token && tokens[order[begin - 1]] == token) return;
    // Tokens are in order: the pieces that go on with this one come first among those behind.
    std::int64_t last = mine + 1;
    for (int found = block_threads; found == block_threads; last += found)
        found = __syncthreads_count(last + threadIdx.x < pieces && first_token[last + threadIdx.x] == token);
    const std::int64_t column = (static_cast<std::int64_t>(blockIdx.y) * block_threads + threadIdx.x) * N;
    if (column >= width) return;
    Sum<N> sum;
    sum.clear();
    sum.add(back + mine * width + column);
#pragma unroll 8
    for (std::int64_t next = mine + 1; next < last; ++next) sum.add(front + next * width + column);
    float* to = d_table + token * width + column;
    sum.add(to);
    sum.store(to);
}

}  // namespace

void CudaBackend::embedding(Tensor out, Tensor table, Tensor tokens) {
    require(table.rank == 2 && is_bf16(table, {table.shape[0], table.shape[1]}) &&
                is_i32(tokens, {out.shape[0]}) && is_bf16(out, {tokens.shape[0], table.shape[1]}),
            "embedding");
    gather(stream_.get(), out.as<bf16>(), table.as<bf16>(), tokens.as<std::int32_t>(), tokens.shape[0],
           table.shape[1]);
}

void CudaBackend::embedding_backward(Tensor d_table, Tensor tokens, Tensor d_out) {
    require(d_table.rank == 2 && is_f32(d_table, {d_table.shape[0], d_table.shape[1]}) &&
                is_i32(tokens, {d_out.shape[0]}) && is_bf16(d_out, {tokens.shape[0], d_table.shape[1]}),
            "embedding_backward");
    const std::int64_t count = tokens.shape[0], width = d_table.shape[1];
    if (count == 0 || width == 0) return;
    const std::int64_t pieces = divide_up(count, piece);
    const auto share_out = [&](Pieces& memory) {
        struct {
            std::int32_t *order, *rank, *first_token;
            float *front, *back;
        } parts{memory.take<std::int32_t>(count), memory.take<std::int32_t>(count),
                memory.take<std::int32_t>(pieces), memory.take<float>(pieces * width),
                memory.take<float>(pieces * width)};
        return parts;
    };
    Pieces needed;
    share_out(needed);
    Pieces memory(workspace(needed.used()));
    const auto parts = share_out(memory);
    const auto* token = tokens.as<std::int32_t>();
    stable_order(stream_.get(), parts.order, parts.rank, token, count);

    const auto run = [&]<int N>(std::integral_constant<int, N>) {
        const dim3 grid(static_cast<unsigned>(pieces),
                        static_cast<unsigned>(divide_up(width, N * block_threads)));
        sum_pieces<N><<<grid, block_threads, 0, stream_.get()>>>(d_table.as<float>(), parts.front, parts.back,
                                                                 parts.first_token, parts.order, token,
                                                                 d_out.as<bf16>(), count, width);
        check_launch("sum_pieces");
        add_crossing<N><<<grid, block_threads, 0, stream_.get()>>>(d_table.as<float>(), parts.front,
                                                                   parts.back, parts.first_token, parts.order,
                                                                   token, count, width);
        check_launch("add_crossing");
    };
    if (vectorised(width, {d_table.data, d_out.data}))
        run(std::integral_constant<int, bf16_vector>());
    else
        run(std::integral_constant<int, 1>());
}

}  // namespace wishbone::cuda

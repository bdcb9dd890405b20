#include "backend/cuda/head/power_sum.cuh"
#include "backend/cuda/head/sm90/epilogue.cuh"
#include "backend/cuda/head/sm90/product.h"
#include "backend/cuda/matmul/sm90/kernel.cuh"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/runtime/check.h"
#include "backend/cuda/runtime/workspace_pieces.h"

namespace wishbone::cuda::sm90 {
namespace head {
namespace {

using product::group_rows;
using product::tile_columns;

constexpr int target_threads = 256, sum_rows = 32, sum_warps = 16;

/// Lists of targets by their place in the product. Those of a list have no order, and need none: each has its own result.
__global__ void list_targets(int* first, Target* target, const std::int32_t* row, const std::int32_t* token,
                             int targets, int groups) {
    const int i = static_cast<int>(blockIdx.x * target_threads + threadIdx.x);
    if (i >= targets) return;
    const int r = row[i], t = token[i];
    target[i] = {atomicExch(first + t / tile_columns * groups + r / group_rows, i),
                 r % group_rows * tile_columns + t % tile_columns};
}

/// The log-sum-exp of 32 rows, from the sums of their tiles: each warp adds up some, in the tiles' order, and then one of them all.
__global__ void __launch_bounds__(32 * sum_warps)
    add_up(float* lse, const float2* sums, int rows, int column_tiles) {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32,
              row = static_cast<int>(blockIdx.x) * sum_rows + lane;
    PowerSum own;
    if (row < rows)
#pragma unroll 4
        for (int tile = warp; tile < column_tiles; tile += sum_warps) {
            const float2 of_tile = sums[static_cast<std::int64_t>(tile) * rows + row];
            own.add({of_tile.x, of_tile.y});
        }
    __shared__ float2 parts[sum_warps][sum_rows];
    parts[warp][lane] = make_float2(own.most, own.sum);
    __syncthreads();
    if (warp > 0 || row >= rows) return;
    for (int i = 1; i < sum_warps; ++i) own.add({parts[i][lane].x, parts[i][lane].y});
    lse[row] = own.log();
}

/// From logits of targets to their log-probabilities.
__global__ void normalise(float* logps, const float* lse, const std::int32_t* row, int targets) {
    const int i = static_cast<int>(blockIdx.x * target_threads + threadIdx.x);
    if (i < targets) logps[i] -= lse[row[i]];
}

struct Workspace {
    float2* sums;
    int* first;
    Target* target;
    std::int64_t column_tiles, groups;
    std::size_t bytes;

    Workspace(void* memory, const product::Size& size, std::int64_t targets)
        : column_tiles(divide_up(size.columns, tile_columns)), groups(divide_up(size.rows, group_rows)) {
        Pieces pieces(memory);
        sums = pieces.take<float2>(column_tiles * size.rows);
        first = pieces.take<int>(column_tiles * groups);
        target = pieces.take<Target>(targets);
        bytes = pieces.used();
    }
};

}  // namespace
}  // namespace head

std::size_t head_logps_workspace(product::Size size, std::int64_t targets) {
    return head::Workspace(nullptr, size, targets).bytes;
}

void head_logps(const Device& device, cudaStream_t stream, const HeadLogps& of, const KeptLogits& kept,
                const __nv_bfloat16* hidden, const __nv_bfloat16* head, product::Size size, void* workspace) {
    using product::Form;
    const head::Workspace work(workspace, size, of.count);
    const auto rows = static_cast<int>(size.rows), groups = static_cast<int>(work.groups),
               column_tiles = static_cast<int>(work.column_tiles), targets = static_cast<int>(of.count);
    const auto target_blocks = static_cast<unsigned>(divide_up(of.count, head::target_threads));
    check(cudaMemsetAsync(work.first, 0xff,
                          static_cast<std::size_t>(column_tiles * work.groups) * sizeof(int), stream),
          "cudaMemsetAsync");  // -1
    if (targets > 0) {
        head::list_targets<<<target_blocks, head::target_threads, 0, stream>>>(
            work.first, work.target, of.row, of.token, targets, groups);
        check_launch("list_targets");
    }
    head::Statistics::Maps maps{};  // not used where nothing is kept
    if (kept.rows > 0) maps.logits = product::result_map(kept.logits, {kept.rows, kept.ld, size.inner});
    product::launch<product::Config<Form::forward, head::Statistics>>(
        device, stream, {hidden, head}, maps, size,
        {.sums = work.sums,
         .logit = of.logps,
         .first = work.first,
         .target = work.target,
         .rows = rows,
         .groups = groups,
         .columns = static_cast<int>(size.columns),
         .kept = static_cast<int>(kept.rows)});
    head::add_up<<<static_cast<unsigned>(divide_up(size.rows, head::sum_rows)), 32 * head::sum_warps, 0,
                   stream>>>(of.lse, work.sums, rows, column_tiles);
    check_launch("add_up");
    if (targets > 0) {
        head::normalise<<<target_blocks, head::target_threads, 0, stream>>>(of.logps, of.lse, of.row,
                                                                            targets);
        check_launch("normalise");
    }
}

}  // namespace wishbone::cuda::sm90

#include <cmath>

#include "backend/cuda/adapted/branches.h"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/runtime/check.h"
#include "backend/low_rank.h"
#include "backend/require.h"

namespace wishbone::cuda {
namespace {

constexpr int block_threads = 256;
constexpr std::size_t most_branches = 4;

struct StackedBranch {
    const bf16* b;
    int first_output, outputs, column, rank;
    float scale;
};
struct Stacked {
    StackedBranch branch[most_branches];
    int branches;
};

__global__ void __launch_bounds__(block_threads) stack_kernel(bf16* to, Stacked of, int outputs, int ranks) {
    const int at = static_cast<int>(blockIdx.x) * block_threads + static_cast<int>(threadIdx.x);
    if (at >= outputs * ranks) return;
    const int output = at / ranks, column = at % ranks;
    float value = 0;
    for (int i = 0; i < of.branches; ++i) {
        const StackedBranch& branch = of.branch[i];
        const int row = output - branch.first_output, inner = column - branch.column;
        if (row >= 0 && row < branch.outputs && inner >= 0 && inner < branch.rank)
            value = branch.scale * __bfloat162float(branch.b[row * branch.rank + inner]);
    }
    to[at] = __float2bfloat16_rn(value);
}

bool is_power_of_two(float x) {
    int exponent = 0;
    return std::abs(std::frexp(x, &exponent)) == 0.5f;
}

}  // namespace

bool can_stack(const LowRank& adapter) {
    std::int64_t ranks = 0;
    for (const LowRank::Branch& branch : adapter.branches) {
        if (!is_power_of_two(branch.scale)) return false;
        ranks += branch.b.shape[1];
    }
    return !adapter.branches.empty() && adapter.branches.size() <= most_branches &&
           vectorised(ranks, {adapter.a.data});
}

void stack_branches(cudaStream_t stream, __nv_bfloat16* to, const LowRank& adapter, std::int64_t outputs) {
    require(can_stack(adapter), "stack_branches");
    Stacked stacked{};
    std::int64_t ranks = 0;
    for_each_branch(adapter, [&](const LowRank::Branch& branch, std::int64_t column) {
        stacked.branch[stacked.branches++] = {
            branch.b.as<bf16>(),
            static_cast<int>(branch.first_output),
            static_cast<int>(branch.b.shape[0]),
            static_cast<int>(column),
            static_cast<int>(branch.b.shape[1]),
            branch.scale,
        };
        ranks = column + branch.b.shape[1];
    });
    if (outputs == 0) return;
    stack_kernel<<<static_cast<unsigned>(divide_up(outputs * ranks, block_threads)), block_threads, 0,
                   stream>>>(to, stacked, static_cast<int>(outputs), static_cast<int>(ranks));
    check_launch("stack_branches");
}

}  // namespace wishbone::cuda

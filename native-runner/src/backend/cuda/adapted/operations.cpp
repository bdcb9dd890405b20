#include "backend/low_rank.h"

#include "backend/cuda/adapted/branches.h"
#include "backend/cuda/adapted/sm90/product.h"
#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/matmul/linear.h"
#include "backend/cuda/matmul/sm90/suits.h"
#include "backend/cuda/primitives/vector.h"
#include "backend/cuda/runtime/check.h"
#include "backend/require.h"

namespace wishbone::cuda {
namespace {

using sm90::product::Form;

/// Sets `count` columns of a bf16 matrix to zero.
void zero_columns(const Tensor& matrix, std::int64_t first, std::int64_t count, cudaStream_t stream) {
    if (count == 0 || matrix.shape[0] == 0) return;
    check(
        cudaMemset2DAsync(matrix.as<bf16>() + first, static_cast<std::size_t>(matrix.shape[1]) * sizeof(bf16),
                          0, static_cast<std::size_t>(count) * sizeof(bf16),
                          static_cast<std::size_t>(matrix.shape[0]), stream),
        "cudaMemset2DAsync");
}

}  // namespace

// What adapters add to a layer is a second product whose sums go on behind the large one's, where that is one of our own (matmul/sm90).
// Elsewhere the products with b and a, bound by the bytes of their result, come first and only write it; the large product adds to it, and
// much of that reading hides behind its arithmetic. The other way round they would read and write it (docs/benchmarks.md, "LoRA").

bool CudaBackend::goes_behind(const LowRank& adapter, Tensor h) {
    return !adapter || (can_stack(adapter) && vectorised(h.shape[1], {h.data}));
}

bool CudaBackend::goes_behind_backward(const LowRank& adapter, Tensor d_h) {
    return !adapter || vectorised(d_h.shape[1], {d_h.data, adapter.a.data});
}

sm90::product::Behind CudaBackend::behind(const LowRank& adapter, Tensor h, Tensor x, std::int64_t outputs) {
    if (!adapter) return {};
    const std::int64_t ranks = h.shape[1];
    linear(h, x, adapter.a);
    auto* const stacked =
        static_cast<bf16*>(workspace(static_cast<std::size_t>(outputs * ranks) * sizeof(bf16)));
    stack_branches(stream_.get(), stacked, adapter, outputs);
    return {{h.as<bf16>(), stacked}, ranks};
}

sm90::product::Behind CudaBackend::behind_backward(const LowRank& adapter, Tensor d_h, Tensor d_out) {
    if (!adapter) return {};
    gradient_between(adapter, d_h, d_out);
    return {{d_h.as<bf16>(), adapter.a.as<bf16>()}, d_h.shape[1]};
}

void CudaBackend::gradient_between(const LowRank& adapter, Tensor d_h, Tensor d_out) {
    const std::int64_t rows = d_out.shape[0], outputs = d_out.shape[1], ranks = d_h.shape[1];
    for_each_branch(adapter, [&](const LowRank::Branch& branch, std::int64_t column) {
        const std::int64_t rank = branch.b.shape[1];
        matmul_.run({.m = rank, .n = rows, .k = branch.b.shape[0], .lda = rank, .ldb = outputs, .ldd = ranks},
                    d_h.as<bf16>() + column, branch.b.as<bf16>(), d_out.as<bf16>() + branch.first_output,
                    branch.scale);
    });
}

void CudaBackend::adapted_linear(Tensor out, Tensor h, Tensor x, Tensor w, const LowRank& adapter) {
    require(fits(adapter, DType::bf16, out, x, h) && (!w || is_bf16(w, {out.shape[1], x.shape[1]})),
            "adapted_linear");
    const std::int64_t rows = x.shape[0], ranks = h.shape[1], inputs = x.shape[1], outputs = out.shape[1];
    if (w && goes_behind(adapter, h) &&
        sm90::product::suits(device_, {rows, outputs, inputs}, sm90::product::tile_columns,
                             {x.data, w.data, out.data}))
        return sm90::adapted_product(device_, stream_.get(), Form::forward, out.as<bf16>(),
                                     {x.as<bf16>(), w.as<bf16>()}, {rows, outputs, inputs},
                                     behind(adapter, h, x, outputs));
    linear(h, x, adapter.a);
    std::int64_t done = 0;
    for_each_branch(adapter, [&](const LowRank::Branch& branch, std::int64_t column) {
        const std::int64_t count = branch.b.shape[0], rank = branch.b.shape[1];
        zero_columns(out, done, branch.first_output - done, stream_.get());
        done = branch.first_output + count;
        matmul_.run({.transpose_a = true,
                     .m = count,
                     .n = rows,
                     .k = rank,
                     .lda = rank,
                     .ldb = ranks,
                     .ldd = outputs},
                    out.as<bf16>() + branch.first_output, branch.b.as<bf16>(), h.as<bf16>() + column,
                    branch.scale);
    });
    zero_columns(out, done, outputs - done, stream_.get());
    if (w) matmul_.run(added(linear_product(rows, inputs, outputs)), out.data, w.as<bf16>(), x.as<bf16>());
}

void CudaBackend::adapted_linear_backward_input(Tensor d_x, Tensor d_h, Tensor d_out, Tensor w,
                                                const LowRank& adapter) {
    require(fits(adapter, DType::bf16, d_out, d_x, d_h) && (!w || is_bf16(w, {d_out.shape[1], d_x.shape[1]})),
            "adapted_linear_backward_input");
    const std::int64_t rows = d_x.shape[0], inputs = d_x.shape[1], outputs = d_out.shape[1];
    if (w && goes_behind_backward(adapter, d_h) &&
        sm90::product::suits(device_, {rows, inputs, outputs}, sm90::product::tile_columns,
                             {d_out.data, w.data, d_x.data}))
        return sm90::adapted_product(device_, stream_.get(), Form::input_gradient, d_x.as<bf16>(),
                                     {d_out.as<bf16>(), w.as<bf16>()}, {rows, inputs, outputs},
                                     behind_backward(adapter, d_h, d_out));
    gradient_between(adapter, d_h, d_out);
    linear_backward_input(d_x, d_h, adapter.a);
    if (w)
        matmul_.run(added(linear_backward_input_product(rows, inputs, outputs)), d_x.data, w.as<bf16>(),
                    d_out.as<bf16>());
}

void CudaBackend::low_rank_backward_weight(const LowRank& d_adapter, Tensor d_out, Tensor x, Tensor h,
                                           Tensor d_h, const LowRank& adapter) {
    require(fits(adapter, DType::bf16, d_out, x, h) && d_adapter.branches.size() == adapter.branches.size(),
            "low_rank_backward_weight");
    const std::int64_t rows = x.shape[0], ranks = h.shape[1], outputs = d_out.shape[1];
    std::size_t i = 0;
    for_each_branch(adapter, [&](const LowRank::Branch& branch, std::int64_t column) {
        const std::int64_t count = branch.b.shape[0], rank = branch.b.shape[1];
        const Tensor& d_b = d_adapter.branches[i++].b;
        require(is_f32(d_b, {count, rank}), "low_rank_backward_weight");
        matmul_.run({.transpose_b = true,
                     .m = rank,
                     .n = count,
                     .k = rows,
                     .lda = ranks,
                     .ldb = outputs,
                     .ldd = rank,
                     .accumulate = true},
                    d_b.data, h.as<bf16>() + column, d_out.as<bf16>() + branch.first_output, branch.scale);
    });
    linear_backward_weight(d_adapter.a, d_h, x, true);
}

}  // namespace wishbone::cuda

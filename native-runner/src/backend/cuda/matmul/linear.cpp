#include "backend/cuda/matmul/linear.h"

#include "backend/cuda/cuda_backend.h"
#include "backend/require.h"

namespace wishbone::cuda {
namespace {

using bf16 = __nv_bfloat16;

}  // namespace

void CudaBackend::linear(Tensor out, Tensor x, Tensor w) {
    require(x.rank == 2 && is_bf16(w, {out.shape[1], x.shape[1]}) && is_bf16(x, {x.shape[0], x.shape[1]}) &&
                is_bf16(out, {x.shape[0], w.shape[0]}),
            "linear");
    matmul_.run(linear_product(x.shape[0], w.shape[1], w.shape[0]), out.data, w.as<bf16>(), x.as<bf16>());
}

void CudaBackend::linear_added(Tensor sum, Tensor stream, Tensor x, Tensor w) {
    require(x.rank == 2 && is_bf16(w, {sum.shape[1], x.shape[1]}) && is_bf16(x, {x.shape[0], x.shape[1]}) &&
                is_bf16(sum, {x.shape[0], w.shape[0]}) && is_bf16(stream, {x.shape[0], w.shape[0]}),
            "linear_added");
    matmul_.run_onto(added(linear_product(x.shape[0], w.shape[1], w.shape[0])), sum.data, stream.data,
                     w.as<bf16>(), x.as<bf16>());
}

void CudaBackend::linear_backward_input(Tensor d_x, Tensor d_out, Tensor w) {
    require(d_out.rank == 2 && is_bf16(d_out, {d_out.shape[0], d_out.shape[1]}) &&
                is_bf16(w, {d_out.shape[1], d_x.shape[1]}) && is_bf16(d_x, {d_out.shape[0], w.shape[1]}),
            "linear_backward_input");
    matmul_.run(linear_backward_input_product(d_out.shape[0], w.shape[1], w.shape[0]), d_x.data, w.as<bf16>(),
                d_out.as<bf16>());
}

void CudaBackend::linear_backward_weight(Tensor d_w, Tensor d_out, Tensor x, bool adds) {
    require(d_out.rank == 2 && x.rank == 2 && is_bf16(d_out, {x.shape[0], d_out.shape[1]}) &&
                is_bf16(x, {x.shape[0], x.shape[1]}) && is_f32(d_w, {d_out.shape[1], x.shape[1]}),
            "linear_backward_weight");
    const std::int64_t rows = x.shape[0], inputs = x.shape[1], outputs = d_out.shape[1];
    matmul_.run({.transpose_a = false,
                 .transpose_b = true,
                 .m = inputs,
                 .n = outputs,
                 .k = rows,
                 .lda = inputs,
                 .ldb = outputs,
                 .ldd = inputs,
                 .accumulate = true},
                d_w.data, x.as<bf16>(), d_out.as<bf16>(), 1, !adds);
}

}  // namespace wishbone::cuda

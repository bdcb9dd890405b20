#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/fp8/operands.h"
#include "backend/cuda/matmul/linear.h"
#include "backend/require.h"

namespace wishbone::cuda {
namespace {

/// d [rows, outputs] = x [rows, inputs] · w [outputs, inputs]ᵀ with w and x as operands.
Product product_of(Product::Operands operands, std::int64_t rows, std::int64_t inputs, std::int64_t outputs) {
    Product product = linear_product(rows, inputs, outputs);
    product.operands = operands;
    return product;
}

}  // namespace

std::string CudaBackend::fp8_problem() const {
    // The library scales rows on this architecture alone: before, it has one scale for a matrix; later ones have MXFP8.
    if (device_.capability / 10 == 9) return {};
    return "FP8 products with a scale for each row need a Hopper GPU (H100, H200; compute capability 9.0), and the " +
           device_.name + " has " + std::to_string(device_.capability / 10) + "." +
           std::to_string(device_.capability % 10);
}

void CudaBackend::fp8_linear(Tensor out, Fp8Matrix x, Fp8Matrix w, bool adds) {
    const std::int64_t rows = x.values.shape[0], inputs = x.values.shape[1], outputs = w.values.shape[0];
    require(is_bf16(out, {rows, outputs}) && is_fp8(x, rows, inputs) && is_fp8(w, outputs, inputs),
            "fp8_linear");
    const Product product = product_of(Product::Operands::fp8_fast, rows, inputs, outputs);
    matmul_.run(adds ? added(product) : product, out.data, w, x);
}

void CudaBackend::fp8_backward_input(Tensor d_x, Fp8Matrix d_out, Fp8Matrix w_columns, bool adds) {
    fp8_linear(d_x, d_out, w_columns, adds);
}

void CudaBackend::fp8_backward_weight(Tensor d_w, Fp8Matrix d_out_columns, Fp8Matrix x_columns, bool adds) {
    const std::int64_t outputs = d_out_columns.values.shape[0], inputs = x_columns.values.shape[0],
                       rows = x_columns.values.shape[1];
    require(is_f32(d_w, {outputs, inputs}) && is_fp8(d_out_columns, outputs, rows) &&
                is_fp8(x_columns, inputs, rows),
            "fp8_backward_weight");
    Product product = product_of(Product::Operands::fp8, outputs, rows, inputs);
    product.accumulate = true;
    matmul_.run(product, d_w.data, x_columns, d_out_columns, !adds);
}

}  // namespace wishbone::cuda

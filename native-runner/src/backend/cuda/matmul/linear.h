#pragma once

#include <cstdint>

#include "backend/cuda/matmul/matmul.h"

namespace wishbone::cuda {

/// out [rows, outputs] = x [rows, inputs] · w [outputs, inputs]ᵀ, with w and x as operands, in bf16.
inline Product linear_product(std::int64_t rows, std::int64_t inputs, std::int64_t outputs) {
    return {.transpose_a = true,
            .m = outputs,
            .n = rows,
            .k = inputs,
            .lda = inputs,
            .ldb = inputs,
            .ldd = outputs};
}

/// d_x [rows, inputs] = d_out [rows, outputs] · w [outputs, inputs], with w and d_out as operands, in bf16.
inline Product linear_backward_input_product(std::int64_t rows, std::int64_t inputs, std::int64_t outputs) {
    return {.m = inputs, .n = rows, .k = outputs, .lda = inputs, .ldb = outputs, .ldd = inputs};
}

/// The same product, added to what is there.
inline Product added(Product product) {
    product.accumulate = product.narrow = true;
    return product;
}

}  // namespace wishbone::cuda

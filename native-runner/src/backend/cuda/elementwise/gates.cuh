#pragma once

#include "backend/backend.h"

/// What gates are in gated linear units, and their slope.
namespace wishbone::cuda {

/// 1 / (1 + exp(-x)). Far below zero exp overflows to infinity and the result is 0, as it should be.
__device__ __forceinline__ float sigmoid(float x) { return __fdividef(1.0f, 1.0f + __expf(-x)); }

struct Gate {
    float value, slope;
};

__device__ __forceinline__ Gate silu(float x) {
    const float s = sigmoid(x), value = x * s;
    return {value, s + value * (1.0f - s)};
}

/// The tanh form of GELU (arXiv 1606.08415): x/2 · (1 + tanh(y)) = x · sigmoid(2y), y = √(2/π) (x + 0.044715
/// x³).
__device__ __forceinline__ Gate gelu_tanh(float x) {
    constexpr float a = 1.59576912f, b = 0.044715f;  // 2√(2/π)
    const float s = sigmoid(a * (x + b * x * x * x));
    return {x * s, s + x * s * (1.0f - s) * a * (1.0f + 3.0f * b * x * x)};
}

template <Activation activation>
__device__ __forceinline__ Gate gate_of(float x) {
    return activation == Activation::silu ? silu(x) : gelu_tanh(x);
}

}  // namespace wishbone::cuda

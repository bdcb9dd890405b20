#pragma once

#include <cuda_bf16.h>

#include <cstdint>
#include <initializer_list>

namespace wishbone::cuda {

using bf16 = __nv_bfloat16;

/// Elements of a 16-byte access.
constexpr int bf16_vector = 8;

/// Whether rows of `width` bf16 at these addresses can be read and written 16 bytes at a time.
inline bool vectorised(std::int64_t width, std::initializer_list<const void*> addresses) {
    std::uintptr_t bits = 0;
    for (const void* address : addresses) bits |= reinterpret_cast<std::uintptr_t>(address);
    return width % bf16_vector == 0 && bits % 16 == 0;
}

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace wishbone::cuda

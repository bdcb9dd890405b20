#pragma once

#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/cuda/runtime/check.h"

/// Tensor maps: what Hopper's copy engine (TMA) knows of a tensor in device memory. Made on the host.
namespace wishbone::cuda::sm90 {

constexpr int swizzle_width = 64;  ///< bf16 elements of a 128-byte row of a swizzled tile

/// cuTensorMapEncodeTiled; nothing links against libcuda: it comes through the runtime. Throws
/// Error(internal).
inline decltype(&cuTensorMapEncodeTiled) tensor_map_encoder() {
    static const auto encode = [] {
        void* function = nullptr;
        cudaDriverEntryPointQueryResult result{};
        check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault,
                                               &result),
              "cudaGetDriverEntryPointByVersion");
        check(result == cudaDriverEntryPointSuccess ? cudaSuccess : cudaErrorSymbolNotFound,
              "cuTensorMapEncodeTiled");
        return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(function);
    }();
    return encode;
}

/// The map of a contiguous bf16 tensor [size2, size1, size0] from which boxes [box2, box1, box0] are copied
/// to shared memory and back, rows of box0 elements in the 128-byte swizzle (box0 * 2 <= 128) or in another one. Places of a box
/// outside the tensor are filled with zero by loads and left alone by stores. `base` is 16-byte aligned and so is a
/// row of size0 elements. Throws Error(internal).
inline CUtensorMap encode_tensor_3d(const void* base, std::uint64_t size0, std::uint64_t size1,
                                    std::uint64_t size2, std::uint32_t box0, std::uint32_t box1,
                                    std::uint32_t box2,
                                    CUtensorMapSwizzle swizzle = CU_TENSOR_MAP_SWIZZLE_128B) {
    const cuuint64_t sizes[3] = {size0, size1, size2};
    const cuuint64_t strides[2] = {size0 * sizeof(__nv_bfloat16), size0 * size1 * sizeof(__nv_bfloat16)};
    const cuuint32_t box[3] = {box0, box1, box2};
    const cuuint32_t element_strides[3] = {1, 1, 1};
    CUtensorMap map;
    const CUresult result =
        tensor_map_encoder()(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, const_cast<void*>(base), sizes,
                             strides, box, element_strides, CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle,
                             CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    check(result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue, "cuTensorMapEncodeTiled");
    return map;
}

/// The map of a vector of `size` 4-byte words, read `box` (a multiple of 4, at most 256) at a time from any
/// multiple of 4 (others are an illegal instruction); words outside it are read as zero. `base` is 16-byte
/// aligned. Throws Error(internal).
inline CUtensorMap encode_words(const void* base, std::uint64_t size, std::uint32_t box) {
    const cuuint64_t sizes[1] = {size}, no_strides[1] = {16};  // not read, but may not be null
    const cuuint32_t element_stride = 1;
    CUtensorMap map;
    const CUresult result = tensor_map_encoder()(
        &map, CU_TENSOR_MAP_DATA_TYPE_INT32, 1, const_cast<void*>(base), sizes, no_strides, &box,
        &element_stride, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_NONE,
        CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    check(result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue, "cuTensorMapEncodeTiled");
    return map;
}

}  // namespace wishbone::cuda::sm90

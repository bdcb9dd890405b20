#pragma once

#include <span>

#include "backend/backend.h"
#include "io/safetensors.h"

namespace wishbone {

/// A tensor of a file, or some of its elements from `begin` on, and where they go.
struct TensorUpload {
    Tensor to;  ///< f32 or bf16
    const FileTensor* from;
    std::int64_t begin = 0;
};

/// Reads tensors (F32, F16, BF16, F64) and uploads them in the dtypes of their targets, rounded to nearest even: several
/// threads read pieces while earlier ones go to the device, and where both dtypes are the same only bytes are moved.
/// Throws Error(bad_input) when a file has another dtype or cannot be read to its end.
void upload_tensors(Backend& backend, std::span<const TensorUpload> tensors);

}  // namespace wishbone

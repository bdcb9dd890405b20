#pragma once

#include <cstddef>
#include <span>

#include "backend/backend.h"
#include "io/safetensors.h"
#include "pretrained/float_conversion.h"

namespace wishbone {

/// A tensor of a backend, f32 or bf16, and which tensor of the file it becomes there, or the elements of it from `begin` on.
struct TensorDownload {
    Tensor from;
    FileDType dtype;  ///< F32, F16 or BF16
    std::size_t index;
    std::int64_t begin = 0;
};

/// Downloads tensors and writes them to a file in its dtypes: several threads convert and write pieces while later ones come
/// from the device, and where both dtypes are the same only bytes are moved. Throws Error(cannot_write) and ValueTooLarge.
void download_tensors(Backend& backend, std::span<const TensorDownload> tensors, SafetensorsWriter& file);

}  // namespace wishbone

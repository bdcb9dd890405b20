#pragma once

#include <cstddef>
#include <span>

#include "backend/backend.h"
#include "io/safetensors.h"

namespace wishbone {

/// A tensor of a backend, f32 or bf16, and which tensor of the file it becomes there.
struct TensorDownload {
    Tensor from;
    FileDType dtype;  ///< F32, F16 or BF16
    std::size_t index;
};

/// Writes floats in a dtype of files, rounded to nearest, ties to even. `to` is of the size they then have. Throws
/// ValueTooLarge where a finite value has no finite neighbour there.
void from_floats(std::span<const float> from, FileDType dtype, std::span<std::byte> to);

/// A value that a weight file of the wanted dtype cannot hold.
struct ValueTooLarge {};

/// Downloads tensors and writes them to a file in its dtypes: several threads convert and write pieces while later ones come
/// from the device, and where both dtypes are the same only bytes are moved. Throws Error(cannot_write) and ValueTooLarge.
void download_tensors(Backend& backend, std::span<const TensorDownload> tensors, SafetensorsWriter& file);

}  // namespace wishbone

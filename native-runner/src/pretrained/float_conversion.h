#pragma once

#include <cstddef>
#include <span>

#include "core/tensor.h"
#include "io/safetensors.h"

namespace wishbone {

/// A value that a weight file of the wanted dtype cannot hold.
struct ValueTooLarge {};

/// Reads floats as a file (F32, F16, BF16, F64) or a backend (f32, bf16) stores them; F64 is rounded to nearest, ties to even.
/// `from` holds as many as `to` takes. Throws Error(bad_input) for another dtype.
void to_floats(std::span<const std::byte> from, FileDType dtype, std::span<float> to);

/// Stores floats in a dtype, rounded to nearest, ties to even. `to` is of the size they then have. Throws ValueTooLarge where a
/// finite value has no finite neighbour there.
void from_floats(std::span<const float> from, FileDType dtype, std::span<std::byte> to);

/// The dtype of a file whose elements are stored as a backend's of this one, f32 or bf16.
FileDType as_in_files(DType dtype);

}  // namespace wishbone

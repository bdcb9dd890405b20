#pragma once

namespace wishbone {

/// What the products of the layers' linear layers are computed in.
enum class Precision {
    bf16,  ///< as the backend's activations are: f32 on a CPU
    fp8,   ///< backend/fp8.h; everything else stays as it is
};

}  // namespace wishbone

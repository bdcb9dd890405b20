#pragma once

#include "backend/backend.h"
#include "backend/require.h"

namespace wishbone {

/// Whether a rotation is one of so many tokens with heads of this shape.
inline bool fits_rope(const Rotation& rotation, std::int64_t tokens, const AttentionShape& shape) {
    const std::int64_t positions = rotation.cos.shape[0], planes = rotation.planes();
    return 2 * planes <= shape.head_dim && is_f32(rotation.cos, {positions, planes}) &&
           is_f32(rotation.sin, {positions, planes}) && is_i32(rotation.position, {tokens});
}

}  // namespace wishbone

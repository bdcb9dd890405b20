#include "backend/backend.h"
#include "backend/require.h"

namespace wishbone {

void Backend::rotated_linear(Tensor qkv, Tensor x, Tensor w, const Rotation& rotation, AttentionShape shape) {
    require(qkv.rank == 3, "rotated_linear");
    linear(Tensor(qkv.data, qkv.dtype, {qkv.shape[0], qkv.shape[1] * qkv.shape[2]}), x, w);
    if (rotation) rope(qkv, rotation, shape, false);
}

}  // namespace wishbone

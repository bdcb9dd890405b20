#pragma once

namespace wishbone {

/// What of a layer the backward pass computes again so that the forward pass need not keep it. With T tokens,
/// H hidden size, F feed-forward size and q = (Hq + 2·Hkv)·D, elements kept a layer and the cost a step
/// (norms behind a sublayer keep another T·H each; the one behind the MLP is computed again with it):
enum class Recompute {
    none,   ///< T·(2H + q + Hq·D + 2F); nothing is computed twice
    mlp,    ///< T·(2H + q + Hq·D); one gate/up product more
    block,  ///< T·H; one forward pass of the layers more
};

}  // namespace wishbone

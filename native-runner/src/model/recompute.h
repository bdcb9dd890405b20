#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace wishbone {

/// What of a layer the backward pass computes again so that the forward pass need not keep it. With T tokens,
/// H hidden size, F feed-forward size and q = (Hq + 2·Hkv)·D, elements kept a layer and the cost a step
/// (norms behind a sublayer keep another T·H each; the one behind the MLP is computed again with it):
enum class Recompute : std::uint8_t {
    none,   ///< T·(2H + q + Hq·D + 2F); nothing is computed twice
    mlp,    ///< T·(2H + q + Hq·D); one gate/up product more
    block,  ///< T·H; one forward pass of the layers more
};

constexpr std::string_view name_of(Recompute recompute) {
    constexpr std::string_view names[] = {"none", "mlp", "block"};
    return names[static_cast<std::size_t>(recompute)];
}

/// The same, layer by layer: of the first `block_layers` all is computed again, of the next `mlp_layers` the MLP, of the others
/// nothing. The last layer is never computed again: its results are still there when the backward pass begins. Gradients are the same
/// to the bit whatever this is.
struct RecomputePlan {
    std::int64_t block_layers = 0, mlp_layers = 0;

    constexpr RecomputePlan() = default;
    constexpr RecomputePlan(std::int64_t block, std::int64_t mlp) : block_layers(block), mlp_layers(mlp) {}
    /// Of every layer, however many there are.
    constexpr RecomputePlan(Recompute of_all)
        : block_layers(of_all == Recompute::block ? every : 0),
          mlp_layers(of_all == Recompute::mlp ? every : 0) {}

    /// Of a model of so many layers, by how much is computed again: 0 is nothing, each MLP is one more, then each block is one more, up
    /// to `most_recompute(layers)`. A level needs no more memory than the one before. A byte costs about as much either way; MLPs
    /// come first as they are nothing but large products.
    static constexpr RecomputePlan of_level(std::int64_t level, std::int64_t layers) {
        const std::int64_t others = layers - 1;
        return level <= others ? RecomputePlan(0, level) : RecomputePlan(level - others, 2 * others - level);
    }

    /// With what a model of so many layers has of them: no layer is counted twice, nor the last.
    constexpr RecomputePlan within(std::int64_t layers) const {
        const std::int64_t block = std::min(block_layers, layers - 1);
        return {block, std::min(mlp_layers, layers - 1 - block)};
    }

    /// The inverse of `of_level`.
    constexpr std::int64_t level(std::int64_t layers) const {
        const RecomputePlan own = within(layers);
        return 2 * own.block_layers + own.mlp_layers;
    }

    /// Of a layer that is not the last.
    constexpr Recompute of(std::int64_t layer) const {
        if (layer < block_layers) return Recompute::block;
        return layer - block_layers < mlp_layers ? Recompute::mlp : Recompute::none;
    }

    constexpr bool is_none() const { return block_layers == 0 && mlp_layers == 0; }
    friend constexpr bool operator==(const RecomputePlan&, const RecomputePlan&) = default;

  private:
    static constexpr std::int64_t every = std::numeric_limits<std::int64_t>::max();
};

/// The level of RecomputePlan::of_level at which every layer that can be is computed again.
constexpr std::int64_t most_recompute(std::int64_t layers) { return 2 * (layers - 1); }

/// "activations of the MLPs of 12 of 32 layers are computed again".
std::string text_of(RecomputePlan plan, std::int64_t layers);

}  // namespace wishbone

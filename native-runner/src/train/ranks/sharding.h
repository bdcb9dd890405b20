#pragma once

#include <cstdint>
#include <string_view>

namespace wishbone {

/// What the ranks of a process share out among them, each including the ones before. What is not shared out every rank has whole.
/// Several processes all have the same: each rank the same part as one of every other process.
enum class Sharding : std::uint8_t {
    none,
    optimizer,   ///< AdamW's moments and the f32 master weights (ZeRO-1, arXiv 1910.02054)
    gradients,   ///< also gradients: a rank holds those of few layers at a time (ZeRO-2)
    parameters,  ///< also the weights of layers (ZeRO-3)
};

/// All of them, the least sharing first.
inline constexpr Sharding shardings[] = {Sharding::none, Sharding::optimizer, Sharding::gradients,
                                         Sharding::parameters};

constexpr std::string_view name_of(Sharding sharding) {
    constexpr std::string_view names[] = {"none", "optimizer", "gradients", "parameters"};
    return names[static_cast<std::size_t>(sharding)];
}

}  // namespace wishbone

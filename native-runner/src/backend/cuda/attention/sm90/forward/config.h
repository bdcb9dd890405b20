#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/forward/tiles.h"
#include "backend/cuda/primitives/sm90/tensor_map.h"
#include "backend/require.h"

namespace wishbone::cuda::sm90::forward {

/// Sizes of one kernel. `Groups` computing warpgroups of 64 query rows; `Keys` of a key tile; the depth of
/// the rings of query and of key and value tiles. `Turns`: warpgroups take turns at the matrix units. `Lazy`:
/// as in Softmax.
template <int HeadDim, int Groups_, int Keys_, int QueryStages_, int Stages_, bool Turns_, bool Lazy_ = true>
struct Config {
    static constexpr int D = HeadDim, Groups = Groups_, N = Keys_, QueryStages = QueryStages_,
                         Stages = Stages_;
    static constexpr bool Turns = Turns_;
    static constexpr bool Lazy = Lazy_;
    static constexpr bool Across = QueryStages > 1;  ///< items overlap
    static constexpr int Chunks = (D + swizzle_width - 1) / swizzle_width;
    static constexpr int Slots = N / Tiles::slot_keys;
    static_assert(Slots == 2 || Slots == 4);
    static constexpr int Rows = 64 * Groups;
    static constexpr int Threads = 128 * (Groups + 1);
    // Scores of 128 keys take so many registers that the loading warps have to spill.
    static constexpr int ComputeRegisters = Groups == 2 ? 224 : N == 128 ? 160 : 152;
    static constexpr int LoadRegisters = ComputeRegisters == 160 ? 32 : 56;
    static_assert(Groups == 2 || Groups == 3);

    // Offsets in shared memory.
    static constexpr int QueryBytes = Chunks * Rows * 128;
    static constexpr int KeyBytes = Chunks * N * 128;
    static constexpr int Query = 0;
    static constexpr int Key = Query + QueryStages * QueryBytes;
    static constexpr int Value = Key + Stages * KeyBytes;
    static constexpr int Until = Value + Stages * KeyBytes;  ///< visible_until of the keys of a stage
    static constexpr int KeySlots = Until + Stages * N * 4;  ///< slots of a stage
    static constexpr int Work = KeySlots + Stages * 16;      ///< what a query stage holds
    static constexpr int Barriers = Work + QueryStages * 16;
    static constexpr int Bytes = Barriers + 8 * (2 * QueryStages + 4 * Stages);
    static constexpr int Allocated = Bytes + 1024;  ///< room to align the start
    static_assert(Allocated <= 227 * 1024);
};

// The kernel of each head size, and where queries see few keys: key tiles of half the size, of which fewer are masked, and more of
// them ahead (docs/benchmarks.md, "What was tried, predicted and measured").
using Head64 = Config<64, 3, 128, 2, 2, true>;
using Head64Few = Config<64, 3, 64, 3, 6, true>;
using Head96 = Config<96, 2, 128, 2, 2, true>;
using Head128 = Config<128, 2, 128, 2, 2, true>;
using Head128Few = Config<128, 3, 64, 2, 3, true>;
using Head256 = Config<256, 2, 64, 1, 2, false>;

/// Keys that a query sees, on average, up to which they are few.
constexpr std::int64_t few_keys = 256;

constexpr bool has_config(std::int64_t head_dim) {
    return head_dim == 64 || head_dim == 96 || head_dim == 128 || head_dim == 256;
}

/// Calls `use` with the configuration of a head size, a value of its type.
template <class Use>
void with_config(std::int64_t head_dim, bool few, const Use& use) {
    switch (head_dim) {
        case 64:
            return few ? use(Head64Few{}) : use(Head64{});
        case 96:
            return use(Head96{});
        case 128:
            return few ? use(Head128Few{}) : use(Head128{});
        case 256:
            return use(Head256{});
        default:
            require(false, "attention");
    }
}

}  // namespace wishbone::cuda::sm90::forward

#pragma once

#include <cstdint>

#include "backend/cuda/attention/sm90/backward/parameters.h"

namespace wishbone::cuda::sm90::backward {

/// This thread's two keys of an item, 8 apart, and which queries see them.
template <bool Windowed>
struct ThreadKeys {
    int key0, key1, until0, until1;
    /// A query tile that lies in [all_from, all_until) sees all keys of this warp.
    int all_from, all_until;

    /// `row`: of key0 in the tile; `warp_row`: of the warp's first key.
    __device__ __forceinline__ ThreadKeys(const Parameters& p, const Tiles::Item& item, int key_end, int row,
                                          int warp_row)
        : key0(item.key_begin + row), key1(key0 + 8) {
        until0 = key0 < key_end ? p.until[key0] : key0;
        until1 = key1 < key_end ? p.until[key1] : key1;
        all_from = item.key_begin + warp_row + 15;
        all_until = min(until0, until1);
        if constexpr (Windowed)
            all_until = min(key0 < key_end ? p.visible_by_all_until[key0] : key0,
                            key1 < key_end ? p.visible_by_all_until[key1] : key1);
    }
    /// To be called before `hide_invisible`: not at once, which would be to wait for memory.
    __device__ __forceinline__ void settle() { all_until = __reduce_min_sync(0xffffffffu, all_until); }

    /// Scores of invisible pairs become -inf: s[4i + 2h + e] is that of key h with row 8i + 2c + e of the
    /// query tile that begins with token `first`. `first_seen`: of the rows, with a window.
    template <int Size>
    __device__ __forceinline__ void hide_invisible(float (&s)[Size], int first, const int* first_seen, int c,
                                                   const Parameters& p) const {
        if (first < all_from || first + p.tile_tokens > all_until) {
            // Rows of a query tile are token-major, so those that see a key are contiguous.
            const int begin0 = max(key0 - first, 0) * p.group, begin1 = max(key1 - first, 0) * p.group;
            const int end0 = min(until0 - first, p.tile_tokens) * p.group;
            const int end1 = min(until1 - first, p.tile_tokens) * p.group;
            const unsigned length0 = max(end0 - begin0, 0), length1 = max(end1 - begin1, 0);
            const int at0 = 2 * c - begin0, at1 = 2 * c - begin1;
#pragma unroll
            for (int i = 0; i < Size / 4; ++i)
#pragma unroll
                for (int e = 0; e < 2; ++e) {
                    if (unsigned(at0 + 8 * i + e) >= length0) s[4 * i + e] = -INFINITY;
                    if (unsigned(at1 + 8 * i + e) >= length1) s[4 * i + 2 + e] = -INFINITY;
                    if constexpr (Windowed) {
                        const int seen = first_seen[8 * i + 2 * c + e];
                        if (key0 < seen) s[4 * i + e] = -INFINITY;
                        if (key1 < seen) s[4 * i + 2 + e] = -INFINITY;
                    }
                }
        }
    }
};

/// Query tiles of an item, [begin, end), that see the half of its keys which a warpgroup works on. The first
/// half is never empty, and seen from the start, by the first part of several.
struct TilesInSight {
    int begin, end;

    __device__ __forceinline__ TilesInSight(const Tiles::Item& item, int half, int tile_tokens) {
        const int last_until = item.last_until[half];
        begin = half == 0 ? 0 : max(item.key_begin + 64 - item.query_begin, 0) / tile_tokens;
        end = min(max(last_until - item.query_begin + tile_tokens - 1, 0) / tile_tokens, item.tiles);
        if (begin >= end) begin = end = 0;
    }
};

}  // namespace wishbone::cuda::sm90::backward

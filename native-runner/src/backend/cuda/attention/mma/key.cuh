#pragma once

#include <climits>

namespace wishbone::cuda::mma {

/// A key as the masks ask for it: row q sees it when begin <= q < end. Places of a tile behind the last key
/// hold a key nobody sees.
struct __align__(8) Key {
    int begin, end;

    __device__ bool visible(int query) const { return begin <= query && query < end; }
    __device__ static Key none() { return {INT_MAX, 0}; }
    /// Of a token, or none() for INT_MAX.
    __device__ static Key of(int token, const int* visible_until) {
        return {token, token == INT_MAX ? 0 : visible_until[token]};
    }
};

/// For a tile of `16 * chunks` keys: bit c is set when some row of tokens first..last sees a key of the
/// tile's 16 keys from 16 c on. Called by whole warps.
template <int chunks>
__device__ unsigned seen_chunks(const Key* keys, int first, int last, int lane) {
    unsigned seen = 0;
#pragma unroll
    for (int half = 0; half < chunks / 2; ++half) {
        const Key key = keys[half * 32 + lane];
        const unsigned votes = __ballot_sync(~0u, key.begin <= last && key.end > first);
        if ((votes & 0xffffu) != 0) seen |= 1u << (2 * half);
        if ((votes >> 16) != 0) seen |= 2u << (2 * half);
    }
    return seen;
}

}  // namespace wishbone::cuda::mma

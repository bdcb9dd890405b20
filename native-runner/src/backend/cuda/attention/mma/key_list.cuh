#pragma once

#include <climits>

#include "backend/cuda/attention/mma/attention.h"
#include "backend/cuda/attention/mma/tiles.h"
#include "backend/cuda/primitives/mma.cuh"

/// Pieces that the kernels of forward.cu and backward.cu share.
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

/// What the kernels for sliding windows and capped scores need beside the others' arguments.
struct Extension {
    const int* first_seen;       ///< null: no window
    const QueryWindow* windows;  ///< of each query tile
    float inward, outward;       ///< scale / cap and cap / scale; 0: no cap

    static Extension of(const MmaAttention& a) {
        return {a.first_seen, a.windows, a.softcap > 0 ? a.scale / a.softcap : 0,
                a.softcap > 0 ? a.softcap / a.scale : 0};
    }
    __device__ bool capped() const { return outward > 0; }
    /// tanh(scale · score / cap); `outward` times that is the capped score, still to be scaled.
    __device__ float tangent(float score) const {
        return 1 - __fdividef(2.0f, 1 + exp2(2 * 1.4426950408889634f * inward * score));
    }
    /// The first token that one sees.
    __device__ int oldest(int token) const { return first_seen == nullptr ? 0 : first_seen[token]; }
};

/// The keys of a query tile (see QueryTile), `columns` at a time. One thread asks for one place of each key
/// tile, from the last tile to the first, so that its way through the runs only leads up.
class KeyList {
  public:
    __device__ KeyList(const QueryTile& tile, int first, int last, const KeyRun* runs)
        : first_(first),
          ancestors_(tile.ancestors),
          size_(tile.ancestors + last - first + 1),
          run_(tile.run),
          runs_(runs) {}

    __device__ int size() const { return size_; }

    /// The token at a place, INT_MAX behind the last one.
    __device__ int at(int place) {
        if (place >= size_) return INT_MAX;
        if (place >= ancestors_) return first_ + place - ancestors_;
        while (place < run_.depth) run_ = runs_[run_.parent];
        return run_.begin + place - run_.depth;
    }

  private:
    int first_, ancestors_, size_;
    KeyRun run_;
    const KeyRun* runs_;
};

/// Places of the elements of packed rows in the arrays of one KV head: row r is token r / group, head r %
/// group of the group.
struct PackedRows {
    Divider group;
    int kv_head, tokens;

    __device__ int token(int row) const { return group.quotient(row); }
    /// Index of the first element of a row in an array [T, heads, head_dim] whose first heads are the query
    /// heads.
    __device__ std::int64_t offset(int row, int heads, int head_dim) const {
        const int token = group.quotient(row), head = row - token * group.divisor();
        return (static_cast<std::int64_t>(token) * heads + kv_head * group.divisor() + head) * head_dim;
    }
    /// Index in an array [Hq, T].
    __device__ std::int64_t statistic(int row) const {
        const int token = group.quotient(row), head = row - token * group.divisor();
        return static_cast<std::int64_t>(kv_head * group.divisor() + head) * tokens + token;
    }
};

/// Brings the rows of a tile into a SharedMatrix. Neighbouring threads take neighbouring chunks of a row, and
/// all the rows of a thread have the same permutation, so that places differ by constants.
template <int head_dim, int threads>
class TileCopier {
    using Matrix = SharedMatrix<head_dim>;
    static constexpr int together = Matrix::even ? 8 : 4;  ///< chunks that neighbouring threads take
    static constexpr int rows_at_once = threads / together;
    static_assert(rows_at_once % 8 == 0);

  public:
    __device__ explicit TileCopier(int thread)
        : row_(thread / together), chunk_(thread % together), offset_(Matrix::offset(row_, chunk_)) {}

    /// `source(row)`: the first element of that row of the tile, or null for a row of zeros. `mapped` is any
    /// readable address.
    template <int rows, typename Source>
    __device__ __forceinline__ void copy(std::uint32_t to, const __nv_bfloat16* mapped,
                                         const Source& source) const {
        static_assert(rows % rows_at_once == 0);
#pragma unroll
        for (int i = 0; i < rows / rows_at_once; ++i) {
            const __nv_bfloat16* const from = source(row_ + i * rows_at_once);
            const bool valid = from != nullptr;
            const auto* const address =
                reinterpret_cast<const unsigned char*>(valid ? from : mapped) + chunk_ * 16;
#pragma unroll
            for (int m = 0; m < Matrix::row_chunks / together; ++m)
                copy_async_16(to + offset_ + i * rows_at_once * Matrix::row_bytes + m * together * 16,
                              address + m * together * 16, valid);
        }
    }

  private:
    int row_, chunk_;
    std::uint32_t offset_;
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

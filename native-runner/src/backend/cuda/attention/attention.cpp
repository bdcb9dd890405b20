#include <cstring>
#include <string>
#include <vector>

#include "backend/attention_window.h"
#include "backend/cuda/attention/attention.h"
#include "backend/cuda/attention/mma/attention.h"
#include "backend/cuda/attention/mma/tiles.h"
#include "backend/cuda/attention/sm90/backward.h"
#include "backend/cuda/attention/sm90/forward.h"
#include "backend/cuda/require.h"
#include "backend/cuda/runtime/check.h"

namespace wishbone::cuda {
namespace {

/// Host arrays side by side in one allocation of a stream's memory: one call of the driver to get it, one to
/// fill it.
class Lists {
  public:
    explicit Lists(cudaStream_t stream) : stream_(stream) {}
    ~Lists() {
        // Fails only when the process is on its way out and the driver is gone.
        if (memory_ != nullptr) (void)cudaFreeAsync(memory_, stream_);
    }
    Lists(const Lists&) = delete;
    Lists& operator=(const Lists&) = delete;

    /// Returns where the array will lie, for `at`.
    template <typename T>
    std::size_t add(std::span<const T> array) {
        const std::size_t place = (image_.size() + 255) / 256 * 256;
        image_.resize(place + array.size_bytes());
        if (!array.empty()) std::memcpy(image_.data() + place, array.data(), array.size_bytes());
        return place;
    }
    /// Drops the image. CUDA stages copies from pageable memory, but its documentation ("API synchronization
    /// behavior") does not promise for the asynchronous form that this has happened when the call returns; a
    /// pinned block that outlives the copy would need no such trust.
    void upload() {
        if (image_.empty()) return;
        check(cudaMallocAsync(&memory_, image_.size(), stream_), "attention tile lists");
        check(cudaMemcpyAsync(memory_, image_.data(), image_.size(), cudaMemcpyHostToDevice, stream_),
              "upload of attention tile lists");
        image_ = {};
    }
    template <typename T>
    const T* at(std::size_t place) const {
        return reinterpret_cast<const T*>(static_cast<const std::byte*>(memory_) + place);
    }

  private:
    cudaStream_t stream_;
    void* memory_ = nullptr;
    std::vector<std::byte> image_;
};

/// What the portable kernels work from.
class MmaLists {
  public:
    MmaLists(cudaStream_t stream, std::span<const std::int32_t> visible_until,
             std::span<const std::int32_t> first_seen, const AttentionShape& shape)
        : shape_(shape), tokens_(static_cast<std::int32_t>(visible_until.size())), lists_(stream) {
        const MmaTileSizes sizes = mma_tile_sizes(shape.head_dim);
        const AttentionTiles tiles =
            make_attention_tiles(visible_until, static_cast<std::int32_t>(shape.query_heads / shape.kv_heads),
                                 sizes.rows, sizes.keys, first_seen);
        query_tile_count_ = static_cast<std::int32_t>(tiles.queries.size());
        key_tile_count_ = static_cast<std::int32_t>(tiles.keys.size());
        visible_until_ = lists_.add(visible_until);
        runs_ = lists_.add(std::span<const KeyRun>(tiles.runs));
        queries_ = lists_.add(std::span<const QueryTile>(tiles.queries));
        keys_ = lists_.add(std::span<const KeyTile>(tiles.keys));
        windowed_ = !first_seen.empty();
        first_seen_ = lists_.add(first_seen);
        windows_ = lists_.add(std::span<const QueryWindow>(tiles.windows));
        lists_.upload();
    }

    MmaAttention arguments(const __nv_bfloat16* qkv, float scale) const {
        return {.qkv = qkv,
                .visible_until = lists_.at<std::int32_t>(visible_until_),
                .runs = lists_.at<KeyRun>(runs_),
                .query_tiles = lists_.at<QueryTile>(queries_),
                .key_tiles = lists_.at<KeyTile>(keys_),
                .query_tile_count = query_tile_count_,
                .key_tile_count = key_tile_count_,
                .tokens = tokens_,
                .query_heads = static_cast<std::int32_t>(shape_.query_heads),
                .kv_heads = static_cast<std::int32_t>(shape_.kv_heads),
                .head_dim = static_cast<std::int32_t>(shape_.head_dim),
                .scale = scale,
                .softcap = shape_.softcap,
                .first_seen = windowed_ ? lists_.at<std::int32_t>(first_seen_) : nullptr,
                .windows = windowed_ ? lists_.at<QueryWindow>(windows_) : nullptr};
    }

  private:
    AttentionShape shape_;
    std::int32_t tokens_;
    Lists lists_;
    std::size_t visible_until_ = 0, runs_ = 0, queries_ = 0, keys_ = 0, first_seen_ = 0, windows_ = 0;
    bool windowed_ = false;
    std::int32_t query_tile_count_ = 0, key_tile_count_ = 0;
};

/// Each kernel's lists are made when they are first asked for: a pass without gradients needs none of the
/// backward's, and by the time the backward pass is called the device is busy while the host makes them.
class CudaAttentionMask final : public AttentionMask {
  public:
    CudaAttentionMask(const Device& device, cudaStream_t stream, std::span<const std::int32_t> visible_until,
                      std::span<const std::int32_t> position, const AttentionShape& shape, AttentionPath path)
        : device_(device),
          stream_(stream),
          shape_(shape),
          visible_until_(visible_until.begin(), visible_until.end()) {
        if (shape.window > 0) first_seen_ = first_seen_tokens(visible_until, position, shape.window);
        // Hopper's own instructions are in no other architecture. Its kernels know neither windows nor caps.
        const bool hopper = path == AttentionPath::automatic && device.capability == 90 &&
                            shape.window == 0 && shape.softcap == 0;
        sm90_forward_ = hopper && sm90_attention_forward_supports(shape);
        sm90_backward_ = hopper && sm90_attention_backward_supports(shape);
        // Always made here, so that a mask that breaks its rule is refused here.
        if (sm90_forward_) {
            check_prefix_mask(visible_until_);
            sm90_forward_tiles();
        } else {
            mma();
        }
    }

    bool made_for(std::int64_t tokens, const AttentionShape& shape) const {
        return tokens == static_cast<std::int64_t>(visible_until_.size()) &&
               shape.query_heads == shape_.query_heads && shape.kv_heads == shape_.kv_heads &&
               shape.head_dim == shape_.head_dim && shape.window == shape_.window &&
               shape.softcap == shape_.softcap;
    }

    bool sm90_forward() const { return sm90_forward_; }
    bool sm90_backward() const { return sm90_backward_; }

    const MmaLists& mma() const {
        if (!mma_) mma_ = std::make_unique<MmaLists>(stream_, visible_until_, first_seen_, shape_);
        return *mma_;
    }
    const Sm90AttentionTiles& sm90_forward_tiles() const {
        if (!sm90_forward_tiles_)
            sm90_forward_tiles_ =
                std::make_unique<Sm90AttentionTiles>(device_, stream_, visible_until_, shape_);
        return *sm90_forward_tiles_;
    }
    const Sm90AttentionBackwardMask& sm90_backward_mask() const {
        if (!sm90_backward_mask_)
            sm90_backward_mask_ =
                std::make_unique<Sm90AttentionBackwardMask>(stream_, visible_until_, shape_);
        return *sm90_backward_mask_;
    }

  private:
    Device device_;
    cudaStream_t stream_;
    AttentionShape shape_;
    std::vector<std::int32_t> visible_until_, first_seen_;
    bool sm90_forward_ = false, sm90_backward_ = false;
    mutable std::unique_ptr<MmaLists> mma_;
    mutable std::unique_ptr<Sm90AttentionTiles> sm90_forward_tiles_;
    mutable std::unique_ptr<Sm90AttentionBackwardMask> sm90_backward_mask_;
};

const CudaAttentionMask& own(const AttentionMask& mask, std::int64_t tokens, const AttentionShape& shape,
                             const char* operation) {
    const auto* const made = dynamic_cast<const CudaAttentionMask*>(&mask);
    require(made != nullptr && made->made_for(tokens, shape), operation);
    return *made;
}

}  // namespace

std::unique_ptr<AttentionMask> make_attention_mask(const Device& device, cudaStream_t stream,
                                                   std::span<const std::int32_t> visible_until,
                                                   std::span<const std::int32_t> position,
                                                   AttentionShape shape, AttentionPath path) {
    require(visible_until.size() == position.size() && shape.query_heads > 0 && shape.kv_heads > 0 &&
                shape.query_heads % shape.kv_heads == 0 && shape.scale > 0 && shape.softcap >= 0 &&
                shape.window >= 0 &&
                // Rows of one KV head are counted in 32 bits.
                static_cast<std::int64_t>(visible_until.size()) * (shape.query_heads / shape.kv_heads) <
                    (1 << 30),
            "prepare_mask");
    if (!mma_attention_supports(shape.head_dim))
        throw bad_input(
            "Attention heads of size " + std::to_string(shape.head_dim) + " are not supported on CUDA",
            "model", "Head sizes 64, 96, 128 and 256 are; others run on the CPU backend.");
    return std::make_unique<CudaAttentionMask>(device, stream, visible_until, position, shape, path);
}

std::size_t attention_backward_workspace(const Device& /*device*/, const AttentionMask& mask,
                                         std::int64_t tokens, AttentionShape shape, bool deterministic) {
    const CudaAttentionMask& made = own(mask, tokens, shape, "attention_backward_workspace");
    if (made.sm90_backward())
        return sm90_attention_backward_workspace(made.sm90_backward_mask(), shape, deterministic);
    return mma_attention_backward_workspace(tokens, shape.query_heads);
}

void attention_forward(const Device& device, cudaStream_t stream, __nv_bfloat16* out, float* lse,
                       const __nv_bfloat16* qkv, const AttentionMask& mask, std::int64_t tokens,
                       AttentionShape shape) {
    const CudaAttentionMask& made = own(mask, tokens, shape, "attention");
    if (tokens == 0) return;
    if (made.sm90_forward())
        sm90_attention_forward(device, stream, out, lse, qkv, made.sm90_forward_tiles(), tokens, shape);
    else
        mma_attention_forward(stream, made.mma().arguments(qkv, shape.scale), out, lse);
}

void attention_backward(const Device& device, cudaStream_t stream, __nv_bfloat16* d_qkv,
                        const __nv_bfloat16* d_out, const __nv_bfloat16* out, const float* lse,
                        const __nv_bfloat16* qkv, const AttentionMask& mask, std::int64_t tokens,
                        AttentionShape shape, void* workspace, bool deterministic) {
    const CudaAttentionMask& made = own(mask, tokens, shape, "attention_backward");
    if (tokens == 0) return;
    if (made.sm90_backward())
        sm90_attention_backward(device, stream, d_qkv, d_out, out, lse, qkv, made.sm90_backward_mask(),
                                tokens, shape, workspace, deterministic);
    else
        mma_attention_backward(stream, made.mma().arguments(qkv, shape.scale), d_qkv, d_out, out, lse,
                               workspace);
}

}  // namespace wishbone::cuda

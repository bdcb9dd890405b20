#include "backend/cuda/attention/mask.h"

#include "backend/attention_window.h"
#include "backend/cuda/attention/sm90/backward.h"
#include "backend/cuda/attention/sm90/backward/sizes.h"
#include "backend/cuda/attention/sm90/forward.h"
#include "backend/prefix_mask.h"

namespace wishbone::cuda {
namespace {

/// The work of a pass, made when it is first asked for.
template <class Work, class... Arguments>
const Work& made_once(std::unique_ptr<Work>& work, const Arguments&... arguments) {
    if (!work) work = std::make_unique<Work>(arguments...);
    return *work;
}

}  // namespace

CudaAttentionMask::CudaAttentionMask(const Device& device, const ArrayPlace& place,
                                     std::span<const std::int32_t> visible_until,
                                     std::span<const std::int32_t> position, const AttentionShape& shape,
                                     AttentionPath path)
    : device_(device),
      place_(place),
      shape_(shape),
      visible_until_(visible_until.begin(), visible_until.end()),
      as_long_sequences_(path == AttentionPath::long_sequences) {
    if (shape.window > 0) first_seen_ = first_seen_tokens(visible_until, position, shape.window);
    // Hopper's own instructions are in no other architecture.
    const bool hopper = path != AttentionPath::portable && device.capability == 90;
    uses_sm90_forward_ = hopper && sm90::attention_forward_supports(shape);
    uses_sm90_backward_ = hopper && sm90::attention_backward_supports(shape);
    // Always made here, so that a mask that breaks its rule is refused here.
    if (uses_sm90_forward_) {
        check_prefix_mask(visible_until_);
        sm90_forward();
    } else {
        mma();
    }
}

bool CudaAttentionMask::made_for(std::int64_t tokens, const AttentionShape& shape) const {
    return tokens == static_cast<std::int64_t>(visible_until_.size()) &&
           shape.query_heads == shape_.query_heads && shape.kv_heads == shape_.kv_heads &&
           shape.head_dim == shape_.head_dim && shape.window == shape_.window &&
           shape.softcap == shape_.softcap;
}

const mma::Work& CudaAttentionMask::mma() const {
    return made_once(mma_, place_, visible_until_, first_seen_, shape_);
}
const sm90::forward::Work& CudaAttentionMask::sm90_forward() const {
    return made_once(sm90_forward_, place_, visible_until_, first_seen_, shape_, as_long_sequences_);
}
const sm90::backward::Work& CudaAttentionMask::sm90_backward() const {
    const std::int64_t kept = as_long_sequences_ ? 0 : sm90::backward::most_score_bytes(shape_.head_dim);
    return made_once(sm90_backward_, device_, place_, visible_until_, first_seen_, shape_, kept);
}

}  // namespace wishbone::cuda

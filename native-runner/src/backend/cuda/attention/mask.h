#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "backend/cuda/attention/attention.h"
#include "backend/cuda/attention/mma/work.h"
#include "backend/cuda/attention/sm90/backward/work.h"
#include "backend/cuda/attention/sm90/forward/work.h"
#include "backend/cuda/runtime/device.h"

namespace wishbone::cuda {

/// One bin's mask, and which kernels work on it. Each kernel's work is made when it is first asked for: a
/// pass without gradients needs none of the backward's, and by the time the backward pass is called the
/// device is busy while the host makes it.
class CudaAttentionMask final : public AttentionMask {
  public:
    CudaAttentionMask(const Device& device, const ArrayPlace& place,
                      std::span<const std::int32_t> visible_until, std::span<const std::int32_t> position,
                      const AttentionShape& shape, AttentionPath path);

    bool made_for(std::int64_t tokens, const AttentionShape& shape) const;

    bool uses_sm90_forward() const { return uses_sm90_forward_; }
    bool uses_sm90_backward() const { return uses_sm90_backward_; }

    const mma::Work& mma() const;
    const sm90::forward::Work& sm90_forward() const;
    const sm90::backward::Work& sm90_backward() const;

  private:
    Device device_;
    ArrayPlace place_;
    AttentionShape shape_;
    std::vector<std::int32_t> visible_until_, first_seen_;
    bool as_long_sequences_;
    bool uses_sm90_forward_ = false, uses_sm90_backward_ = false;
    mutable std::unique_ptr<mma::Work> mma_;
    mutable std::unique_ptr<sm90::forward::Work> sm90_forward_;
    mutable std::unique_ptr<sm90::backward::Work> sm90_backward_;
};

}  // namespace wishbone::cuda

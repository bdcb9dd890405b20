#include "backend/counting_backend.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace wishbone {

namespace {

constexpr std::size_t kib = 1024, mib = 1024 * kib;

// What cuda/ takes beside its arguments. Small pieces (tile lists, tables of partial sums) are not counted one by
// one; they are part of what a context holds.
constexpr std::size_t cublaslt_workspace = 64 * mib;
constexpr std::size_t cuda_kept_logits = 1024 * mib;
constexpr std::size_t cuda_logits_chunk = 512 * mib;
constexpr std::size_t cpu_kept_logits = 512 * mib;

std::size_t bytes_of(std::int64_t elements, std::size_t each) {
    return static_cast<std::size_t>(elements) * each;
}

}  // namespace

CountingBackend::CountingBackend(std::string counted) : counted_(std::move(counted)), cuda_(counted_ == "cuda") {
    if (cuda_) library_workspace_ = allocate(cublaslt_workspace);
}

Buffer CountingBackend::allocate(std::size_t asked) {
    // The rounding of cuda/runtime/device_memory.cpp.
    const std::size_t unit = !cuda_ ? 1 : asked <= 64 * kib ? 512 : asked <= 4 * mib ? 64 * kib : 2 * mib;
    const std::size_t bytes = (asked + unit - 1) / unit * unit;
    use_->now += bytes;
    use_->peak = std::max(use_->peak, use_->now);
    // An address nobody reads: only its difference from others matters.
    auto* const address = reinterpret_cast<void*>(use_->next_address);
    use_->next_address += bytes + 512;
    return Buffer(address, [use = use_, bytes](void*) { use->now -= bytes; });
}

void CountingBackend::workspace(std::size_t bytes) {
    if (bytes <= workspace_bytes_) return;
    workspace_.reset();
    workspace_ = allocate(bytes);
    workspace_bytes_ = bytes;
}

void CountingBackend::download(void* to, Tensor from) {
    if (from.size() > 0) std::memset(to, 0, from.bytes());
}

std::unique_ptr<AttentionMask> CountingBackend::prepare_mask(std::span<const std::int32_t>,
                                                             std::span<const std::int32_t>, AttentionShape) {
    return std::make_unique<AttentionMask>();
}

void CountingBackend::embedding_backward(Tensor, Tensor tokens, Tensor d_out) {
    if (cuda_) workspace(bytes_of(tokens.size(), 8) + d_out.bytes() / 8);
}

void CountingBackend::rmsnorm_backward(Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor weight, RmsNorm) {
    if (cuda_) workspace(bytes_of(weight.size(), 4) * 1024);
}

void CountingBackend::qk_norm_backward(Tensor, Tensor, Tensor, Tensor qkv, Tensor query_weight, Tensor,
                                       AttentionShape shape, RmsNorm) {
    // Inverse RMS of every head, sums of 256 pieces.
    if (cuda_)
        workspace(bytes_of(qkv.rows() * (shape.query_heads + shape.kv_heads) + 256 * query_weight.size(), 4));
}

void CountingBackend::bias_backward(Tensor d_bias, Tensor) {
    if (cuda_) workspace(bytes_of(d_bias.size(), 4) * 256);
}

void CountingBackend::attention_backward(Tensor, Tensor, Tensor, Tensor lse, Tensor, const AttentionMask&,
                                         AttentionShape) {
    // Two statistics a row.
    if (cuda_) workspace(2 * lse.bytes());
}

void CountingBackend::head_logps(Tensor, Tensor, Tensor kept_logits, Tensor hidden, Tensor head, HeadTargets,
                                 float) {
    if (!cuda_) return;
    const std::int64_t rest = hidden.rows() - (kept_logits ? kept_logits.rows() : 0);
    workspace(std::min(bytes_of(rest * head.rows(), 2), cuda_logits_chunk));
}

void CountingBackend::head_logps_backward(Tensor, Tensor, Tensor kept_logits, Tensor hidden, Tensor head, Tensor,
                                          HeadTargets targets, Tensor, float softcap) {
    head_logps(targets.token, {}, kept_logits, hidden, head, targets, softcap);
}

void CountingBackend::head_log_sum_squares(Tensor, Tensor kept_logits, Tensor hidden, Tensor head, Tensor,
                                           float) {
    head_logps({}, {}, kept_logits, hidden, head, {}, 0);
}

std::size_t CountingBackend::kept_logits_budget() const { return cuda_ ? cuda_kept_logits : cpu_kept_logits; }

}  // namespace wishbone

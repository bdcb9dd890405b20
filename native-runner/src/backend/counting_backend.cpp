#include "backend/counting_backend.h"

#include <algorithm>
#include <cstring>

namespace wishbone {

namespace {

std::size_t bytes_of(std::int64_t elements, std::size_t each) {
    return static_cast<std::size_t>(elements) * each;
}

/// How many scores of each head the kernels compute: what is visible, and around it what tiles of some 64 queries have more.
struct CountedMask : AttentionMask {
    std::int64_t scores = 0;
};

}  // namespace

CountingBackend::CountingBackend(std::string_view counted) : counted_(backend_named(counted)) {
    if (counted_.memory.library > 0) library_workspace_ = allocate(counted_.memory.library);
}

Buffer CountingBackend::allocate(std::size_t asked) {
    const std::size_t bytes = counted_.memory.rounded(asked);
    use_->now += bytes;
    use_->peak = std::max(use_->peak, use_->now);
    // An address nobody reads: only its difference from others matters.
    auto* const address = reinterpret_cast<void*>(use_->next_address);
    use_->next_address += bytes + 512;
    return Buffer(address, [use = use_, bytes](void*) { use->now -= bytes; });
}

void CountingBackend::workspace(std::size_t bytes) {
    if (!counted_.memory.has_workspaces || bytes <= workspace_bytes_) return;
    workspace_.reset();
    workspace_ = allocate(bytes);
    workspace_bytes_ = bytes;
}

Backend& CountingBackend::host() {
    if (counted_.memory.is_of_host) return *this;
    if (!host_) host_ = std::make_unique<CountingBackend>("cpu");
    return *host_;
}

void CountingBackend::stream_pieces(std::span<const StreamedPiece> pieces) {
    for (const StreamedPiece& piece : pieces) {
        if (!counted_.memory.is_of_host && piece.bytes() > streamed_bytes_) {
            streamed_bytes_ = piece.bytes();
            streamed_.clear();
            while (streamed_.size() < pieces_at_once) streamed_.push_back(allocate(streamed_bytes_));
        }
        std::vector<Tensor> tensors;
        for (const StreamedTensor& tensor : piece.tensors) tensors.push_back(tensor.on_host);
        piece.work(tensors);
    }
}

void CountingBackend::download(void* to, Tensor from) {
    if (from.size() > 0) std::memset(to, 0, from.bytes());
}

std::unique_ptr<AttentionMask> CountingBackend::prepare_mask(std::span<const std::int32_t> visible_until,
                                                             std::span<const std::int32_t>, AttentionShape) {
    auto mask = std::make_unique<CountedMask>();
    for (std::size_t key = 0; key < visible_until.size(); ++key)
        mask->scores += visible_until[key] - static_cast<std::int64_t>(key) + 64;
    return mask;
}

void CountingBackend::embedding_backward(Tensor, Tensor tokens, Tensor d_out) {
    workspace(bytes_of(tokens.size(), 8) + d_out.bytes() / 8);
}

void CountingBackend::rmsnorm_backward(Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor weight,
                                       RmsNorm) {
    workspace(bytes_of(weight.size(), 4) * 1024);
}

void CountingBackend::qk_norm_backward(Tensor, Tensor, Tensor, Tensor qkv, Tensor query_weight, Tensor,
                                       AttentionShape shape, RmsNorm) {
    // Inverse RMS of every head, sums of 256 pieces.
    workspace(bytes_of(qkv.rows() * (shape.query_heads + shape.kv_heads) + 256 * query_weight.size(), 4));
}

void CountingBackend::fp8_quantise(Fp8Matrix, Fp8Matrix columns, Tensor x) {
    // The largest of each row and column.
    if (columns) workspace(bytes_of(x.rows() + x.row_size(), 4));
}

void CountingBackend::fp8_glu_backward(Fp8Matrix d_rows, Fp8Matrix, Fp8Matrix, Tensor, Tensor, Activation) {
    // The largest of each row, and of each column of gates, ups and what comes of both.
    workspace(bytes_of(d_rows.values.rows() + d_rows.values.row_size() / 2 * 3, 4));
}

void CountingBackend::adapted_linear(Tensor out, Tensor h, Tensor, Tensor, const LowRank&) {
    // The second matrices, stacked.
    workspace(bytes_of(out.row_size() * h.row_size(), 2));
}

void CountingBackend::bias_backward(Tensor d_bias, Tensor) { workspace(bytes_of(d_bias.size(), 4) * 256); }

void CountingBackend::attention_backward(Tensor, Tensor, Tensor, Tensor lse, Tensor, Tensor,
                                         const AttentionMask& mask, AttentionShape shape, const Rotation&) {
    // Two statistics a row, with a window what it sees first; and gradients of scores. Which bins have too many to keep is known by
    // their tiles only, so such a bin is counted with as many as one that just keeps them.
    const std::size_t statistics = (shape.window > 0 ? 3 : 2) * lse.bytes();
    const auto* const counted = dynamic_cast<const CountedMask*>(&mask);
    const auto most = counted_.memory.score_gradients;
    const std::size_t scores =
        counted == nullptr || most == nullptr
            ? 0
            : std::min(bytes_of(counted->scores * shape.query_heads, 2), most(shape.head_dim));
    workspace(statistics + scores);
}

void CountingBackend::head_logps(Tensor, Tensor, Tensor kept_logits, Tensor hidden, Tensor head, HeadTargets,
                                 float) {
    const std::int64_t rest = hidden.rows() - (kept_logits ? kept_logits.rows() : 0);
    // A chunk of logits, or where they need not be in memory two numbers of each row's 256.
    workspace(std::max(std::min(bytes_of(rest * head.rows(), 2), counted_.memory.logits_chunk),
                       bytes_of(hidden.rows() * ((head.rows() + 255) / 256), 8)));
}

void CountingBackend::head_logps_backward(Tensor, Tensor, Tensor kept_logits, Tensor hidden, Tensor head,
                                          Tensor, HeadTargets targets, Tensor, float softcap, bool) {
    head_logps(targets.token, {}, kept_logits, hidden, head, targets, softcap);
}

void CountingBackend::head_log_sum_squares(Tensor, Tensor kept_logits, Tensor hidden, Tensor head, Tensor,
                                           float) {
    head_logps({}, {}, kept_logits, hidden, head, {}, 0);
}

std::size_t CountingBackend::kept_logits_budget() const { return counted_.memory.kept_logits; }

}  // namespace wishbone

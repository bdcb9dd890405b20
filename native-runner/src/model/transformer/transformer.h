#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "model/backward_progress.h"
#include "model/config.h"
#include "model/key_value_cache.h"
#include "model/model_view.h"
#include "model/precision.h"
#include "model/recompute.h"
#include "model/transformer/pending_logps.h"
#include "plan/plan.h"

namespace wishbone {

/// One bin on the device, ready to run.
struct DeviceBin;
/// What a forward pass leaves for the backward pass.
struct Activations;

/// Throws Error(bad_input), saying why, where the backend or the model's sizes cannot have this precision. `where`: who asks.
void check_precision(const Backend& backend, const ModelConfig& config, Precision precision,
                     const std::string& where);

/// The decoder-only transformer with the features of its config, written once for all backends.
class Transformer {
  public:
    /// In `precision` fp8 throws Error(bad_input), saying why, where the backend or the model's sizes cannot have it.
    Transformer(Backend& backend, ModelConfig config, RecomputePlan recompute = Recompute::none,
                Precision precision = Precision::bf16);
    ~Transformer();
    Transformer(const Transformer&) = delete;
    Transformer& operator=(const Transformer&) = delete;

    const ModelConfig& config() const;

    /// Length of the longest sequence there will be, which decides how dynamic RoPE scaling and LongRoPE
    /// rotate: one length for all bins, so that no sequence depends on its neighbours. Before the first bin.
    void expect_length(std::int64_t longest);

    /// Uploads a bin without the rows that nothing depends on (plan/computed_rows.h), and does not wait for the
    /// device. The view's arrays need not outlive the call. The bin may go as soon as all is
    /// asked for that is to work on it.
    std::shared_ptr<DeviceBin> prepare(const BinView& bin);

    /// Has the log-probability of each of the bin's targets computed, and `log_sum_squares` where asked for, and does not wait for
    /// the device: other work may be asked for meanwhile, another forward pass too. With `keep`, activations stay for one `backward`
    /// (they are overwritten by the next forward pass that keeps).
    PendingLogps begin_forward(const ModelView& model, DeviceBin& bin, bool keep,
                               bool log_sum_squares = false);
    /// The log-probabilities of such a pass, waited for.
    std::vector<float> forward(const ModelView& model, DeviceBin& bin, bool keep);

    /// Adds the gradient of sum(weight[r] · logp[r]) over the bin's targets to `gradients` (f32).
    /// Must follow a keeping `forward` of the same bin and model. A model with an adapter takes the gradient of the
    /// adapter, any other that of its parameters. `progress`, of parameters alone, is told nothing of a bin without targets.
    void backward(const ModelView& model, const GradientView& gradients, DeviceBin& bin,
                  std::span<const float> weight, BackwardProgress* progress = nullptr);

    /// Logits [tokens, V] of one plain causal sequence, on the host. For checks against other
    /// implementations.
    std::vector<float> logits(const ModelView& model, std::span<const std::int32_t> tokens);

    /// Logits [V] behind the last of `tokens` (at least one), which follow those in the cache and go into it.
    std::vector<float> next_logits(const ModelView& model, KeyValueCache& cache,
                                   std::span<const std::int32_t> tokens);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace wishbone

#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <span>
#include <vector>

#include "model/transformer/transformer.h"

namespace wishbone {

struct SamplingOptions {
    std::int64_t max_new_tokens = 128;
    double temperature = 0;  ///< 0: greedy
    double top_p = 1;        ///< the likeliest tokens that together have this probability are drawn from
    std::int64_t seed = 0;
    std::vector<std::int32_t> end_tokens;  ///< each ends a completion
};

/// Draws tokens; the same seed draws the same ones.
class Sampler {
  public:
    explicit Sampler(const SamplingOptions& options);

    /// The likeliest token, the first of equals, or one drawn from softmax(logits / temperature) within `top_p`, as
    /// transformers' TemperatureLogitsWarper and TopPLogitsWarper leave it.
    std::int32_t pick(std::span<const float> logits);

  private:
    double temperature_, top_p_;
    std::mt19937_64 random_;
};

/// Tokens that follow `prompt` (at least one token), an end token last where there is one. `stop` is asked before each; `drawn` is
/// told of each at once.
/// `Transformer::expect_length` should have been told of the longest prompt and its completion.
std::vector<std::int32_t> generate(Backend& backend, Transformer& transformer, const ModelView& model,
                                   std::span<const std::int32_t> prompt, const SamplingOptions& options,
                                   const std::function<bool()>& stop,
                                   const std::function<void(std::int32_t)>& drawn = {});

}  // namespace wishbone

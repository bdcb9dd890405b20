#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <span>
#include <vector>

#include "model/key_value_cache.h"
#include "model/model_view.h"
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

/// A completion that is drawn token by token: several may be under way, each with a transformer of its own.
class Generation {
  public:
    /// `prompt`: at least one token; it is read when the first one is drawn. `transformer` and what `model` refers to must stay.
    /// `Transformer::expect_length` should have been told of the prompt and its completion. Throws Error(out_of_memory).
    Generation(Backend& backend, Transformer& transformer, const ModelView& model,
               std::span<const std::int32_t> prompt, SamplingOptions options);

    /// Whether its last token is an end token, or there are as many as were asked for.
    bool over() const;
    /// Draws a token. It must not be over.
    std::int32_t next();
    /// Those drawn so far, an end token last where there is one.
    const std::vector<std::int32_t>& tokens() const { return tokens_; }

  private:
    Transformer& transformer_;
    ModelView model_;
    SamplingOptions options_;
    KeyValueCache cache_;
    Sampler sampler_;
    std::vector<std::int32_t> unread_;  ///< what follows those in the cache
    std::vector<std::int32_t> tokens_;
};

/// Tokens that follow `prompt` (at least one token), an end token last where there is one. `stop` is asked before each.
/// `Transformer::expect_length` should have been told of the longest prompt and its completion.
std::vector<std::int32_t> generate(Backend& backend, Transformer& transformer, const ModelView& model,
                                   std::span<const std::int32_t> prompt, const SamplingOptions& options,
                                   const std::function<bool()>& stop);

}  // namespace wishbone

#include "model/generation/generate.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace wishbone {

Sampler::Sampler(const SamplingOptions& options)
    : temperature_(options.temperature),
      top_p_(options.top_p),
      random_(static_cast<std::uint64_t>(options.seed)) {}

std::int32_t Sampler::pick(std::span<const float> logits) {
    const auto likeliest = std::ranges::max_element(logits);
    if (temperature_ == 0) return static_cast<std::int32_t>(likeliest - logits.begin());
    std::vector<std::int32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    const auto logit = [&](std::int32_t token) { return logits[static_cast<std::size_t>(token)]; };
    std::ranges::stable_sort(order, [&](std::int32_t a, std::int32_t b) { return logit(a) > logit(b); });
    std::vector<double> weight;
    double total = 0;
    for (const std::int32_t token : order) {
        weight.push_back(
            std::exp((static_cast<double>(logit(token)) - static_cast<double>(*likeliest)) / temperature_));
        total += weight.back();
    }
    // A token stays when those before it do not have the whole share yet.
    std::size_t kept = 0;
    double share = 0;
    while (kept < weight.size() && (kept == 0 || share < top_p_ * total)) share += weight[kept++];
    // The standard library's own distributions differ from one to another.
    double place = std::ldexp(static_cast<double>(random_() >> 11), -53) * share;
    for (std::size_t i = 0; i < kept; ++i) {
        place -= weight[i];
        if (place < 0) return order[i];
    }
    return order[kept - 1];
}

Generation::Generation(Backend& backend, Transformer& transformer, const ModelView& model,
                       std::span<const std::int32_t> prompt, SamplingOptions options)
    : transformer_(transformer),
      model_(model),
      options_(std::move(options)),
      cache_(backend, transformer.config(),
             static_cast<std::int64_t>(prompt.size()) + options_.max_new_tokens),
      sampler_(options_),
      unread_(prompt.begin(), prompt.end()) {}

bool Generation::over() const {
    return static_cast<std::int64_t>(tokens_.size()) >= options_.max_new_tokens ||
           (!tokens_.empty() &&
            std::ranges::find(options_.end_tokens, tokens_.back()) != options_.end_tokens.end());
}

std::int32_t Generation::next() {
    tokens_.push_back(sampler_.pick(transformer_.next_logits(model_, cache_, unread_)));
    unread_.assign(1, tokens_.back());
    return tokens_.back();
}

std::vector<std::int32_t> generate(Backend& backend, Transformer& transformer, const ModelView& model,
                                   std::span<const std::int32_t> prompt, const SamplingOptions& options,
                                   const std::function<bool()>& stop) {
    Generation generation(backend, transformer, model, prompt, options);
    while (!generation.over() && !stop()) generation.next();
    return generation.tokens();
}

}  // namespace wishbone

#include "model/transformer/transformer.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "model/transformer/impl.h"

namespace wishbone {

namespace {

/// Inputs of a linear layer that FP8 has no whole blocks for, or outputs.
std::optional<std::string> not_in_fp8(const ModelConfig& config) {
    const std::int64_t queries = config.query_heads * config.head_dim,
                       keys = config.kv_heads * config.head_dim;
    const std::pair<const char*, std::int64_t> sizes[] = {
        {"a hidden size", config.hidden_size},
        {"a feed-forward size", config.intermediate_size},
        {"queries of all heads", queries},
        {"queries, keys and values of all heads", queries + 2 * keys}};
    for (const auto& [what, size] : sizes)
        if (size % fp8_multiple != 0) return std::string(what) + " of " + std::to_string(size);
    return std::nullopt;
}

}  // namespace

void check_precision(const Backend& backend, const ModelConfig& config, Precision precision,
                     const std::string& where) {
    if (precision == Precision::bf16) return;
    if (const std::string problem = backend.fp8_problem(); !problem.empty())
        throw bad_input("FP8 is asked for and cannot be had: " + problem, where,
                        "Set runner.precision to \"bf16\".");
    if (const auto size = not_in_fp8(config))
        throw bad_input("FP8 is asked for, and the model has " + *size + ", which is no multiple of " +
                            std::to_string(fp8_multiple),
                        where, "Set runner.precision to \"bf16\".");
}

Transformer::Impl::Impl(Backend& the_backend, ModelConfig the_config, RecomputePlan the_recompute,
                        Precision the_precision)
    : backend(the_backend),
      config(std::move(the_config)),
      dtype(backend.activation_dtype()),
      shape{.query_heads = config.query_heads,
            .kv_heads = config.kv_heads,
            .head_dim = config.head_dim,
            .scale = static_cast<float>(config.attention_scale > 0
                                            ? config.attention_scale
                                            : 1.0 / std::sqrt(static_cast<double>(config.head_dim))),
            .softcap = static_cast<float>(config.attention_softcap),
            .window = 0},
      norm{static_cast<float>(config.rms_norm_eps), config.norm_weights_less_one ? 1.0f : 0.0f},
      recompute(the_recompute.within(config.layers)),
      precision(the_precision),
      rope_tables(config.ropes.size()) {
    check_precision(backend, config, precision, "runner.precision");
    kept.layers.resize(static_cast<std::size_t>(config.layers));
    passing.layers.resize(1);  // every layer overwrites the one before
    for (std::int64_t i = 0; i < config.layers; ++i)
        if (std::ranges::find(windows, config.kind_of(i).window) == windows.end())
            windows.push_back(config.kind_of(i).window);
}

Transformer::Transformer(Backend& backend, ModelConfig config, RecomputePlan recompute, Precision precision)
    : impl_(std::make_unique<Impl>(backend, std::move(config), recompute, precision)) {}
Transformer::~Transformer() = default;

const ModelConfig& Transformer::config() const { return impl_->config; }

void Transformer::expect_length(std::int64_t longest) { impl_->expect_length(longest); }

std::shared_ptr<DeviceBin> Transformer::prepare(const BinView& bin) { return impl_->prepare(bin); }

PendingLogps Transformer::begin_forward(const ModelView& model, DeviceBin& bin, bool keep,
                                        bool log_sum_squares) {
    return impl_->begin_forward(model, bin, keep, log_sum_squares);
}

std::vector<float> Transformer::forward(const ModelView& model, DeviceBin& bin, bool keep) {
    return begin_forward(model, bin, keep).logps();
}

void Transformer::backward(const ModelView& model, const GradientView& gradients, DeviceBin& bin,
                           std::span<const float> weight, BackwardProgress* progress) {
    impl_->backward(model, gradients, bin, weight, progress);
}

std::vector<float> Transformer::logits(const ModelView& model, std::span<const std::int32_t> tokens) {
    return impl_->logits(model, tokens);
}

std::vector<float> Transformer::next_logits(const ModelView& model, KeyValueCache& cache,
                                            std::span<const std::int32_t> tokens) {
    return impl_->next_logits(model, cache, tokens);
}

}  // namespace wishbone

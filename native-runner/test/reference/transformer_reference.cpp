#include "reference/transformer_reference.h"

#include <algorithm>
#include <cmath>

namespace wishbone::reference {
namespace {

using Vector = std::vector<double>;

Vector multiply(const Vector& matrix, const Vector& x) {
    const std::size_t rows = matrix.size() / x.size();
    Vector y(rows, 0.0);
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < x.size(); ++j) y[i] += matrix[i * x.size() + j] * x[j];
    return y;
}

void add(Vector& to, const Vector& from) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

/// Norms x in groups of the weight's size.
Vector norm(const ModelConfig& config, const Vector& x, const Vector& weight) {
    const std::size_t size = weight.size();
    Vector y(x.size());
    for (std::size_t begin = 0; begin < x.size(); begin += size) {
        double mean = 0;
        for (std::size_t i = 0; i < size; ++i)
            mean += x[begin + i] * x[begin + i] / static_cast<double>(size);
        for (std::size_t i = 0; i < size; ++i)
            y[begin + i] = x[begin + i] / std::sqrt(mean + config.rms_norm_eps) *
                           (weight[i] + (config.norm_weights_less_one ? 1 : 0));
    }
    return y;
}

void rotate(const ModelConfig& config, const Rope& rope, std::int64_t longest, Vector& heads,
            std::int64_t position) {
    const auto dim = static_cast<std::size_t>(config.head_dim);
    const std::size_t half = static_cast<std::size_t>(rope.rotated > 0 ? rope.rotated : config.head_dim) / 2;
    const double factor = rope_factor(rope);
    for (std::size_t begin = 0; begin < heads.size(); begin += dim)
        for (std::size_t i = 0; i < half; ++i) {
            const double angle = rope_angle(config, rope, longest, position, static_cast<std::int64_t>(i));
            const double a = heads[begin + i], b = heads[begin + i + half];
            heads[begin + i] = factor * (a * std::cos(angle) - b * std::sin(angle));
            heads[begin + i + half] = factor * (b * std::cos(angle) + a * std::sin(angle));
        }
}

double activated(Activation activation, double x) {
    if (activation == Activation::silu) return x / (1 + std::exp(-x));
    return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

double capped(double x, double cap) { return cap > 0 ? cap * std::tanh(x / cap) : x; }

}  // namespace

double rope_factor(const Rope& rope) {
    if (const auto* yarn = std::get_if<YarnRopeScaling>(&rope.scaling)) return yarn->attention_factor;
    if (const auto* longer = std::get_if<LongRopeScaling>(&rope.scaling)) return longer->attention_factor;
    return 1;
}

double rope_angle(const ModelConfig& config, const Rope& rope, std::int64_t longest, std::int64_t position,
                  std::int64_t pair) {
    const double pi = std::acos(-1.0);
    const auto dims = static_cast<double>(rope.rotated > 0 ? rope.rotated : config.head_dim);
    const double exponent = 2.0 * static_cast<double>(pair) / dims;
    double inverse_frequency = 1.0 / std::pow(rope.theta, exponent);
    if (const auto* s = std::get_if<Llama3RopeScaling>(&rope.scaling)) {
        const auto old_length = static_cast<double>(s->original_max_position_embeddings);
        const double wavelength = 2.0 * pi / inverse_frequency;
        const double low_wavelength = old_length / s->low_freq_factor,
                     high_wavelength = old_length / s->high_freq_factor;
        if (wavelength > low_wavelength) {
            inverse_frequency /= s->factor;
        } else if (wavelength >= high_wavelength) {
            const double smooth =
                (old_length / wavelength - s->low_freq_factor) / (s->high_freq_factor - s->low_freq_factor);
            inverse_frequency = (1 - smooth) * (inverse_frequency / s->factor) + smooth * inverse_frequency;
        }
    } else if (const auto* linear = std::get_if<LinearRopeScaling>(&rope.scaling)) {
        inverse_frequency /= linear->factor;
    } else if (const auto* dynamic = std::get_if<DynamicRopeScaling>(&rope.scaling)) {
        const double ratio =
            static_cast<double>(longest) / static_cast<double>(dynamic->original_max_position_embeddings);
        if (ratio > 1)
            inverse_frequency = std::pow(
                rope.theta * std::pow(dynamic->factor * ratio - dynamic->factor + 1, dims / (dims - 2)),
                -exponent);
    } else if (const auto* yarn = std::get_if<YarnRopeScaling>(&rope.scaling)) {
        const auto pair_of = [&](double turns) {
            const auto length = static_cast<double>(yarn->original_max_position_embeddings);
            return dims / 2 * std::log(length / (2 * pi * turns)) / std::log(rope.theta);
        };
        const double low = std::max(std::floor(pair_of(yarn->beta_fast)), 0.0),
                     high = std::min(std::ceil(pair_of(yarn->beta_slow)), dims - 1);
        const double ramp = std::min(std::max((static_cast<double>(pair) - low) / (high - low), 0.0), 1.0);
        inverse_frequency *= 1 - ramp + ramp / yarn->factor;
    } else if (const auto* longer = std::get_if<LongRopeScaling>(&rope.scaling)) {
        const bool beyond = longest > longer->original_max_position_embeddings;
        inverse_frequency /=
            (beyond ? longer->long_factor : longer->short_factor)[static_cast<std::size_t>(pair)];
    }
    return static_cast<double>(position) * inverse_frequency;
}

std::vector<double> logits(const ModelConfig& config, const Weights& weights,
                           std::span<const std::int32_t> tokens, std::int64_t longest) {
    const std::size_t length = tokens.size(), hidden = static_cast<std::size_t>(config.hidden_size);
    const auto dim = static_cast<std::size_t>(config.head_dim);
    const auto heads = static_cast<std::size_t>(config.query_heads),
               kv_heads = static_cast<std::size_t>(config.kv_heads),
               feed_forward = static_cast<std::size_t>(config.intermediate_size);
    const double scale = config.attention_scale > 0 ? config.attention_scale
                                                    : 1 / std::sqrt(static_cast<double>(config.head_dim));

    std::vector<Vector> stream(length);
    const Vector& table = weights.at("model.embed_tokens.weight");
    for (std::size_t t = 0; t < length; ++t) {
        const std::size_t row = static_cast<std::size_t>(tokens[t]) * hidden;
        stream[t] = Vector(table.begin() + static_cast<std::ptrdiff_t>(row),
                           table.begin() + static_cast<std::ptrdiff_t>(row + hidden));
        for (double& value : stream[t]) value *= config.embedding_scale;
    }
    for (std::int64_t i = 0; i < config.layers; ++i) {
        const std::string layer = "model.layers." + std::to_string(i) + ".";
        const LayerKind kind = config.kind_of(i);
        const auto linear = [&](const std::string& name, const Vector& x) {
            Vector y = multiply(weights.at(layer + name + ".weight"), x);
            if (weights.contains(layer + name + ".bias")) add(y, weights.at(layer + name + ".bias"));
            return y;
        };
        const auto normed = [&](const std::string& name, const Vector& x) {
            return name.empty() ? x : norm(config, x, weights.at(layer + name + ".weight"));
        };
        std::vector<Vector> q(length), k(length), v(length);
        for (std::size_t t = 0; t < length; ++t) {
            const Vector x = normed(config.norms.before_attention, stream[t]);
            if (config.fused_projections) {
                const Vector qkv = linear("self_attn.qkv_proj", x);
                const auto keys = qkv.begin() + static_cast<std::ptrdiff_t>(heads * dim),
                           values = keys + static_cast<std::ptrdiff_t>(kv_heads * dim);
                q[t] = Vector(qkv.begin(), keys);
                k[t] = Vector(keys, values);
                v[t] = Vector(values, qkv.end());
            } else {
                q[t] = linear("self_attn.q_proj", x);
                k[t] = linear("self_attn.k_proj", x);
                v[t] = linear("self_attn.v_proj", x);
            }
            if (config.qk_norm != QkNorm::none) {
                q[t] = normed("self_attn.q_norm", q[t]);
                k[t] = normed("self_attn.k_norm", k[t]);
            }
            if (kind.rope == LayerKind::no_rope) continue;
            const Rope& rope = config.ropes[static_cast<std::size_t>(kind.rope)];
            rotate(config, rope, longest, q[t], static_cast<std::int64_t>(t));
            rotate(config, rope, longest, k[t], static_cast<std::int64_t>(t));
        }
        for (std::size_t t = 0; t < length; ++t) {
            Vector mixed(heads * dim, 0.0);
            const auto window = static_cast<std::size_t>(kind.window);
            const std::size_t first = window > 0 && t + 1 > window ? t + 1 - window : 0;
            for (std::size_t h = 0; h < heads; ++h) {
                const std::size_t from = h / (heads / kv_heads) * dim;
                Vector p(t + 1);
                double sum = 0;
                for (std::size_t s = first; s <= t; ++s) {
                    double score = 0;
                    for (std::size_t d = 0; d < dim; ++d) score += q[t][h * dim + d] * k[s][from + d];
                    p[s] = std::exp(capped(score * scale, config.attention_softcap));
                    sum += p[s];
                }
                for (std::size_t s = first; s <= t; ++s)
                    for (std::size_t d = 0; d < dim; ++d) mixed[h * dim + d] += p[s] / sum * v[s][from + d];
            }
            add(stream[t], normed(config.norms.after_attention, linear("self_attn.o_proj", mixed)));
        }
        for (std::size_t t = 0; t < length; ++t) {
            const Vector x = normed(config.norms.before_mlp, stream[t]);
            Vector gate, up;
            if (config.fused_projections) {
                const Vector both = linear("mlp.gate_up_proj", x);
                const auto middle = both.begin() + static_cast<std::ptrdiff_t>(feed_forward);
                gate = Vector(both.begin(), middle);
                up = Vector(middle, both.end());
            } else {
                gate = linear("mlp.gate_proj", x);
                up = linear("mlp.up_proj", x);
            }
            for (std::size_t j = 0; j < gate.size(); ++j)
                gate[j] = activated(config.activation, gate[j]) * up[j];
            add(stream[t], normed(config.norms.after_mlp, linear("mlp.down_proj", gate)));
        }
    }
    Vector out;
    const Vector& head =
        weights.at(config.tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight");
    for (std::size_t t = 0; t < length; ++t)
        for (const double logit : multiply(head, norm(config, stream[t], weights.at("model.norm.weight"))))
            out.push_back(capped(logit, config.logit_softcap));
    return out;
}

std::vector<double> logps(const ModelConfig& config, const Weights& weights,
                          std::span<const std::int32_t> tokens, std::size_t start, std::int64_t longest) {
    const Vector all = logits(config, weights, tokens, longest);
    const auto vocabulary = static_cast<std::size_t>(config.vocab_size);
    Vector out;
    for (std::size_t t = start; t < tokens.size(); ++t) {
        const double* row = all.data() + (t - 1) * vocabulary;
        double sum = 0;
        for (std::size_t j = 0; j < vocabulary; ++j) sum += std::exp(row[j]);
        out.push_back(row[tokens[t]] - std::log(sum));
    }
    return out;
}

}  // namespace wishbone::reference

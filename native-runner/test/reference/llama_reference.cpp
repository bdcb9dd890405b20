#include "reference/llama_reference.h"

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

Vector norm(const Vector& x, const Vector& weight, double eps) {
    double mean = 0;
    for (const double value : x) mean += value * value / static_cast<double>(x.size());
    Vector y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = x[i] / std::sqrt(mean + eps) * weight[i];
    return y;
}

void rotate(const LlamaConfig& config, Vector& heads, std::int64_t position) {
    const auto dim = static_cast<std::size_t>(config.head_dim);
    for (std::size_t begin = 0; begin < heads.size(); begin += dim)
        for (std::size_t i = 0; i < dim / 2; ++i) {
            const double angle = rope_angle(config, position, static_cast<std::int64_t>(i));
            const double a = heads[begin + i], b = heads[begin + i + dim / 2];
            heads[begin + i] = a * std::cos(angle) - b * std::sin(angle);
            heads[begin + i + dim / 2] = b * std::cos(angle) + a * std::sin(angle);
        }
}

}  // namespace

std::map<std::string, std::vector<std::int64_t>> parameter_shapes(const LlamaConfig& config) {
    const std::int64_t hidden = config.hidden_size, feed_forward = config.intermediate_size;
    const std::int64_t query = config.query_heads * config.head_dim, kv = config.kv_heads * config.head_dim;
    std::map<std::string, std::vector<std::int64_t>> shapes;
    shapes["model.embed_tokens.weight"] = {config.vocab_size, hidden};
    for (std::int64_t i = 0; i < config.layers; ++i) {
        const std::string layer = "model.layers." + std::to_string(i);
        shapes[layer + ".input_layernorm.weight"] = {hidden};
        shapes[layer + ".self_attn.q_proj.weight"] = {query, hidden};
        shapes[layer + ".self_attn.k_proj.weight"] = {kv, hidden};
        shapes[layer + ".self_attn.v_proj.weight"] = {kv, hidden};
        shapes[layer + ".self_attn.o_proj.weight"] = {hidden, query};
        shapes[layer + ".post_attention_layernorm.weight"] = {hidden};
        shapes[layer + ".mlp.gate_proj.weight"] = {feed_forward, hidden};
        shapes[layer + ".mlp.up_proj.weight"] = {feed_forward, hidden};
        shapes[layer + ".mlp.down_proj.weight"] = {hidden, feed_forward};
    }
    shapes["model.norm.weight"] = {hidden};
    if (!config.tie_word_embeddings) shapes["lm_head.weight"] = {config.vocab_size, hidden};
    return shapes;
}

double rope_angle(const LlamaConfig& config, std::int64_t position, std::int64_t pair) {
    const double exponent = 2.0 * static_cast<double>(pair) / static_cast<double>(config.head_dim);
    double inverse_frequency = 1.0 / std::pow(config.rope_theta, exponent);
    if (config.rope_scaling) {
        const auto& s = *config.rope_scaling;
        const auto old_length = static_cast<double>(s.original_max_position_embeddings);
        const double wavelength = 2.0 * std::acos(-1.0) / inverse_frequency;
        const double low_wavelength = old_length / s.low_freq_factor,
                     high_wavelength = old_length / s.high_freq_factor;
        if (wavelength > low_wavelength) {
            inverse_frequency /= s.factor;
        } else if (wavelength >= high_wavelength) {
            const double smooth =
                (old_length / wavelength - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
            inverse_frequency = (1 - smooth) * (inverse_frequency / s.factor) + smooth * inverse_frequency;
        }
    }
    return static_cast<double>(position) * inverse_frequency;
}

std::vector<double> logits(const LlamaConfig& config, const Weights& weights,
                           std::span<const std::int32_t> tokens) {
    const std::size_t length = tokens.size(), hidden = static_cast<std::size_t>(config.hidden_size);
    const auto dim = static_cast<std::size_t>(config.head_dim);
    const auto heads = static_cast<std::size_t>(config.query_heads),
               kv_heads = static_cast<std::size_t>(config.kv_heads);

    std::vector<Vector> stream(length);
    const Vector& table = weights.at("model.embed_tokens.weight");
    for (std::size_t t = 0; t < length; ++t) {
        const std::size_t row = static_cast<std::size_t>(tokens[t]) * hidden;
        stream[t] = Vector(table.begin() + static_cast<std::ptrdiff_t>(row),
                           table.begin() + static_cast<std::ptrdiff_t>(row + hidden));
    }
    for (std::int64_t i = 0; i < config.layers; ++i) {
        const std::string layer = "model.layers." + std::to_string(i);
        const auto weight = [&](const char* name) -> const Vector& {
            return weights.at(layer + name + ".weight");
        };
        std::vector<Vector> q(length), k(length), v(length);
        for (std::size_t t = 0; t < length; ++t) {
            const Vector x = norm(stream[t], weight(".input_layernorm"), config.rms_norm_eps);
            q[t] = multiply(weight(".self_attn.q_proj"), x);
            k[t] = multiply(weight(".self_attn.k_proj"), x);
            v[t] = multiply(weight(".self_attn.v_proj"), x);
            rotate(config, q[t], static_cast<std::int64_t>(t));
            rotate(config, k[t], static_cast<std::int64_t>(t));
        }
        for (std::size_t t = 0; t < length; ++t) {
            Vector mixed(heads * dim, 0.0);
            for (std::size_t h = 0; h < heads; ++h) {
                const std::size_t from = h / (heads / kv_heads) * dim;
                Vector p(t + 1);
                double sum = 0;
                for (std::size_t s = 0; s <= t; ++s) {
                    double score = 0;
                    for (std::size_t d = 0; d < dim; ++d) score += q[t][h * dim + d] * k[s][from + d];
                    p[s] = std::exp(score / std::sqrt(static_cast<double>(dim)));
                    sum += p[s];
                }
                for (std::size_t s = 0; s <= t; ++s)
                    for (std::size_t d = 0; d < dim; ++d) mixed[h * dim + d] += p[s] / sum * v[s][from + d];
            }
            const Vector added = multiply(weight(".self_attn.o_proj"), mixed);
            for (std::size_t j = 0; j < hidden; ++j) stream[t][j] += added[j];
        }
        for (std::size_t t = 0; t < length; ++t) {
            const Vector x = norm(stream[t], weight(".post_attention_layernorm"), config.rms_norm_eps);
            Vector gate = multiply(weight(".mlp.gate_proj"), x);
            const Vector up = multiply(weight(".mlp.up_proj"), x);
            for (std::size_t j = 0; j < gate.size(); ++j)
                gate[j] = gate[j] / (1 + std::exp(-gate[j])) * up[j];
            const Vector added = multiply(weight(".mlp.down_proj"), gate);
            for (std::size_t j = 0; j < hidden; ++j) stream[t][j] += added[j];
        }
    }
    Vector out;
    const Vector& head =
        weights.at(config.tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight");
    for (std::size_t t = 0; t < length; ++t) {
        const Vector row =
            multiply(head, norm(stream[t], weights.at("model.norm.weight"), config.rms_norm_eps));
        out.insert(out.end(), row.begin(), row.end());
    }
    return out;
}

std::vector<double> logps(const LlamaConfig& config, const Weights& weights,
                          std::span<const std::int32_t> tokens, std::size_t start) {
    const Vector all = logits(config, weights, tokens);
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

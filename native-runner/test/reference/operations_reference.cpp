#include "reference/operations_reference.h"

#include <cmath>

namespace wishbone::reference {
namespace {

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

/// exp(score) of every key a query sees, by key; invisible ones are 0.
Values visible_exponentials(const Values& qkv, std::span<const std::int32_t> visible_until,
                            std::span<const std::int32_t> position, AttentionShape shape, std::int64_t q,
                            std::int64_t head) {
    const std::int64_t dim = shape.head_dim, row = (shape.query_heads + 2 * shape.kv_heads) * dim;
    const std::int64_t kv_head = head / (shape.query_heads / shape.kv_heads);
    Values p(visible_until.size(), 0.0);
    for (std::int64_t k = 0; k <= q; ++k) {
        if (q >= visible_until[index(k)]) continue;
        if (shape.window > 0 && position[index(q)] - position[index(k)] >= shape.window) continue;
        double score = 0;
        for (std::int64_t d = 0; d < dim; ++d)
            score += qkv[index(q * row + head * dim + d)] *
                     qkv[index(k * row + (shape.query_heads + kv_head) * dim + d)];
        score *= static_cast<double>(shape.scale);
        const auto cap = static_cast<double>(shape.softcap);
        if (cap > 0) score = cap * std::tanh(score / cap);
        p[index(k)] = std::exp(score);
    }
    return p;
}

}  // namespace

Values rmsnorm(const Values& x, const Values& weight, double eps, double offset) {
    Values out(x.size());
    const std::size_t width = weight.size();
    for (std::size_t begin = 0; begin < x.size(); begin += width) {
        double squares = 0;
        for (std::size_t i = 0; i < width; ++i) squares += x[begin + i] * x[begin + i];
        for (std::size_t i = 0; i < width; ++i)
            out[begin + i] =
                x[begin + i] * (offset + weight[i]) / std::sqrt(squares / static_cast<double>(width) + eps);
    }
    return out;
}

Values qk_norm(const Values& qkv, const Values& query_weight, const Values& key_weight, AttentionShape shape,
               double eps, double offset) {
    const std::size_t queries = index(shape.query_heads * shape.head_dim),
                      keys = index(shape.kv_heads * shape.head_dim), row = queries + 2 * keys;
    Values out;
    for (std::size_t begin = 0; begin < qkv.size(); begin += row) {
        const auto at = qkv.begin() + static_cast<std::ptrdiff_t>(begin);
        const auto part = [&](std::size_t from, std::size_t count) {
            return Values(at + static_cast<std::ptrdiff_t>(from),
                          at + static_cast<std::ptrdiff_t>(from + count));
        };
        for (const Values& values :
             {rmsnorm(part(0, queries), query_weight, eps, offset),
              rmsnorm(part(queries, keys), key_weight, eps, offset), part(queries + keys, keys)})
            out.insert(out.end(), values.begin(), values.end());
    }
    return out;
}

Values linear(const Values& x, const Values& w, std::int64_t inputs) {
    const std::int64_t rows = static_cast<std::int64_t>(x.size()) / inputs;
    const std::int64_t outputs = static_cast<std::int64_t>(w.size()) / inputs;
    Values out(index(rows * outputs), 0.0);
    for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = 0; j < outputs; ++j)
            for (std::int64_t k = 0; k < inputs; ++k)
                out[index(i * outputs + j)] += x[index(i * inputs + k)] * w[index(j * inputs + k)];
    return out;
}

Values glu(const Values& gate_up, std::int64_t feed_forward, Activation activation) {
    Values out;
    const std::int64_t rows = static_cast<std::int64_t>(gate_up.size()) / (2 * feed_forward);
    for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = 0; j < feed_forward; ++j) {
            const double gate = gate_up[index(i * 2 * feed_forward + j)];
            const double inner = std::sqrt(2 / std::acos(-1.0)) * (gate + 0.044715 * gate * gate * gate);
            const double active = activation == Activation::silu ? gate / (1 + std::exp(-gate))
                                                                 : gate / 2 * (1 + std::tanh(inner));
            out.push_back(active * gate_up[index(i * 2 * feed_forward + feed_forward + j)]);
        }
    return out;
}

Values rope(const Values& qkv, const Values& cos, const Values& sin, std::span<const std::int32_t> position,
            AttentionShape shape, std::int64_t rotated) {
    const std::int64_t dim = shape.head_dim, heads = shape.query_heads + 2 * shape.kv_heads;
    const std::int64_t half = (rotated > 0 ? rotated : dim) / 2;
    Values out = qkv;
    for (std::int64_t t = 0; t < static_cast<std::int64_t>(position.size()); ++t)
        for (std::int64_t h = 0; h < shape.query_heads + shape.kv_heads; ++h)
            for (std::int64_t i = 0; i < half; ++i) {
                const std::size_t low = index((t * heads + h) * dim + i), high = low + index(half);
                const std::size_t at = index(position[index(t)] * half + i);
                out[low] = qkv[low] * cos[at] - qkv[high] * sin[at];
                out[high] = qkv[high] * cos[at] + qkv[low] * sin[at];
            }
    return out;
}

Values attention(const Values& qkv, std::span<const std::int32_t> visible_until, AttentionShape shape,
                 std::span<const std::int32_t> position) {
    const std::int64_t dim = shape.head_dim, row = (shape.query_heads + 2 * shape.kv_heads) * dim;
    const auto tokens = static_cast<std::int64_t>(visible_until.size());
    Values out(index(tokens * shape.query_heads * dim), 0.0);
    for (std::int64_t q = 0; q < tokens; ++q)
        for (std::int64_t head = 0; head < shape.query_heads; ++head) {
            const Values p = visible_exponentials(qkv, visible_until, position, shape, q, head);
            double sum = 0;
            for (const double value : p) sum += value;
            const std::int64_t value_head =
                shape.query_heads + shape.kv_heads + head / (shape.query_heads / shape.kv_heads);
            for (std::int64_t k = 0; k <= q; ++k)
                for (std::int64_t d = 0; d < dim; ++d)
                    out[index((q * shape.query_heads + head) * dim + d)] +=
                        p[index(k)] / sum * qkv[index(k * row + value_head * dim + d)];
        }
    return out;
}

Values attention_lse(const Values& qkv, std::span<const std::int32_t> visible_until, AttentionShape shape,
                     std::span<const std::int32_t> position) {
    Values out;
    for (std::int64_t head = 0; head < shape.query_heads; ++head)
        for (std::int64_t q = 0; q < static_cast<std::int64_t>(visible_until.size()); ++q) {
            double sum = 0;
            for (const double value : visible_exponentials(qkv, visible_until, position, shape, q, head))
                sum += value;
            out.push_back(std::log(sum));
        }
    return out;
}

Values head_logps(const Values& hidden, const Values& head, std::int64_t hidden_size,
                  std::span<const std::int32_t> row, std::span<const std::int32_t> token, double softcap) {
    Values logits = linear(hidden, head, hidden_size);
    if (softcap > 0)
        for (double& logit : logits) logit = softcap * std::tanh(logit / softcap);
    const std::int64_t vocabulary = static_cast<std::int64_t>(head.size()) / hidden_size;
    Values out;
    for (std::size_t r = 0; r < row.size(); ++r) {
        double sum = 0;
        for (std::int64_t j = 0; j < vocabulary; ++j) sum += std::exp(logits[index(row[r] * vocabulary + j)]);
        out.push_back(logits[index(row[r] * vocabulary + token[r])] - std::log(sum));
    }
    return out;
}

}  // namespace wishbone::reference

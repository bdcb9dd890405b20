#include "reference/backward_reference.h"

#include <algorithm>
#include <cmath>

namespace wishbone::reference {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

Values slice(const Values& values, std::size_t begin, std::size_t count) {
    const auto from = values.begin() + static_cast<std::ptrdiff_t>(begin);
    return {from, from + static_cast<std::ptrdiff_t>(count)};
}

void add_to(Values& sum, const Values& more) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += more[i];
}

}  // namespace

NormGradient rmsnorm_backward(const Values& d_out, const Values& x, const Values& weight, double eps,
                              double offset) {
    const std::size_t width = weight.size();
    NormGradient gradient{Values(x.size()), Values(width, 0.0)};
    for (std::size_t begin = 0; begin < x.size(); begin += width) {
        double squares = 0, dot = 0;
        for (std::size_t i = 0; i < width; ++i) {
            squares += x[begin + i] * x[begin + i];
            dot += (offset + weight[i]) * d_out[begin + i] * x[begin + i];
        }
        const double r = 1 / std::sqrt(squares / static_cast<double>(width) + eps);
        for (std::size_t i = 0; i < width; ++i) {
            gradient.x[begin + i] = r * (offset + weight[i]) * d_out[begin + i] -
                                    x[begin + i] * dot * r * r * r / static_cast<double>(width);
            gradient.weight[i] += d_out[begin + i] * x[begin + i] * r;
        }
    }
    return gradient;
}

QkNormGradient qk_norm_backward(const Values& d_out, const Values& qkv, const Values& query_weight,
                                const Values& key_weight, AttentionShape shape, double eps, double offset) {
    const std::size_t queries = at(shape.query_heads * shape.head_dim),
                      keys = at(shape.kv_heads * shape.head_dim), row = queries + 2 * keys;
    QkNormGradient gradient{d_out, Values(query_weight.size(), 0.0), Values(key_weight.size(), 0.0)};
    const auto norm = [&](std::size_t begin, std::size_t count, const Values& weight, Values& d_weight) {
        const NormGradient part =
            rmsnorm_backward(slice(d_out, begin, count), slice(qkv, begin, count), weight, eps, offset);
        std::ranges::copy(part.x, gradient.qkv.begin() + static_cast<std::ptrdiff_t>(begin));
        add_to(d_weight, part.weight);
    };
    for (std::size_t begin = 0; begin < qkv.size(); begin += row) {
        norm(begin, queries, query_weight, gradient.query_weight);
        norm(begin + queries, keys, key_weight, gradient.key_weight);
    }
    return gradient;
}

LinearGradient linear_backward(const Values& d_out, const Values& x, const Values& w, std::int64_t inputs) {
    const std::int64_t rows = static_cast<std::int64_t>(x.size()) / inputs,
                       outputs = static_cast<std::int64_t>(w.size()) / inputs;
    LinearGradient gradient{Values(x.size(), 0.0), Values(w.size(), 0.0)};
    for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = 0; j < outputs; ++j) {
            const double d = d_out[at(i * outputs + j)];
            for (std::int64_t k = 0; k < inputs; ++k) {
                gradient.x[at(i * inputs + k)] += d * w[at(j * inputs + k)];
                gradient.w[at(j * inputs + k)] += d * x[at(i * inputs + k)];
            }
        }
    return gradient;
}

Values glu_backward(const Values& d_out, const Values& gate_up, std::int64_t feed_forward,
                    Activation activation) {
    const std::int64_t rows = static_cast<std::int64_t>(gate_up.size()) / (2 * feed_forward);
    Values gradient(gate_up.size());
    for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = 0; j < feed_forward; ++j) {
            const std::size_t gate_at = at(i * 2 * feed_forward + j), up_at = gate_at + at(feed_forward);
            const double gate = gate_up[gate_at], up = gate_up[up_at], d = d_out[at(i * feed_forward + j)];
            double active = 0, slope = 0;
            if (activation == Activation::silu) {
                const double s = 1 / (1 + std::exp(-gate));
                active = gate * s;
                slope = s * (1 + gate * (1 - s));
            } else {
                const double factor = std::sqrt(2 / std::acos(-1.0));
                const double tangent = std::tanh(factor * (gate + 0.044715 * gate * gate * gate));
                active = gate / 2 * (1 + tangent);
                slope = (1 + tangent) / 2 +
                        gate / 2 * (1 - tangent * tangent) * factor * (1 + 3 * 0.044715 * gate * gate);
            }
            gradient[gate_at] = d * up * slope;
            gradient[up_at] = d * active;
        }
    return gradient;
}

Values attention_backward(const Values& qkv, const Values& d_out, const Values& out,
                          std::span<const std::int32_t> visible_until, AttentionShape shape,
                          std::span<const std::int32_t> position) {
    const std::int64_t dim = shape.head_dim, row = (shape.query_heads + 2 * shape.kv_heads) * dim,
                       group = shape.query_heads / shape.kv_heads;
    const auto tokens = static_cast<std::int64_t>(visible_until.size());
    const auto scale = static_cast<double>(shape.scale), cap = static_cast<double>(shape.softcap);
    Values gradient(qkv.size(), 0.0), p(at(tokens)), dp(at(tokens)), slope(at(tokens), 1.0);
    for (std::int64_t head = 0; head < shape.query_heads; ++head)
        for (std::int64_t q = 0; q < tokens; ++q) {
            const auto query = at(q * row + head * dim),
                       key_head = at((shape.query_heads + head / group) * dim),
                       value_head = key_head + at(shape.kv_heads * dim),
                       result = at((q * shape.query_heads + head) * dim);
            const auto product = [&](const Values& a, std::size_t i, const Values& b, std::size_t j) {
                double sum = 0;
                for (std::size_t d = 0; d < at(dim); ++d) sum += a[i + d] * b[j + d];
                return sum;
            };
            std::vector<std::int64_t> seen;
            for (std::int64_t k = 0; k <= q; ++k)
                if (q < visible_until[at(k)] &&
                    (shape.window == 0 || position[at(q)] - position[at(k)] < shape.window))
                    seen.push_back(k);
            const double mean = product(d_out, result, out, result);
            double largest = -INFINITY, sum = 0;
            for (const std::int64_t k : seen) {
                p[at(k)] = scale * product(qkv, query, qkv, at(k * row) + key_head);
                if (cap > 0) {
                    const double tangent = std::tanh(p[at(k)] / cap);
                    slope[at(k)] = 1 - tangent * tangent;
                    p[at(k)] = cap * tangent;
                }
                largest = std::max(largest, p[at(k)]);
            }
            for (const std::int64_t k : seen) sum += p[at(k)] = std::exp(p[at(k)] - largest);
            for (const std::int64_t k : seen) {
                p[at(k)] /= sum;
                dp[at(k)] = product(d_out, result, qkv, at(k * row) + value_head);
            }
            for (const std::int64_t k : seen) {
                const double ds = scale * p[at(k)] * (dp[at(k)] - mean) * slope[at(k)];
                for (std::size_t d = 0; d < at(dim); ++d) {
                    gradient[query + d] += ds * qkv[at(k * row) + key_head + d];
                    gradient[at(k * row) + key_head + d] += ds * qkv[query + d];
                    gradient[at(k * row) + value_head + d] += p[at(k)] * d_out[result + d];
                }
            }
        }
    return gradient;
}

HeadReference head_reference(const Values& logits, const Values& hidden, const Values& head,
                             std::int64_t hidden_size, std::span<const std::int32_t> row,
                             std::span<const std::int32_t> token, const Values& weight, double softcap) {
    const std::int64_t rows = static_cast<std::int64_t>(hidden.size()) / hidden_size,
                       vocabulary = static_cast<std::int64_t>(head.size()) / hidden_size;
    HeadReference result{Values(row.size()), {}, {}, {}, {}};
    Values d_logits(logits.size(), 0.0);
    for (std::int64_t i = 0; i < rows; ++i) {
        Values capped(at(vocabulary)), slope(at(vocabulary), 1.0);
        double sum = 0, squares = 0;
        for (std::int64_t j = 0; j < vocabulary; ++j) {
            double z = logits[at(i * vocabulary + j)];
            if (softcap > 0) {
                const double tangent = std::tanh(z / softcap);
                z = softcap * tangent;
                slope[at(j)] = 1 - tangent * tangent;
            }
            capped[at(j)] = z;
            sum += std::exp(z);
            squares += std::exp(2 * z);
        }
        const double lse = std::log(sum);
        result.lse.push_back(lse);
        result.log_sum_squares.push_back(std::log(squares) - 2 * lse);
        double total = 0;
        for (std::size_t r = 0; r < row.size(); ++r) {
            if (row[r] != i) continue;
            result.logps[r] = capped[at(token[r])] - lse;
            d_logits[at(i * vocabulary + token[r])] += weight[r];
            total += weight[r];
        }
        for (std::int64_t j = 0; j < vocabulary; ++j) {
            double& d = d_logits[at(i * vocabulary + j)];
            d = (d - total * std::exp(capped[at(j)] - lse)) * slope[at(j)];
        }
    }
    LinearGradient gradient = linear_backward(d_logits, hidden, head, hidden_size);
    result.d_hidden = std::move(gradient.x);
    result.d_head = std::move(gradient.w);
    return result;
}

LowRankReference low_rank_reference(const Values& x, const Values& w, const Values& a,
                                    const std::vector<LowRankReference::Branch>& branches,
                                    const Values& d_out, std::int64_t inputs, const LowRankBetween* between) {
    const std::int64_t rows = static_cast<std::int64_t>(x.size()) / inputs,
                       outputs = static_cast<std::int64_t>(w.size()) / inputs,
                       ranks = static_cast<std::int64_t>(a.size()) / inputs;
    LowRankReference result;
    result.h = linear(x, a, inputs);
    const Values& h = between == nullptr ? result.h : between->h;
    result.out = linear(x, w, inputs);
    result.d_h.assign(at(rows * ranks), 0.0);
    std::int64_t column = 0;
    for (const LowRankReference::Branch& branch : branches) {
        Values& d_b = result.d_b.emplace_back(branch.b.size(), 0.0);
        for (std::int64_t i = 0; i < rows; ++i) {
            for (std::int64_t r = 0; r < branch.rank; ++r) {
                double sum = 0;
                for (std::int64_t j = 0; j < branch.count; ++j)
                    sum += d_out[at(i * outputs + branch.first + j)] * branch.b[at(j * branch.rank + r)];
                result.d_h[at(i * ranks + column + r)] = branch.scale * sum;
            }
            for (std::int64_t j = 0; j < branch.count; ++j) {
                double change = 0;
                for (std::int64_t r = 0; r < branch.rank; ++r) {
                    const double inner = h[at(i * ranks + column + r)];
                    change += inner * branch.b[at(j * branch.rank + r)];
                    d_b[at(j * branch.rank + r)] +=
                        branch.scale * inner * d_out[at(i * outputs + branch.first + j)];
                }
                result.out[at(i * outputs + branch.first + j)] += branch.scale * change;
            }
        }
        column += branch.rank;
    }
    LinearGradient low = linear_backward(between == nullptr ? result.d_h : between->d_h, x, a, inputs);
    result.d_a = std::move(low.w);
    result.d_x = linear_backward(d_out, x, w, inputs).x;
    add_to(result.d_x, low.x);
    return result;
}

}  // namespace wishbone::reference

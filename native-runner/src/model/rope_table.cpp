#include "model/rope_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace wishbone {
namespace {

using Frequencies = std::vector<double>;

/// theta^(-2i / rotated), i from 0 to rotated/2 - 1.
Frequencies plain(double theta, std::int64_t rotated) {
    Frequencies frequencies;
    for (std::int64_t i = 0; i < rotated / 2; ++i)
        frequencies.push_back(std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(rotated)));
    return frequencies;
}

struct Scale {
    double theta;
    std::int64_t rotated, longest;

    Frequencies operator()(const std::monostate&) const { return plain(theta, rotated); }

    Frequencies operator()(const LinearRopeScaling& scaling) const {
        Frequencies frequencies = plain(theta, rotated);
        for (double& frequency : frequencies) frequency /= scaling.factor;
        return frequencies;
    }

    Frequencies operator()(const DynamicRopeScaling& scaling) const {
        const auto original = static_cast<double>(scaling.original_max_position_embeddings);
        const double length = std::max(static_cast<double>(longest), original);
        const double grown = scaling.factor * length / original - (scaling.factor - 1);
        const auto dims = static_cast<double>(rotated);
        return plain(theta * std::pow(grown, dims / (dims - 2)), rotated);
    }

    /// Wavelengths that the original context holds fewer than low_freq_factor times are stretched by
    /// `factor`, those it holds more than high_freq_factor times are left alone, with a linear passage
    /// between.
    Frequencies operator()(const Llama3RopeScaling& scaling) const {
        Frequencies frequencies = plain(theta, rotated);
        for (double& frequency : frequencies) {
            const double wavelength = 2 * std::numbers::pi / frequency;
            const double turns = static_cast<double>(scaling.original_max_position_embeddings) / wavelength;
            if (turns < scaling.low_freq_factor) {
                frequency /= scaling.factor;
            } else if (turns <= scaling.high_freq_factor) {
                const double keep =
                    (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
                frequency = (1 - keep) * frequency / scaling.factor + keep * frequency;
            }
        }
        return frequencies;
    }

    /// Dimensions that turn more than beta_fast times within the original context stay, those that turn less
    /// than beta_slow times are stretched, with a linear passage between (arXiv 2309.00071, section 3.2).
    Frequencies operator()(const YarnRopeScaling& scaling) const {
        const auto dims = static_cast<double>(rotated);
        const auto dimension_of = [&](double turns) {
            const auto original = static_cast<double>(scaling.original_max_position_embeddings);
            return dims * std::log(original / (turns * 2 * std::numbers::pi)) / (2 * std::log(theta));
        };
        double low = dimension_of(scaling.beta_fast), high = dimension_of(scaling.beta_slow);
        if (scaling.truncate) low = std::floor(low), high = std::ceil(high);
        low = std::max(low, 0.0);
        high = std::min(high, dims - 1);
        if (low == high) high += 0.001;
        Frequencies frequencies = plain(theta, rotated);
        for (std::size_t i = 0; i < frequencies.size(); ++i) {
            const double stretched = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
            frequencies[i] = frequencies[i] / scaling.factor * stretched + frequencies[i] * (1 - stretched);
        }
        return frequencies;
    }

    Frequencies operator()(const LongRopeScaling& scaling) const {
        const auto& factors =
            longest > scaling.original_max_position_embeddings ? scaling.long_factor : scaling.short_factor;
        Frequencies frequencies = plain(theta, rotated);
        for (std::size_t i = 0; i < frequencies.size(); ++i) frequencies[i] /= factors[i];
        return frequencies;
    }
};

}  // namespace

std::int64_t ModelConfig::longest_sequence() const {
    std::int64_t longest = max_position_embeddings;
    for (const Rope& rope : ropes) {
        const auto stretch = [&](double factor, std::int64_t original) {
            longest = std::max(longest, static_cast<std::int64_t>(factor * static_cast<double>(original)));
        };
        if (const auto* dynamic = std::get_if<DynamicRopeScaling>(&rope.scaling))
            stretch(dynamic->factor, dynamic->original_max_position_embeddings);
        if (const auto* yarn = std::get_if<YarnRopeScaling>(&rope.scaling))
            stretch(yarn->factor, yarn->original_max_position_embeddings);
    }
    return longest;
}

std::int64_t rotated_elements(const ModelConfig& config, const Rope& rope) {
    return rope.rotated > 0 ? rope.rotated : config.head_dim;
}

std::vector<double> rope_frequencies(const ModelConfig& config, const Rope& rope, std::int64_t longest) {
    return std::visit(Scale{rope.theta, rotated_elements(config, rope), longest}, rope.scaling);
}

double rope_attention_factor(const Rope& rope) {
    if (const auto* yarn = std::get_if<YarnRopeScaling>(&rope.scaling)) return yarn->attention_factor;
    if (const auto* long_rope = std::get_if<LongRopeScaling>(&rope.scaling))
        return long_rope->attention_factor;
    return 1;
}

bool depends_on_length(const Rope& rope) {
    return std::holds_alternative<DynamicRopeScaling>(rope.scaling) ||
           std::holds_alternative<LongRopeScaling>(rope.scaling);
}

RopeTable rope_table(const ModelConfig& config, const Rope& rope, std::int64_t longest,
                     std::int64_t positions) {
    const std::vector<double> frequencies = rope_frequencies(config, rope, longest);
    const double factor = rope_attention_factor(rope);
    RopeTable table;
    table.cos.reserve(static_cast<std::size_t>(positions) * frequencies.size());
    table.sin.reserve(table.cos.capacity());
    for (std::int64_t position = 0; position < positions; ++position)
        for (const double frequency : frequencies) {
            const double angle = static_cast<double>(position) * frequency;
            table.cos.push_back(static_cast<float>(factor * std::cos(angle)));
            table.sin.push_back(static_cast<float>(factor * std::sin(angle)));
        }
    return table;
}

}  // namespace wishbone

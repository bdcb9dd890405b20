#include "model/rope_table.h"

#include <cmath>
#include <numbers>

namespace wishbone {

std::vector<double> rope_frequencies(const LlamaConfig& config) {
    std::vector<double> frequencies;
    for (std::int64_t i = 0; i < config.head_dim / 2; ++i) {
        double frequency =
            std::pow(config.rope_theta, -2.0 * static_cast<double>(i) / static_cast<double>(config.head_dim));
        if (config.rope_scaling) {
            // Wavelengths that the original context holds fewer than low_freq_factor times are stretched by
            // `factor`, those it holds more than high_freq_factor times are left alone, with a linear passage
            // between.
            const Llama3RopeScaling& scaling = *config.rope_scaling;
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
        frequencies.push_back(frequency);
    }
    return frequencies;
}

RopeTable rope_table(const LlamaConfig& config, std::int64_t positions) {
    const std::vector<double> frequencies = rope_frequencies(config);
    RopeTable table;
    table.cos.reserve(static_cast<std::size_t>(positions) * frequencies.size());
    table.sin.reserve(table.cos.capacity());
    for (std::int64_t position = 0; position < positions; ++position)
        for (const double frequency : frequencies) {
            const double angle = static_cast<double>(position) * frequency;
            table.cos.push_back(static_cast<float>(std::cos(angle)));
            table.sin.push_back(static_cast<float>(std::sin(angle)));
        }
    return table;
}

}  // namespace wishbone

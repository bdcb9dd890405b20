#include "train/optimizer/groups.h"

#include <algorithm>
#include <string>

#include "core/error.h"

namespace wishbone {

bool matches(std::string_view pattern, std::string_view name) {
    std::size_t p = 0, n = 0, star = std::string_view::npos, retry = 0;
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            retry = n;
        } else if (p < pattern.size() && pattern[p] == name[n]) {
            ++p, ++n;
        } else if (star != std::string_view::npos) {
            // The last star takes one character more.
            p = star + 1;
            n = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

std::vector<OptimizerGroup> optimizer_groups(const NamedTensors& parameters, const TrainingOptions& options) {
    std::vector<bool> used(options.parameter_groups.size(), false);
    std::vector<OptimizerGroup> groups;
    for (std::size_t p = 0; p < parameters.named().size(); ++p) {
        const NamedTensor& parameter = parameters.named()[p];
        const std::int64_t begin = parameters.place_of(p);
        OptimizerGroup group = {begin, begin + parameter.tensor.size(), 1,
                                parameter.decays ? options.weight_decay : 0.0};
        for (std::size_t i = 0; i < options.parameter_groups.size(); ++i) {
            const ParameterGroup& other = options.parameter_groups[i];
            if (!matches(other.pattern, parameter.name)) continue;
            used[i] = true;
            if (other.learning_rate)
                group.learning_rate_factor = *other.learning_rate / options.learning_rate;
            if (other.weight_decay) group.weight_decay = *other.weight_decay;
            break;
        }
        groups.push_back(group);
    }
    for (std::size_t i = 0; i < used.size(); ++i)
        if (!used[i])
            throw bad_input(
                "No parameter is left for the pattern \"" + options.parameter_groups[i].pattern + "\"",
                "training.parameter_groups",
                "Use Hugging Face names, for example \"*.self_attn.*\" or \"lm_head.weight\"; the first "
                "pattern that matches a parameter has it.");
    std::ranges::sort(groups, {}, &OptimizerGroup::begin);
    std::vector<OptimizerGroup> merged;
    for (const OptimizerGroup& group : groups) {
        if (!merged.empty() && merged.back().end == group.begin &&
            merged.back().learning_rate_factor == group.learning_rate_factor &&
            merged.back().weight_decay == group.weight_decay)
            merged.back().end = group.end;
        else
            merged.push_back(group);
    }
    return merged;
}

}  // namespace wishbone

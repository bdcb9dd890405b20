#include "model/lora.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <span>
#include <utility>

namespace wishbone {

namespace {

/// Modules in one linear layer of the runner's.
using Group = std::span<const LoraModule>;

/// The modules by linear layer, in their order, which keeps those of a layer together.
std::vector<Group> groups_of(const std::vector<LoraModule>& modules) {
    std::vector<Group> groups;
    const auto together = [](const LoraModule& one, const LoraModule& other) {
        return one.linear.layer == other.linear.layer && one.linear.in == other.linear.in;
    };
    for (auto begin = modules.begin(); begin != modules.end();) {
        const auto end =
            std::find_if_not(begin, modules.end(), [&](const LoraModule& m) { return together(*begin, m); });
        groups.emplace_back(begin, end);
        begin = end;
    }
    return groups;
}

std::int64_t ranks_of(Group group) {
    std::int64_t sum = 0;
    for (const LoraModule& module : group) sum += module.rank;
    return sum;
}

LowRank& adapter_of(Lora::Layer& layer, LinearModule::In in) {
    switch (in) {
        case LinearModule::In::qkv:
            return layer.qkv;
        case LinearModule::In::attention_out:
            return layer.attention_out;
        case LinearModule::In::gate_up:
            return layer.gate_up;
        case LinearModule::In::down:
            break;
    }
    return layer.down;
}

}  // namespace

Lora::Lora(Backend& backend, const ModelConfig& config, std::vector<LoraModule> modules, DType dtype,
           std::int64_t parts)
    : layers(static_cast<std::size_t>(config.layers)), modules_(std::move(modules)) {
    const std::vector<Group> groups = groups_of(modules_);
    Cutter measure(dtype, parts);
    for (const Group group : groups) {
        measure.take({ranks_of(group), group.front().linear.inputs});
        for (const LoraModule& module : group) measure.take({module.linear.outputs, module.rank});
    }
    measure.end_bucket();
    allocate(backend, measure);
    Cutter cutter(memory(), measure);
    for (const Group group : groups) {
        const LinearModule& first = group.front().linear;
        LowRank& adapter = adapter_of(layers[static_cast<std::size_t>(first.layer)], first.in);
        adapter.a = cutter.take({ranks_of(group), first.inputs});
        std::int64_t row = 0;
        for (const LoraModule& module : group) {
            const Tensor a = adapter.a.slice(row, row + module.rank),
                         b = cutter.take({module.linear.outputs, module.rank});
            row += module.rank;
            adapter.branches.push_back({b, module.linear.first_output, static_cast<float>(module.scale)});
            name(module.linear.name + ".lora_A.weight", a, cutter);
            name(module.linear.name + ".lora_B.weight", b, cutter);
        }
    }
}

void initialise(Backend& backend, const NamedTensors& adapter, std::int64_t seed) {
    std::mt19937_64 random(static_cast<std::uint64_t>(seed));
    std::vector<float> values;
    for (std::size_t i = 0; i < adapter.named().size(); ++i) {
        const NamedTensor& parameter = adapter.named()[i];
        values.assign(static_cast<std::size_t>(parameter.tensor.size()), 0.0f);
        if (parameter.name.ends_with(".lora_A.weight")) {
            const double bound = 1 / std::sqrt(static_cast<double>(parameter.tensor.shape[1]));
            // The standard library's own distributions differ from one to another.
            for (float& value : values)
                value =
                    static_cast<float>(bound * (std::ldexp(static_cast<double>(random() >> 11), -52) - 1));
        }
        for (const HeldElements& held : adapter.held())
            if (held.parameter == i) backend.upload(held.elements, values.data() + held.begin);
    }
}

}  // namespace wishbone

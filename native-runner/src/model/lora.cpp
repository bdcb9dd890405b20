#include "model/lora.h"

#include <cmath>
#include <random>
#include <utility>

namespace wishbone {

Lora::Lora(Backend& backend, const ModelConfig& config, std::vector<LoraModule> modules, DType dtype)
    : layers(static_cast<std::size_t>(config.layers)), modules_(std::move(modules)) {
    std::size_t elements = 0;
    {
        Cutter measure(nullptr, dtype);
        for (const LoraModule& module : modules_) {
            measure.take({module.rank, module.linear.inputs});
            measure.take({module.linear.outputs, module.rank});
        }
        elements = measure.used();
    }
    allocate(backend, elements, dtype);
    Cutter cutter(memory(), dtype);
    for (const LoraModule& module : modules_) {
        const LinearModule& linear = module.linear;
        LowRank adapter;
        adapter.a = cutter.take({module.rank, linear.inputs});
        adapter.b = cutter.take({linear.outputs, module.rank});
        adapter.first_output = linear.first_output;
        adapter.scale = static_cast<float>(module.scale);
        name(linear.name + ".lora_A.weight", adapter.a);
        name(linear.name + ".lora_B.weight", adapter.b);
        Layer& layer = layers[static_cast<std::size_t>(linear.layer)];
        switch (linear.in) {
            case LinearModule::In::qkv:
                layer.qkv.push_back(adapter);
                break;
            case LinearModule::In::attention_out:
                layer.attention_out.push_back(adapter);
                break;
            case LinearModule::In::gate_up:
                layer.gate_up.push_back(adapter);
                break;
            case LinearModule::In::down:
                layer.down.push_back(adapter);
                break;
        }
    }
}

void initialise(Backend& backend, const NamedTensors& adapter, std::int64_t seed) {
    std::mt19937_64 random(static_cast<std::uint64_t>(seed));
    std::vector<float> values;
    for (const NamedTensor& parameter : adapter.named()) {
        values.assign(static_cast<std::size_t>(parameter.tensor.size()), 0.0f);
        if (parameter.name.ends_with(".lora_A.weight")) {
            const double bound = 1 / std::sqrt(static_cast<double>(parameter.tensor.shape[1]));
            // The standard library's own distributions differ from one to another.
            for (float& value : values)
                value = static_cast<float>(bound * (std::ldexp(static_cast<double>(random() >> 11), -52) - 1));
        }
        backend.upload(parameter.tensor, values.data());
    }
}

}  // namespace wishbone

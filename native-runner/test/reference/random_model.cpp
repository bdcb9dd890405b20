#include "reference/random_model.h"

#include <stdexcept>

#include "reference/differences.h"

namespace wishbone::reference {

Weights random_weights(std::mt19937& random, const ModelConfig& config) {
    Weights weights;
    for (const auto& [name, shape] : parameter_shapes(config)) {
        std::size_t size = 1;
        for (const std::int64_t dim : shape) size *= static_cast<std::size_t>(dim);
        const bool bias = name.ends_with(".bias"), norm = shape.size() == 1 && !bias;
        // Large enough that attention and softmax are far from uniform and every gradient is felt.
        std::vector<double> values = random_values(random, size, norm ? 0.2 : 0.3);
        if (norm)
            for (double& value : values)
                value = static_cast<double>(
                    static_cast<float>((config.norm_weights_less_one ? 0.0 : 1.0) + value));
        weights[name] = values;
    }
    return weights;
}

void upload(Backend& backend, const NamedTensors& parameters, const Weights& weights) {
    if (parameters.named().size() != weights.size()) throw std::out_of_range("numbers of parameters differ");
    for (const NamedTensor& named : parameters.named()) {
        const std::vector<double>& values = weights.at(named.name);
        if (static_cast<std::int64_t>(values.size()) != named.tensor.size())
            throw std::out_of_range(named.name);
        const std::vector<float> floats(values.begin(), values.end());
        backend.upload(named.tensor, floats.data());
    }
}

Weights download(Backend& backend, const NamedTensors& parameters) {
    Weights weights;
    for (const NamedTensor& named : parameters.named()) {
        std::vector<float> floats(static_cast<std::size_t>(named.tensor.size()));
        backend.download(floats.data(), named.tensor);
        weights[named.name] = std::vector<double>(floats.begin(), floats.end());
    }
    return weights;
}

}  // namespace wishbone::reference

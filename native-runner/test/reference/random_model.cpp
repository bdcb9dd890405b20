#include "reference/random_model.h"

#include <algorithm>
#include <stdexcept>

#include "core/half.h"
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

namespace {

void upload(Backend& backend, const Tensor& to, const std::string& name, const Weights& weights) {
    const std::vector<double>& values = weights.at(name);
    if (static_cast<std::int64_t>(values.size()) != to.size()) throw std::out_of_range(name);
    const std::vector<float> floats(values.begin(), values.end());
    if (to.dtype == DType::f32) return backend.upload(to, floats.data());
    std::vector<std::uint16_t> bits(floats.size());
    std::ranges::transform(floats, bits.begin(), float_to_bfloat16);
    backend.upload(to, bits.data());
}

}  // namespace

void upload(Backend& backend, const NamedTensors& parameters, const Weights& weights) {
    if (parameters.named().size() + parameters.frozen().size() != weights.size())
        throw std::out_of_range("numbers of parameters differ");
    for (const NamedTensor& named : parameters.named()) upload(backend, named.tensor, named.name, weights);
    for (const auto& [name, matrix] : parameters.frozen()) {
        const DType dtype = backend.activation_dtype();
        const std::int64_t rows = matrix.values.rows(), columns = matrix.values.shape[1];
        const Buffer memory = backend.allocate(static_cast<std::size_t>(rows * columns) * size_of(dtype));
        const Tensor staged(memory.get(), dtype, {rows, columns});
        upload(backend, staged, name, weights);
        backend.fp8_quantise(matrix, {}, staged);
        backend.synchronize();
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

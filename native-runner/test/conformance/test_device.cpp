#include "conformance/test_device.h"

#include <cmath>

#include "core/half.h"

namespace wishbone::conformance {

Tensor TestDevice::put(const Values& values, std::initializer_list<std::int64_t> shape, DType dtype) {
    const Tensor tensor = make(dtype, shape);
    if (dtype == DType::f32) {
        const std::vector<float> floats(values.begin(), values.end());
        backend.upload(tensor, floats.data());
    } else {
        std::vector<std::uint16_t> bits;
        bits.reserve(values.size());
        for (const double value : values) bits.push_back(float_to_bfloat16(static_cast<float>(value)));
        backend.upload(tensor, bits.data());
    }
    return tensor;
}

Tensor TestDevice::put(std::span<const std::int32_t> values) {
    const Tensor tensor = make(DType::i32, {static_cast<std::int64_t>(values.size())});
    backend.upload(tensor, values.data());
    return tensor;
}

Tensor TestDevice::poisoned(std::initializer_list<std::int64_t> shape, DType dtype) {
    const Tensor tensor = make(dtype, shape);
    const std::vector<std::uint8_t> ones(tensor.bytes(), 0xff);  // NaN in f32 and in bf16
    backend.upload(tensor, ones.data());
    return tensor;
}

Values TestDevice::get(const Tensor& tensor) {
    if (tensor.dtype == DType::f32) {
        std::vector<float> floats(at(tensor.size()));
        backend.download(floats.data(), tensor);
        return {floats.begin(), floats.end()};
    }
    std::vector<std::uint16_t> bits(at(tensor.size()));
    backend.download(bits.data(), tensor);
    Values values;
    values.reserve(bits.size());
    for (const std::uint16_t each : bits) values.push_back(static_cast<double>(bfloat16_to_float(each)));
    return values;
}

double TestDevice::off(const Values& values, const Values& expected, Tolerance tolerance) const {
    double error = 0, allowed = 0;
    if (exact() || tolerance.floor < 0) {
        error = reference::relative_difference(values, expected);
        allowed = exact() ? tolerance.f32 : tolerance.bf16;
    } else {
        error = reference::largest_error(values, expected, tolerance.floor);
        allowed = tolerance.bf16;
    }
    return std::isnan(error) ? INFINITY : error / allowed;
}

Tensor TestDevice::make(DType dtype, std::initializer_list<std::int64_t> shape) {
    Tensor tensor(nullptr, dtype, shape);
    memory_.push_back(backend.allocate(tensor.bytes()));
    tensor.data = memory_.back().get();
    return tensor;
}

}  // namespace wishbone::conformance

#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "support/forwarding_backend.h"

namespace wishbone::reference {

/// The nearest number of E4M3 (arXiv 2209.05433), ties to even, no further out than 448.
inline double to_e4m3(double value) {
    const double size = std::abs(value);
    if (size == 0 || std::isnan(size)) return value;
    const double step = std::ldexp(1.0, std::max(std::ilogb(size), -6) - 3);
    return std::copysign(std::min(std::nearbyint(size / step) * step, 448.0), value);
}

/// The CPU backend with linear layers in FP8: what they are to give, in double. The numbers of an Fp8Matrix are kept beside it, by
/// its address. Without `rounds` they stay what they were, and everything must come out as it does without FP8.
class Fp8Backend final : public test::ForwardingBackend {
  public:
    explicit Fp8Backend(bool rounds) : ForwardingBackend(make_cpu_backend(1)), rounds_(rounds) {}

    std::string fp8_problem() const override { return {}; }

    void fp8_quantise(Fp8Matrix rows, Fp8Matrix columns, Tensor x) override {
        const auto height = static_cast<std::size_t>(x.rows()), width = static_cast<std::size_t>(x.shape[1]),
                   padded = static_cast<std::size_t>(fp8_padded(x.rows()));
        if (rows) keep(rows, {x.as<float>(), x.as<float>() + x.size()});
        if (!columns) return;
        std::vector<double> turned(width * padded, 0.0);
        for (std::size_t r = 0; r < height; ++r)
            for (std::size_t c = 0; c < width; ++c)
                turned[c * padded + r] = static_cast<double>(x.as<float>()[r * width + c]);
        keep(columns, std::move(turned));
    }
    void fp8_quantise_scaled(Fp8Matrix rows, Tensor x, Tensor factor) override {
        std::vector<float> scaled(x.as<float>(), x.as<float>() + x.size());
        for (std::size_t i = 0; i < scaled.size(); ++i)
            scaled[i] *= factor.as<float>()[i % static_cast<std::size_t>(x.shape[1])];
        fp8_quantise(rows, {}, Tensor(scaled.data(), x.dtype, {x.rows(), x.shape[1]}));
    }
    void fp8_transpose(Fp8Matrix to, Tensor from) override {
        const auto rows = static_cast<std::size_t>(from.rows()),
                   columns = static_cast<std::size_t>(from.shape[1]);
        const std::vector<double> numbers = numbers_of(from);
        std::vector<double> turned(numbers.size());
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t c = 0; c < columns; ++c)
                turned[c * rows + r] = numbers[r * columns + c] / scale_of(from, r);
        numbers_[to.values.data] = std::move(turned);
        std::fill_n(to.scale.as<float>(), columns, 1.0f);
        scales_[to.values.data] = std::vector<double>(columns, 1.0);
    }
    void fp8_add_rmsnorm(Fp8Matrix rows, Tensor sum, Tensor out, Tensor inv_rms, Tensor x, Tensor delta,
                         Tensor weight, RmsNorm norm) override {
        const Scratch result(out, x.rows(), x.shape[1]);
        add_rmsnorm(sum, result.tensor, inv_rms, x, delta, weight, norm);
        fp8_quantise(rows, {}, result.tensor);
    }
    void fp8_glu(Fp8Matrix rows, Tensor out, Tensor gate_up, Activation activation) override {
        const Scratch result(out, gate_up.rows(), gate_up.shape[1] / 2);
        glu(result.tensor, gate_up, activation);
        fp8_quantise(rows, {}, result.tensor);
    }
    void fp8_glu_backward(Fp8Matrix d_rows, Fp8Matrix d_columns, Fp8Matrix out_columns, Tensor d_out,
                          Tensor gate_up, Activation activation) override {
        const Scratch d_gate_up({}, gate_up.rows(), gate_up.shape[1]),
            out({}, gate_up.rows(), gate_up.shape[1] / 2);
        glu_backward(d_gate_up.tensor, out.tensor, d_out, gate_up, activation);
        fp8_quantise(d_rows, d_columns, d_gate_up.tensor);
        fp8_quantise({}, out_columns, out.tensor);
    }
    void fp8_linear(Tensor out, Fp8Matrix x, Fp8Matrix w, bool adds) override { product(out, x, w, adds); }
    void fp8_backward_input(Tensor d_x, Fp8Matrix d_out, Fp8Matrix w_columns, bool adds) override {
        product(d_x, d_out, w_columns, adds);
    }
    void fp8_backward_weight(Tensor d_w, Fp8Matrix d_out_columns, Fp8Matrix x_columns, bool adds) override {
        product(d_w, d_out_columns, x_columns, adds);
    }

  private:
    /// `wanted`, or memory in its place.
    struct Scratch {
        Scratch(Tensor wanted, std::int64_t rows, std::int64_t columns) {
            if (!wanted) memory.resize(static_cast<std::size_t>(rows * columns));
            tensor = wanted ? wanted : Tensor(memory.data(), DType::f32, {rows, columns});
        }
        std::vector<float> memory;
        Tensor tensor;
    };

    void keep(const Fp8Matrix& matrix, std::vector<double> numbers) {
        const auto width = static_cast<std::size_t>(matrix.values.shape[1]);
        std::vector<double>& scales = scales_[matrix.values.data];
        scales.assign(numbers.size() / width, 1.0);
        for (std::size_t row = 0; row < scales.size(); ++row) {
            if (rounds_) {
                double largest = 1e-30;
                for (std::size_t i = row * width; i < (row + 1) * width; ++i)
                    largest = std::max(largest, std::abs(numbers[i]));
                scales[row] = largest / 448;
                for (std::size_t i = row * width; i < (row + 1) * width; ++i)
                    numbers[i] = to_e4m3(numbers[i] / scales[row]) * scales[row];
            }
            matrix.scale.as<float>()[row] = static_cast<float>(scales[row]);
        }
        numbers_[matrix.values.data] = std::move(numbers);
    }
    /// Of a matrix that was made at once, or of parts one behind the other.
    std::vector<double> numbers_of(const Tensor& values) const {
        std::vector<double> all;
        while (static_cast<std::int64_t>(all.size()) < values.size()) {
            const std::vector<double>& part = numbers_.at(static_cast<std::byte*>(values.data) + all.size());
            all.insert(all.end(), part.begin(), part.end());
        }
        return all;
    }
    double scale_of(const Tensor& values, std::size_t row) const {
        const auto width = static_cast<std::size_t>(values.shape[1]);
        auto* place = static_cast<std::byte*>(values.data);
        while (row >= scales_.at(place).size()) {
            const std::size_t rows = scales_.at(place).size();
            row -= rows;
            place += rows * width;
        }
        return scales_.at(place)[row];
    }
    void product(const Tensor& out, const Fp8Matrix& x, const Fp8Matrix& w, bool adds) {
        const std::vector<double> a = numbers_of(x.values), b = numbers_of(w.values);
        const auto rows = static_cast<std::size_t>(out.rows()),
                   columns = static_cast<std::size_t>(out.shape[1]), depth = a.size() / rows;
        if (b.size() != columns * depth) throw std::logic_error("matrices that do not fit");
        for (std::size_t m = 0; m < rows; ++m)
            for (std::size_t n = 0; n < columns; ++n) {
                double sum = 0;
                for (std::size_t k = 0; k < depth; ++k) sum += a[m * depth + k] * b[n * depth + k];
                float& to = out.as<float>()[m * columns + n];
                to = static_cast<float>(sum + (adds ? static_cast<double>(to) : 0.0));
            }
    }

    bool rounds_;
    std::map<void*, std::vector<double>> numbers_, scales_;
};

}  // namespace wishbone::reference

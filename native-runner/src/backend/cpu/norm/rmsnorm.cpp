#include <algorithm>
#include <cmath>

#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/primitives/vector_math.h"
#include "backend/require.h"

namespace wishbone::cpu {
namespace {

WISHBONE_CLONES
void forward_rows(std::int64_t rows, std::int64_t width, float* sum, float* out, float* inv_rms,
                  const float* x, const float* delta, const float* weight, RmsNorm norm) {
    for (std::int64_t t = 0; t < rows; ++t) {
        float squares = 0;
        const float* in = x + t * width;
        if (delta != nullptr) {
            const float* change = delta + t * width;
            float* total = sum + t * width;
#pragma omp simd reduction(+ : squares)
            for (std::int64_t i = 0; i < width; ++i) {
                const float value = in[i] + change[i];
                total[i] = value;
                squares += value * value;
            }
            in = total;
        } else {
#pragma omp simd reduction(+ : squares)
            for (std::int64_t i = 0; i < width; ++i) squares += in[i] * in[i];
        }
        const float inverse = 1.0f / std::sqrt(squares / static_cast<float>(width) + norm.eps);
        inv_rms[t] = inverse;
        float* normed = out + t * width;
#pragma omp simd
        for (std::int64_t i = 0; i < width; ++i) normed[i] = in[i] * inverse * (norm.offset + weight[i]);
    }
}

// y = x r w with r = (mean(x²) + eps)^-1/2, so dx = r (w dy) - x r³ / H · sum(w dy x) and dw = sum over rows
// of dy x r.
WISHBONE_CLONES
void backward_rows(std::int64_t rows, std::int64_t width, float* d_x, float* d_weight, float* out,
                   const float* d_out, const float* x, const float* inv_rms, const float* weight,
                   float offset) {
    for (std::int64_t t = 0; t < rows; ++t) {
        const float* dy = d_out + t * width;
        const float* in = x + t * width;
        float* dx = d_x + t * width;
        float* normed = out + t * width;
        const float r = inv_rms[t];
        float dot = 0;
#pragma omp simd reduction(+ : dot)
        for (std::int64_t i = 0; i < width; ++i) dot += (offset + weight[i]) * dy[i] * in[i];
        const float pull = dot * r * r * r / static_cast<float>(width);
#pragma omp simd
        for (std::int64_t i = 0; i < width; ++i) {
            const float unit = in[i] * r, w = offset + weight[i];
            dx[i] += r * w * dy[i] - in[i] * pull;
            d_weight[i] += dy[i] * unit;
            normed[i] = unit * w;
        }
    }
}

}  // namespace

void CpuBackend::add_rmsnorm(Tensor sum, Tensor out, Tensor inv_rms, Tensor x, Tensor delta, Tensor weight,
                             RmsNorm norm) {
    const std::int64_t rows = out.shape[0], width = out.shape[1];
    require(is_f32(x, {rows, width}) && is_f32(out, {rows, width}) && is_f32(inv_rms, {rows}) &&
                is_f32(weight, {width}) &&
                (delta ? is_f32(delta, {rows, width}) && is_f32(sum, {rows, width}) : !sum),
            "add_rmsnorm");
    pool_.run_rows(rows, width, [&](std::int64_t begin, std::int64_t end) {
        const std::int64_t offset = begin * width;
        forward_rows(end - begin, width, delta ? sum.as<float>() + offset : nullptr, out.as<float>() + offset,
                     inv_rms.as<float>() + begin, x.as<float>() + offset,
                     delta ? delta.as<float>() + offset : nullptr, weight.as<float>(), norm);
    });
}

void CpuBackend::rmsnorm_backward(Tensor d_x, Tensor d_weight, Tensor out, Tensor d_out, Tensor x,
                                  Tensor inv_rms, Tensor weight, RmsNorm norm) {
    const std::int64_t rows = d_x.shape[0], width = d_x.shape[1];
    require(is_f32(d_x, {rows, width}) && (!d_weight || is_f32(d_weight, {width})) &&
                is_f32(out, {rows, width}) && is_f32(d_out, {rows, width}) && is_f32(x, {rows, width}) &&
                is_f32(inv_rms, {rows}) && is_f32(weight, {width}),
            "rmsnorm_backward");
    // Each piece of rows sums into its own memory; the pieces are added up in their order.
    const std::int64_t pieces = 2 * threads();
    const std::size_t part_size = Scratch::padded(static_cast<std::size_t>(width));
    shared_scratch_.reserve(part_size * static_cast<std::size_t>(pieces));
    float* parts = shared_scratch_.take(part_size * static_cast<std::size_t>(pieces));
    pool_.run(pieces, [&](std::int64_t piece, int) {
        const std::int64_t begin = rows * piece / pieces, end = rows * (piece + 1) / pieces;
        const std::int64_t offset = begin * width;
        float* part = parts + static_cast<std::size_t>(piece) * part_size;
        std::fill_n(part, width, 0.0f);
        backward_rows(end - begin, width, d_x.as<float>() + offset, part, out.as<float>() + offset,
                      d_out.as<float>() + offset, x.as<float>() + offset, inv_rms.as<float>() + begin,
                      weight.as<float>(), norm.offset);
    });
    if (!d_weight) return;
    auto* total = d_weight.as<float>();
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
        const float* part = parts + static_cast<std::size_t>(piece) * part_size;
        for (std::int64_t i = 0; i < width; ++i) total[i] += part[i];
    }
}

}  // namespace wishbone::cpu

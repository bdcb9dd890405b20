#include <cstring>

#include "backend/cpu/cpu_backend.h"
#include "backend/require.h"

namespace wishbone::cpu {

void CpuBackend::gather_rows(Tensor out, Tensor x, Tensor rows) {
    require(x.rank == 2 && is_i32(rows, {out.shape[0]}) && is_f32(out, {rows.shape[0], x.shape[1]}),
            "gather_rows");
    const std::int64_t count = rows.shape[0], width = x.shape[1];
    const auto* row = rows.as<std::int32_t>();
    const auto* from = x.as<float>();
    auto* to = out.as<float>();
    pool_.run_rows(count, width, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            std::memcpy(to + i * width, from + row[i] * width,
                        static_cast<std::size_t>(width) * sizeof(float));
    });
}

void CpuBackend::scatter_add_rows(Tensor x, Tensor from, Tensor rows) {
    require(x.rank == 2 && is_i32(rows, {from.shape[0]}) && is_f32(from, {rows.shape[0], x.shape[1]}),
            "scatter_add_rows");
    const std::int64_t count = rows.shape[0], width = x.shape[1];
    const auto* row = rows.as<std::int32_t>();
    const auto* source = from.as<float>();
    auto* to = x.as<float>();
    pool_.run_rows(count, width, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            float* target = to + row[i] * width;
            for (std::int64_t j = 0; j < width; ++j) target[j] += source[i * width + j];
        }
    });
}

void CpuBackend::add(Tensor sum, Tensor x, Tensor delta) {
    require(x.rank == 2 && is_f32(x, {x.shape[0], x.shape[1]}) && is_f32(sum, {x.shape[0], x.shape[1]}) &&
                is_f32(delta, {x.shape[0], x.shape[1]}),
            "add");
    const std::int64_t width = x.shape[1];
    pool_.run_rows(x.shape[0], width, [&](std::int64_t begin, std::int64_t end) {
        float* to = sum.as<float>();
        const float *a = x.as<float>(), *b = delta.as<float>();
        for (std::int64_t i = begin * width; i < end * width; ++i) to[i] = a[i] + b[i];
    });
}

}  // namespace wishbone::cpu

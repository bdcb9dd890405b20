#include <algorithm>
#include <cstring>

#include "backend/cpu/cpu_backend.h"
#include "backend/require.h"

namespace wishbone::cpu {

void CpuBackend::embedding(Tensor out, Tensor table, Tensor tokens) {
    require(
        table.rank == 2 && is_i32(tokens, {out.shape[0]}) && is_f32(out, {tokens.shape[0], table.shape[1]}),
        "embedding");
    const std::int64_t count = tokens.shape[0], width = table.shape[1];
    const auto* token = tokens.as<std::int32_t>();
    const auto* from = table.as<float>();
    auto* to = out.as<float>();
    pool_.run_rows(count, width, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t t = begin; t < end; ++t)
            std::memcpy(to + t * width, from + token[t] * width,
                        static_cast<std::size_t>(width) * sizeof(float));
    });
}

void CpuBackend::embedding_backward(Tensor d_table, Tensor tokens, Tensor d_out) {
    require(d_table.rank == 2 && is_i32(tokens, {d_out.shape[0]}) &&
                is_f32(d_out, {tokens.shape[0], d_table.shape[1]}),
            "embedding_backward");
    const std::int64_t count = tokens.shape[0], width = d_table.shape[1];
    const auto* token = tokens.as<std::int32_t>();
    const auto* from = d_out.as<float>();
    auto* to = d_table.as<float>();
    // Tokens repeat, so threads share out columns: every sum keeps the order of the tokens.
    constexpr std::int64_t line = 16;
    const std::int64_t lines = (width + line - 1) / line;
    const std::int64_t parts = threads();
    pool_.run(parts, [&](std::int64_t part, int) {
        const std::int64_t begin = std::min(width, lines * part / parts * line);
        const std::int64_t end = std::min(width, lines * (part + 1) / parts * line);
        for (std::int64_t t = 0; t < count; ++t) {
            float* row = to + token[t] * width;
            const float* gradient = from + t * width;
            for (std::int64_t i = begin; i < end; ++i) row[i] += gradient[i];
        }
    });
}

}  // namespace wishbone::cpu

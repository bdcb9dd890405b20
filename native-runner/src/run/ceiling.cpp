#include "run/ceiling.h"

#include <algorithm>
#include <set>

#include "plan/computed_rows.h"

namespace wishbone {

double linear_share(const Plan& plan, const ModelConfig& config) {
    const auto hidden = static_cast<double>(config.hidden_size), layers = static_cast<double>(config.layers);
    const auto query = static_cast<double>(config.query_heads * config.head_dim),
               keys = static_cast<double>(config.kv_heads * config.head_dim),
               intermediate = static_cast<double>(config.intermediate_size);
    // As src/core/model/flops.ts counts: behind the last layer's attention only rows that are read go on.
    double linear = 0, all = 0;
    for (std::int64_t b = 0; b < plan.bins(); ++b) {
        const BinView bin = plan.bin(b);
        const auto tokens = static_cast<double>(computed_rows(bin).size());
        const std::set<std::int32_t> read(bin.target_row.begin(), bin.target_row.end());
        linear += 2 * hidden *
                  ((query + 2 * keys) * layers * tokens +
                   (query + 3 * intermediate) * ((layers - 1) * tokens + static_cast<double>(read.size())));
        all += bin.flops;
    }
    return all > 0 ? std::min(1.0, linear / all) : 1;
}

double ceiling_of(Devices& devices, const RunInputs& inputs) {
    const bool in_fp8 = inputs.config.precision == Precision::fp8;
    const double share = in_fp8 ? linear_share(inputs.train.plan, inputs.model) : 0;
    double sum = 0;
    devices.each([&](std::size_t rank) {
        Backend& backend = devices.backend(rank);
        double rate = backend.measure_matmul_ceiling();
        if (in_fp8) rate = 1 / (share / backend.measure_fp8_ceiling() + (1 - share) / rate);
        devices.ranks(rank).sum({&rate, 1});
        if (rank == 0) sum = rate;
    });
    return sum;
}

}  // namespace wishbone

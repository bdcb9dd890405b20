#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/runtime/device.h"
#include "conformance/test_device.h"

// For tests that call kernels for Hopper by themselves.

namespace wishbone::conformance {

inline bool have_hopper() { return have_cuda() && cuda::use_device(0).capability == 90; }

/// Tensors with NaN behind them, which nobody may read or overwrite.
class GuardedDevice : public TestDevice {
  public:
    using TestDevice::TestDevice;

    Tensor random_matrix(std::mt19937& generator, std::int64_t rows, std::int64_t columns, double spread) {
        const Tensor all = poisoned({rows + guard_rows, columns}), matrix = all.slice(0, rows);
        const Tensor drawn = put(random(generator, rows * columns, spread), {rows, columns});
        backend.copy(matrix, drawn);
        return matrix;
    }
    Tensor empty_matrix(std::int64_t rows, std::int64_t columns) {
        return poisoned({rows + guard_rows, columns}).slice(0, rows);
    }
    /// The same, of numbers that are there already, in f32.
    Tensor sums(std::mt19937& generator, std::int64_t rows, std::int64_t columns) {
        const Tensor all = poisoned_f32({rows + guard_rows, columns}), matrix = all.slice(0, rows);
        backend.copy(matrix, put_f32(random(generator, rows * columns), {rows, columns}));
        return matrix;
    }
    bool is_whole_behind(const Tensor& matrix) {
        const std::int64_t columns = matrix.shape[1];
        const Tensor behind(static_cast<std::byte*>(matrix.data) + matrix.bytes(), matrix.dtype,
                            {guard_rows, columns});
        for (const double each : get(behind))
            if (!std::isnan(each)) return false;
        return true;
    }
    cudaStream_t stream() { return dynamic_cast<cuda::CudaBackend&>(backend).stream(); }

  private:
    static constexpr std::int64_t guard_rows = 300;
};

/// ‖a - b‖ / ‖b‖.
inline double distance(const Values& a, const Values& b) {
    double off = 0, norm = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        off += (a[i] - b[i]) * (a[i] - b[i]);
        norm += b[i] * b[i];
    }
    return std::sqrt(off / norm);
}

}  // namespace wishbone::conformance

#include "backend/cpu/matmul/tile_matmul.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <string>

#include "reference/differences.h"

using namespace wishbone::cpu;
using namespace wishbone::reference;

TEST_CASE("every kernel of small products, any number of rows, both ways of storing a") {
    std::mt19937 random(1);
    for (const TileKernel& kernel : tile_kernels()) {
        CAPTURE(std::string(kernel.instructions));
        for (const std::int64_t m : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 33})
            for (const std::int64_t n : {16, 32, 48, 80})
                for (const std::int64_t k : {0, 1, 7, 64})
                    for (const bool transposed : {false, true}) {
                        const bool accumulate = (m + k) % 2 == 0;
                        const std::int64_t c_row = n + 3;  // the gap must stay as it is
                        const auto size = [](std::int64_t count) { return static_cast<std::size_t>(count); };
                        const std::vector<double> a = random_values(random, size(m * k)),
                                                  b = random_values(random, size(k * n)),
                                                  before = random_values(random, size(m * c_row));
                        std::vector<double> expected = before;
                        for (std::int64_t i = 0; i < m; ++i)
                            for (std::int64_t j = 0; j < n; ++j) {
                                double sum = accumulate ? before[size(i * c_row + j)] : 0.0;
                                for (std::int64_t l = 0; l < k; ++l)
                                    sum += a[size(transposed ? l * m + i : i * k + l)] * b[size(l * n + j)];
                                expected[size(i * c_row + j)] = sum;
                            }
                        const std::vector<float> a_float(a.begin(), a.end()), b_float(b.begin(), b.end());
                        std::vector<float> c(before.begin(), before.end());
                        if (!accumulate)
                            for (std::int64_t i = 0; i < m; ++i)
                                for (std::int64_t j = 0; j < n; ++j) c[size(i * c_row + j)] = NAN;
                        kernel.run({.m = m,
                                    .n = n,
                                    .k = k,
                                    .a = a_float.data(),
                                    .a_row = transposed ? 1 : k,
                                    .a_column = transposed ? m : 1,
                                    .b = b_float.data(),
                                    .b_row = n,
                                    .c = c.data(),
                                    .c_row = c_row,
                                    .accumulate = accumulate});
                        REQUIRE(relative_difference(c, expected) < 1e-6);
                    }
    }
}

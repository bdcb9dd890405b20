#include <cmath>
#include <random>
#include <vector>

#include "backend/cuda/rotated/sm90/product.h"
#include "backend/cuda/runtime/device.h"
#include "cuda/guarded_device.h"

using namespace wishbone;
using namespace wishbone::conformance;
using cuda::sm90::product::Size;

// The product that gives queries, keys and values with RoPE in its epilogue, called by itself: the backend takes it for large sizes alone.

namespace {

using bf16 = __nv_bfloat16;

}  // namespace

TEST_CASE("cuda: RoPE in the epilogue of a product" * doctest::skip(!have_hopper())) {
    std::mt19937 random(51);
    struct Case {
        std::int64_t rows, query_heads, kv_heads, head_dim, inner;
    };
    // Edges of tiles of 128 rows and 256 columns; tiles of turned heads and others; more tiles than a card has multiprocessors.
    for (const Case& each : {Case{1, 1, 1, 64, 8},
                             {65, 4, 1, 64, 136},
                             {300, 7, 1, 64, 72},
                             {129, 2, 1, 128, 64},
                             {257, 3, 2, 128, 200},
                             {2100, 32, 8, 64, 128},
                             {1300, 28, 4, 128, 520}}) {
        const auto [rows, query_heads, kv_heads, head_dim, inner] = each;
        CAPTURE(rows);
        CAPTURE(query_heads);
        CAPTURE(head_dim);
        GuardedDevice device(cuda_target());
        const std::int64_t heads = query_heads + 2 * kv_heads, columns = heads * head_dim, longest = 700;
        const AttentionShape shape{
            .query_heads = query_heads, .kv_heads = kv_heads, .head_dim = head_dim, .scale = 1};
        const Tensor x = device.random_matrix(random, rows, inner, 1),
                     w = device.random_matrix(random, columns, inner,
                                              1.5 / std::sqrt(static_cast<double>(inner)));
        Values cos, sin;
        for (std::int64_t i = 0; i < longest * head_dim / 2; ++i) {
            const double angle = std::uniform_real_distribution(-3.0, 3.0)(random);
            cos.push_back(static_cast<double>(static_cast<float>(1.25 * std::cos(angle))));
            sin.push_back(static_cast<double>(static_cast<float>(1.25 * std::sin(angle))));
        }
        std::vector<std::int32_t> positions;
        for (std::int64_t i = 0; i < rows; ++i)
            positions.push_back(std::uniform_int_distribution(0, static_cast<int>(longest) - 1)(random));
        const Rotation rotation{device.put_f32(cos, {longest, head_dim / 2}),
                                device.put_f32(sin, {longest, head_dim / 2}), device.put(positions)};
        const Tensor out = device.empty_matrix(rows, columns), again = device.empty_matrix(rows, columns),
                     apart = device.poisoned({rows, heads, head_dim});
        const auto run = [&](const Tensor& to) {
            cuda::sm90::rotated_product(cuda::use_device(0), device.stream(), to.as<bf16>(),
                                        {x.as<bf16>(), w.as<bf16>()}, {rows, columns, inner},
                                        {.cos = rotation.cos.as<float>(),
                                         .sin = rotation.sin.as<float>(),
                                         .position = rotation.position.as<std::int32_t>(),
                                         .head_dim = head_dim,
                                         .turned = (query_heads + kv_heads) * head_dim});
        };
        run(out);
        run(again);
        device.backend.linear(Tensor(apart.data, DType::bf16, {rows, columns}), x, w);
        const Values bare = device.get(apart);
        device.backend.rope(apart, rotation, shape, false);
        const Values result = device.get(out), expected = device.get(apart);
        CHECK(distance(result, expected) < 1e-3);
        CHECK(distance(result, bare) > 0.1);
        CHECK(device.get(again) == result);
        CHECK(device.is_whole_behind(out));
        // Where the bare product has the same bits, so has what is turned, but for how its two terms are added.
        std::size_t off = 0;
        for (std::size_t i = 0; i < result.size(); ++i)
            off += std::abs(result[i] - expected[i]) > 1e-2 * (std::abs(expected[i]) + 0.1) ? 1 : 0;
        CHECK(off == 0);
    }
}

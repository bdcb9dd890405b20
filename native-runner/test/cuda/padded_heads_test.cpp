#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "cuda/gpu.h"
#include "reference/device.h"
#include "reference/differences.h"
#include "reference/random_bin.h"

using namespace wishbone;
using namespace wishbone::reference;

TEST_CASE("cuda: heads of a size without kernels of its own" * doctest::skip(!test_gpu())) {
    std::mt19937 random(3);
    for (const std::int64_t head_dim : {16, 32, 80, 120, 200}) {
        CAPTURE(head_dim);
        const AttentionShape shape = {4, 2, head_dim,
                                      static_cast<float>(1 / std::sqrt(static_cast<double>(head_dim)))};
        const RandomBin bin(random, {.trees = 4, .longest_segment = 40});
        const std::vector<std::int32_t>&until = bin.shared.visible_until, &position = bin.shared.position;
        const auto tokens = static_cast<std::int64_t>(until.size());
        const std::int64_t heads = 8, out_size = 4 * head_dim;
        const std::vector<double> qkv = random_bf16(random, tokens * heads * head_dim),
                                  d_out = random_bf16(random, tokens * out_size);

        Device cpu(make_cpu_backend(2));
        const auto cpu_mask = cpu.backend->prepare_mask(until, position, shape);
        const Tensor cpu_in = cpu.put(qkv, {tokens, heads, head_dim}), cpu_out = cpu.poisoned({tokens, out_size}),
                     cpu_lse = cpu.poisoned({4, tokens}), cpu_d_in = cpu.poisoned({tokens, heads, head_dim});
        cpu.backend->attention(cpu_out, cpu_lse, cpu_in, *cpu_mask, shape);
        cpu.backend->attention_backward(cpu_d_in, cpu.put(d_out, {tokens, out_size}), cpu_out, cpu_lse, cpu_in,
                                        *cpu_mask, shape);

        Gpu gpu;
        const auto mask = gpu.backend.prepare_mask(until, position, shape);
        const std::vector<double> nan_out(static_cast<std::size_t>(tokens * out_size), NAN),
            nan_lse(static_cast<std::size_t>(4 * tokens), NAN), nan_in(qkv.size(), NAN);
        const Tensor in = gpu.put(qkv, {tokens, heads, head_dim}), out = gpu.put(nan_out, {tokens, out_size}),
                     lse = gpu.put_f32(nan_lse, {4, tokens}), d_in = gpu.put(nan_in, {tokens, heads, head_dim});
        gpu.backend.attention(out, lse, in, *mask, shape);
        gpu.backend.attention_backward(d_in, gpu.put(d_out, {tokens, out_size}), out, lse, in, *mask, shape);
        // A bf16 number is within 2^-9 of what it stands for.
        CHECK(relative_difference(gpu.get(out), cpu.get(cpu_out)) < 4e-3);
        CHECK(relative_difference(gpu.get(lse), cpu.get(cpu_lse)) < 1e-5);
        CHECK(relative_difference(gpu.get(d_in), cpu.get(cpu_d_in)) < 8e-3);
    }
}

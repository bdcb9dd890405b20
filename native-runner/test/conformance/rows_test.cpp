#include <algorithm>
#include <random>

#include "conformance/test_device.h"

using namespace wishbone;
using namespace wishbone::conformance;

namespace {

std::vector<std::int32_t> random_tokens(std::mt19937& random, std::int64_t count, std::int32_t vocabulary) {
    std::vector<std::int32_t> tokens(at(count));
    // Half of them are one token, as padding or a very common word would be.
    for (std::int32_t& token : tokens)
        token = std::uniform_int_distribution<>(0, 1)(random) == 0
                    ? vocabulary / 2
                    : std::uniform_int_distribution<std::int32_t>(0, vocabulary - 1)(random);
    return tokens;
}

}  // namespace

BACKEND_TEST("embedding and its gradient, with repeated tokens") {
    std::mt19937 random(2);
    for (const std::int64_t count : {1, 5, 7, 31, 32, 33, 129, 1000})
        for (const std::int64_t width : {37, 64, 1536}) {
            CAPTURE(count);
            CAPTURE(width);
            TestDevice device(target);
            const std::int64_t vocabulary = count > 500 ? 211 : 19;
            const std::vector<std::int32_t> tokens =
                random_tokens(random, count, static_cast<std::int32_t>(vocabulary));
            const Values table = device.random(random, vocabulary * width),
                         d_out = device.random(random, count * width),
                         before = reference::random_values(random, at(vocabulary * width));
            const Tensor token = device.put(tokens), out = device.poisoned({count, width});
            device.backend.embedding(out, device.put(table, {vocabulary, width}), token);
            Values expected, d_expected = before;
            for (std::int64_t t = 0; t < count; ++t)
                for (std::int64_t i = 0; i < width; ++i) {
                    const std::size_t from = at(tokens[at(t)] * width + i);
                    expected.push_back(table[from]);
                    d_expected[from] += d_out[at(t * width + i)];
                }
            CHECK(device.get(out) == expected);
            const Tensor d = device.put(d_out, {count, width}),
                         d_table = device.put_f32(before, {vocabulary, width}),
                         again = device.put_f32(before, {vocabulary, width});
            device.backend.embedding_backward(d_table, token, d);
            device.backend.embedding_backward(again, token, d);
            CHECK(device.off(d_table, d_expected, {1e-6, 1e-6}) < 1);
            CHECK(device.get(d_table) == device.get(again));
        }
}

BACKEND_TEST("rows are gathered and scattered back") {
    std::mt19937 random(8);
    for (const std::int64_t all : {1, 6, 7, 129, 1000})
        for (const std::int64_t width : {11, 64, 1000, 4096}) {
            if (all * width > 1'000'000) continue;
            TestDevice device(target);
            std::vector<std::int32_t> rows;
            for (std::int32_t i = 0; i < all; ++i)
                if (all == 1 || std::uniform_int_distribution<>(0, 2)(random) == 0) rows.push_back(i);
            const auto count = static_cast<std::int64_t>(rows.size());
            const Values x = device.random(random, all * width), add = device.random(random, count * width);
            const Tensor row = device.put(rows), from = device.put(x, {all, width}),
                         out = device.poisoned({count, width});
            device.backend.gather_rows(out, from, row);
            device.backend.scatter_add_rows(from, device.put(add, {count, width}), row);
            Values gathered, scattered = x;
            for (std::int64_t i = 0; i < count; ++i)
                for (std::int64_t j = 0; j < width; ++j) {
                    const std::size_t place = at(rows[at(i)] * width + j);
                    gathered.push_back(x[place]);
                    scattered[place] = device.rounded(scattered[place] + add[at(i * width + j)]);
                }
            CHECK(device.get(out) == gathered);
            CHECK(device.get(from) == scattered);
        }
}

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

#include "backend/cuda/head/sm90/product.h"
#include "backend/cuda/runtime/device.h"
#include "conformance/head_targets.h"
#include "cuda/guarded_device.h"

using namespace wishbone;
using namespace wishbone::conformance;
using cuda::sm90::product::Size;

// The LM head's product with softmax's statistics in its epilogue, called by itself: the backend takes it for large sizes alone.

namespace {

using bf16 = __nv_bfloat16;

std::int64_t padded(std::int64_t vocabulary) { return (vocabulary + 7) / 8 * 8; }

/// In no order. Some rows have none, the first has many, some of the same token; one token has many rows.
Targets random_targets(std::mt19937& random, std::int64_t rows, std::int64_t vocabulary) {
    Targets targets;
    for (int i = 0; i < 20; ++i) {
        const std::int32_t token = any_below(random, vocabulary);
        targets.add(0, token);
        if (i % 2 == 0) targets.add(0, token);
        targets.add(any_below(random, rows), static_cast<std::int32_t>(vocabulary) - 1 - i % 3);
    }
    const std::int32_t common = any_below(random, vocabulary);
    for (std::int32_t row = static_cast<std::int32_t>(rows) - 1; row >= 0; --row)
        if (row % 7 != 3) targets.add(row, row % 3 == 0 ? common : any_below(random, vocabulary));
    return targets;
}

struct Result {
    Values logps, lse;
    Tensor logits;  ///< [kept, ld]
};

Result run(GuardedDevice& device, const Tensor& hidden, const Tensor& head, const Targets& targets,
           std::int64_t kept) {
    const std::int64_t rows = hidden.shape[0], vocabulary = head.shape[0], ld = padded(vocabulary),
                       guard = 4096;
    const auto count = static_cast<std::int64_t>(targets.row.size());
    const Size size{rows, vocabulary, hidden.shape[1]};
    const Tensor row = device.put(targets.row), token = device.put(targets.token),
                 logps = device.poisoned_f32({count}), lse = device.poisoned_f32({rows});
    const auto bytes = static_cast<std::int64_t>(cuda::sm90::head_logps_workspace(size, count));
    const Tensor workspace = device.poisoned({bytes / 2 + guard});
    const Tensor logits = kept > 0 ? device.empty_matrix(kept, ld) : Tensor();
    cuda::sm90::head_logps(cuda::use_device(0), device.stream(),
                           {.row = row.as<std::int32_t>(),
                            .token = token.as<std::int32_t>(),
                            .count = count,
                            .logps = logps.as<float>(),
                            .lse = lse.as<float>()},
                           {.logits = logits.as<bf16>(), .rows = kept, .ld = ld}, hidden.as<bf16>(),
                           head.as<bf16>(), size, workspace.data);
    if (kept > 0) CHECK(device.is_whole_behind(logits));
    CHECK(std::ranges::all_of(device.get(workspace.slice(bytes / 2, bytes / 2 + guard)),
                              [](double x) { return std::isnan(x); }));
    return {count > 0 ? device.get(logps) : Values(), device.get(lse), logits};
}

/// Of the first `count` rows of logits [rows, ld], [count, vocabulary].
Values without_padding(const Values& logits, std::int64_t count, std::int64_t vocabulary) {
    const std::int64_t ld = padded(vocabulary);
    Values result;
    result.reserve(at(count * vocabulary));
    for (std::int64_t i = 0; i < count; ++i)
        result.insert(result.end(), logits.begin() + i * ld, logits.begin() + i * ld + vocabulary);
    return result;
}

double log_sum_exp(const double* logits, std::int64_t count) {
    const double most = *std::max_element(logits, logits + count);
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += std::exp(logits[i] - most);
    return most + std::log(sum);
}

/// Whether f32 arithmetic on numbers of this size may give `value`.
bool is_near(double value, double expected, double size) {
    return std::abs(value - expected) < 5e-6 + 2e-7 * std::abs(size);
}

}  // namespace

TEST_CASE("cuda: log-probabilities in the epilogue of the head's product" * doctest::skip(!have_hopper())) {
    std::mt19937 random(61);
    enum class Logits { ordinary, huge, all_far_below };
    // Edges of tiles of 128 rows, 256 columns and 64 of the sum; vocabularies that are no whole vectors; more tiles than a card has
    // multiprocessors.
    const std::vector<Size> sizes = {{1, 9, 64},       {1, 1001, 8},       {65, 257, 136},
                                     {130, 1001, 72},  {130, 128'257, 64}, {300, 512, 128},
                                     {700, 1001, 520}, {1100, 8200, 64},   {2100, 2110, 72}};
    for (const Logits of : {Logits::ordinary, Logits::huge, Logits::all_far_below})
        for (const Size& size : sizes) {
            const auto [rows, vocabulary, inner] = size;
            CAPTURE(static_cast<int>(of));
            CAPTURE(rows);
            CAPTURE(vocabulary);
            CAPTURE(inner);
            GuardedDevice device(cuda_target());
            const double spread = (of == Logits::huge ? 4000 : 1.5) / std::sqrt(static_cast<double>(inner));
            const Tensor hidden = device.random_matrix(random, rows, inner, 1),
                         head = device.random_matrix(random, vocabulary, inner, spread);
            if (of == Logits::all_far_below) {
                Values x = device.get(hidden), w = device.get(head);
                for (std::size_t i = 0; i < x.size(); i += at(inner)) x[i] = 64;
                for (std::size_t i = 0; i < w.size(); i += at(inner)) w[i] = -150;
                device.backend.copy(hidden, device.put(x, {rows, inner}));
                device.backend.copy(head, device.put(w, {vocabulary, inner}));
            }
            const Targets targets = random_targets(random, rows, vocabulary);
            const Result all = run(device, hidden, head, targets, rows);

            // The logits are those of the product.
            const Values stored = device.get(all.logits), logits = without_padding(stored, rows, vocabulary);
            const Tensor separate = device.poisoned({rows, vocabulary});
            device.backend.linear(separate, hidden, head);
            CHECK(distance(logits, device.get(separate)) < 1e-3);
            if (of == Logits::ordinary && rows * vocabulary * inner < 100'000'000)
                CHECK(device.off(logits, reference::linear(device.get(hidden), device.get(head), inner),
                                 rounded_once(1e-6, 1e-3)) < 1);

            // Everything else follows from the stored ones.
            std::size_t off = 0;
            Values lse;
            for (std::int64_t i = 0; i < rows; ++i) {
                lse.push_back(log_sum_exp(&logits[at(i * vocabulary)], vocabulary));
                off += is_near(all.lse[at(i)], lse.back(), lse.back()) ? 0 : 1;
            }
            CHECK(off == 0);
            for (std::size_t i = 0; i < targets.row.size(); ++i) {
                const double logit = logits[at(targets.row[i] * vocabulary + targets.token[i])],
                             normaliser = lse[at(targets.row[i])];
                off +=
                    is_near(all.logps[i], logit - normaliser, std::max(std::abs(logit), std::abs(normaliser)))
                        ? 0
                        : 1;
            }
            CHECK(off == 0);

            // The same bits again, and whatever is kept.
            for (const std::int64_t kept : {rows, rows / 2, std::int64_t{0}}) {
                CAPTURE(kept);
                const Result again = run(device, hidden, head, targets, kept);
                CHECK(again.logps == all.logps);
                CHECK(again.lse == all.lse);
                if (kept > 0)
                    CHECK(without_padding(device.get(again.logits), kept, vocabulary) ==
                          without_padding(stored, kept, vocabulary));
            }
            // And in another place; without targets.
            const std::int64_t begin = rows / 3;
            const Result part = run(device, hidden.slice(begin, rows), head, {}, 0);
            CHECK(part.lse == Values(all.lse.begin() + begin, all.lse.end()));
        }
}

TEST_CASE("cuda: a large head has its log-probabilities in its product, and otherwise about the same" *
          doctest::skip(!have_hopper())) {
    std::mt19937 random(62);
    const std::int64_t rows = 1100, vocabulary = 12'001, inner = 896;
    GuardedDevice device(cuda_target());
    const Tensor hidden = device.random_matrix(random, rows, inner, 1),
                 head = device.random_matrix(random, vocabulary, inner, 0.08);
    const Targets targets = random_targets(random, rows, vocabulary);
    const auto count = static_cast<std::int64_t>(targets.row.size());
    const HeadTargets put{device.put(targets.row), device.put(targets.token)};
    const Tensor weight = device.put_f32(reference::random_values(random, targets.row.size()), {count});
    struct Pass {
        Values logps, lse, d_hidden, d_head;
    };
    const auto pass = [&](const Tensor& input, std::int64_t kept, float softcap) {
        const Tensor logps = device.poisoned_f32({count}), lse = device.poisoned_f32({rows}),
                     d_hidden = device.poisoned({rows, inner}),
                     d_head = device.poisoned_f32({vocabulary, inner}),
                     kept_logits = kept > 0 ? device.poisoned({kept, vocabulary}) : Tensor();
        device.backend.head_logps(logps, lse, kept_logits, input, head, put, softcap);
        Pass result{device.get(logps), device.get(lse), {}, {}};
        device.backend.head_logps_backward(d_hidden, d_head, kept_logits, input, head, lse, put, weight,
                                           softcap, false);
        result.d_hidden = device.get(d_hidden);
        result.d_head = device.get(d_head);
        return result;
    };
    const auto agree = [](const Pass& a, const Pass& b) {
        CHECK(distance(a.logps, b.logps) < 1e-3);
        CHECK(distance(a.lse, b.lse) < 1e-4);
        CHECK(distance(a.d_hidden, b.d_hidden) < 6e-3);
        CHECK(distance(a.d_head, b.d_head) < 6e-3);
    };
    // At no address for vectors: cuBLASLt's product, and a pass over its logits.
    const Tensor unaligned(static_cast<std::byte*>(device.poisoned({rows * inner + 8}).data) + 2, DType::bf16,
                           {rows, inner});
    device.backend.copy(unaligned, hidden);

    const Result alone = run(device, hidden, head, targets, 0);
    const Pass apart = pass(unaligned, 0, 0);
    CHECK(apart.lse != alone.lse);
    for (const std::int64_t kept : {std::int64_t{0}, rows / 2, rows}) {
        CAPTURE(kept);
        const Pass joined = pass(hidden, kept, 0);
        CHECK(joined.logps == alone.logps);
        CHECK(joined.lse == alone.lse);
        agree(joined, apart);
    }
    agree(pass(hidden, rows, 3), pass(unaligned, 0, 3));
}

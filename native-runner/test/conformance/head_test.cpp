#include <cmath>
#include <random>

#include "conformance/head_targets.h"
#include "conformance/test_device.h"
#include "reference/backward_reference.h"

using namespace wishbone;
using namespace wishbone::conformance;

namespace {

/// Most rows have one target; the first has many, some of the same token.
Targets random_targets(std::mt19937& random, std::int64_t rows, std::int64_t vocabulary) {
    Targets targets;
    for (std::int32_t i = 0; i < rows; ++i)
        targets.add(i, i == 0 ? static_cast<std::int32_t>(vocabulary) - 1 : any_below(random, vocabulary));
    for (int i = 0; i < 20; ++i) {
        const std::int32_t row = i % 2 == 0 ? 0 : any_below(random, rows);
        targets.add(row, i % 4 == 0 ? targets.token[0] : any_below(random, vocabulary));
    }
    return targets;
}

}  // namespace

BACKEND_TEST("head: several targets a row, logits kept, kept in part and computed again, capped or not") {
    std::mt19937 random(9);
    for (const float softcap : {0.0f, 2.0f})
        for (const std::int64_t vocabulary : {33, 1000, 5003})
            for (const std::int64_t rows : {1, 9, 70, 130}) {
                if (target.name == "cpu" && rows * vocabulary > 200'000)
                    continue;  // the reference takes long
                CAPTURE(softcap);
                CAPTURE(vocabulary);
                CAPTURE(rows);
                const std::int64_t width = 64;
                const auto [row, token] = random_targets(random, rows, vocabulary);
                const auto count = static_cast<std::int64_t>(row.size());
                TestDevice numbers(target);
                const Values hidden = numbers.random(random, rows * width),
                             head = numbers.random(random, vocabulary * width, 0.2),
                             weight = reference::random_values(random, row.size()),
                             d_head_before = reference::random_values(random, at(vocabulary * width));
                // Everything follows from logits that were rounded once.
                const reference::HeadReference expected =
                    reference::head_reference(numbers.rounded(reference::linear(hidden, head, width)), hidden,
                                              head, width, row, token, weight, static_cast<double>(softcap));
                for (const std::int64_t kept : {std::int64_t{0}, rows / 2, rows}) {
                    CAPTURE(kept);
                    TestDevice device(target);
                    const HeadTargets targets{device.put(row), device.put(token)};
                    const Tensor h = device.put(hidden, {rows, width}),
                                 w = device.put(head, {vocabulary, width});
                    const Tensor logps = device.poisoned_f32({count}), lse = device.poisoned_f32({rows}),
                                 squares = device.poisoned_f32({rows}),
                                 d_hidden = device.poisoned({rows, width}),
                                 d_head = device.put_f32(d_head_before, {vocabulary, width});
                    const Tensor kept_logits = kept > 0 ? device.poisoned({kept, vocabulary}) : Tensor();
                    device.backend.head_logps(logps, lse, kept_logits, h, w, targets, softcap);
                    // A product that lies half way between two bf16 may be rounded the other way.
                    CHECK(device.off(logps, expected.logps, {1e-6, 4e-3, 1.0}) < 1);
                    CHECK(device.off(logps, expected.logps, {1e-6, softcap > 0 ? 1e-3 : 1e-4}) < 1);
                    CHECK(device.off(lse, expected.lse, {1e-6, softcap > 0 ? 1e-3 : 1e-4, 1.0}) < 1);
                    device.backend.head_log_sum_squares(squares, kept_logits, h, w, lse, softcap);
                    CHECK(device.off(squares, expected.log_sum_squares, {1e-6, 4e-3, 1.0}) < 1);
                    const double gradient_bound = softcap > 0 ? 6e-3 : 3e-3;
                    device.backend.head_logps_backward(d_hidden, d_head, kept_logits, h, w, lse, targets,
                                                       device.put_f32(weight, {count}), softcap, true);
                    CHECK(device.off(d_hidden, expected.d_hidden, {1e-5, gradient_bound}) < 1);
                    CHECK(device.off(minus(device.get(d_head), d_head_before), expected.d_head,
                                     {1e-5, gradient_bound}) < 1);
                    if (kept > 0) continue;
                    const Tensor d_hidden_alone = device.poisoned({rows, width});  // the head is frozen
                    device.backend.head_logps_backward(d_hidden_alone, {}, {}, h, w, lse, targets,
                                                       device.put_f32(weight, {count}), softcap, true);
                    CHECK(device.get(d_hidden_alone) == device.get(d_hidden));
                }
            }
}

BACKEND_TEST("head over more rows than one chunk of logits holds") {
    std::mt19937 random(10);
    const bool cpu = target.name == "cpu";
    // A chunk has 64 rows on the CPU, 256 on a GPU.
    const std::int64_t rows = cpu ? 150 : 300, width = cpu ? 4 : 16, vocabulary = cpu ? 70'000 : 1'000'003;
    TestDevice numbers(target);
    Values hidden = numbers.random(random, rows * width),
           head = numbers.random(random, vocabulary * width, cpu ? 1.0 : 0.5);
    Targets targets;
    for (std::int32_t i = 0; i < rows; ++i) {
        targets.add(static_cast<std::int32_t>(rows) - 1 - i,
                    static_cast<std::int32_t>((i * std::int64_t{7919 * 613}) % vocabulary));
    }
    const Values weight = reference::random_values(random, targets.row.size());
    struct Result {
        Values logps, lse, d_hidden, d_head;
    };
    const auto run = [&](const Target& on, std::int64_t kept, bool writes = false) {
        TestDevice device(on);
        const HeadTargets put{device.put(targets.row), device.put(targets.token)};
        const Tensor h = device.put(hidden, {rows, width}), w = device.put(head, {vocabulary, width}),
                     logps = device.poisoned_f32({rows}), lse = device.poisoned_f32({rows}),
                     d_hidden = device.poisoned({rows, width}),
                     d_head = writes ? device.poisoned_f32({vocabulary, width})
                                     : device.put_f32(Values(head.size(), 0.0), {vocabulary, width});
        const Tensor kept_logits = kept > 0 ? device.poisoned({kept, vocabulary}) : Tensor();
        device.backend.head_logps(logps, lse, kept_logits, h, w, put, 0);
        device.backend.head_logps_backward(d_hidden, d_head, kept_logits, h, w, lse, put,
                                           device.put_f32(weight, {rows}), 0, !writes);
        return Result{device.get(logps), device.get(lse), device.get(d_hidden), device.get(d_head)};
    };
    if (cpu) {
        const auto formula = [&] {
            return reference::head_logps(hidden, head, width, targets.row, targets.token);
        };
        const auto loss = [&] { return reference::dot(weight, formula()); };
        for (const std::int64_t kept : {0, 100}) {
            const Result result = run(target, kept);
            CHECK(run(target, kept, true).d_head == result.d_head);
            CHECK(numbers.off(result.logps, formula(), {1e-6, 0}) < 1);
            const Values along_hidden = reference::random_values(random, hidden.size()),
                         along_head = reference::random_values(random, head.size());
            const double hidden_slope = reference::slope(loss, hidden, along_hidden),
                         head_slope = reference::slope(loss, head, along_head);
            CHECK(reference::dot(result.d_hidden, along_hidden) ==
                  doctest::Approx(hidden_slope).epsilon(1e-4));
            CHECK(reference::dot(result.d_head, along_head) == doctest::Approx(head_slope).epsilon(1e-4));
        }
        return;
    }
    // In double it would take minutes: the CPU backend stands in.
    const Result expected = run(cpu_target(), 0);
    for (const std::int64_t kept : {0, 100, 150}) {
        CAPTURE(kept);
        const Result result = run(target, kept);
        CHECK(run(target, kept, true).d_head == result.d_head);
        CHECK(numbers.off(result.logps, expected.logps, {0, 1e-3}) < 1);
        CHECK(numbers.off(result.lse, expected.lse, {0, 1e-4}) < 1);
        CHECK(numbers.off(result.d_hidden, expected.d_hidden, {0, 6e-3}) < 1);
        CHECK(numbers.off(result.d_head, expected.d_head, {0, 6e-3}) < 1);
    }
}

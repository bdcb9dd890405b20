#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

#include "conformance/test_device.h"
#include "core/error.h"

using namespace wishbone;
using namespace wishbone::conformance;

BACKEND_TEST("sum of squares") {
    std::mt19937 random(11);
    for (const std::int64_t count : {1, 7, 1000, 100001, 3'000'000}) {
        CAPTURE(count);
        TestDevice device(target);
        const Values x = reference::random_values(random, at(count));
        const Tensor tensor = device.put_f32(x, {count});
        CHECK(device.backend.sum_of_squares(tensor) == doctest::Approx(reference::dot(x, x)).epsilon(1e-12));
        CHECK(device.backend.sum_of_squares(tensor) == device.backend.sum_of_squares(tensor));
        CHECK(device.backend.sum_of_squares(tensor.slice(0, 0)) == 0.0);
        if (count > 1) {
            const Values rest(x.begin() + 1, x.end());
            CHECK(device.backend.sum_of_squares(tensor.slice(1, count)) ==
                  doctest::Approx(reference::dot(rest, rest)).epsilon(1e-12));
        }
        device.backend.scale(tensor, 0.5f);
        CHECK(device.backend.sum_of_squares(tensor) ==
              doctest::Approx(reference::dot(x, x) / 4).epsilon(1e-12));
    }
}

BACKEND_TEST("AdamW follows its double implementation for several steps") {
    std::mt19937 random(12);
    const double rate = 1e-2, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, decay = 0.1, grad_scale = 0.25;
    for (const std::int64_t size : {1, 7, 70001})
        // Parameters that are the rounded copy of what is updated, and such that are updated themselves.
        for (const bool copied : {true, false}) {
            TestDevice device(target);
            if (copied && device.exact()) continue;
            CAPTURE(size);
            CAPTURE(copied);
            Values p = reference::random_values(random, at(size)), m(at(size)), v(at(size));
            const Tensor exact = device.put_f32(p, {size}),
                         rounded = copied ? device.poisoned({size}) : Tensor(),
                         tm = device.put_f32(m, {size}), tv = device.put_f32(v, {size});
            for (int step = 1; step <= 6; ++step) {
                const Values grad = reference::random_values(random, at(size));
                device.backend.adamw(
                    copied ? rounded : exact, copied ? exact : Tensor(), device.put_f32(grad, {size}), tm, tv,
                    static_cast<float>(grad_scale),
                    {static_cast<float>(rate), static_cast<float>(beta1), static_cast<float>(beta2),
                     static_cast<float>(epsilon), static_cast<float>(decay), step, 0});
                for (std::size_t i = 0; i < p.size(); ++i) {
                    const double g = grad[i] * grad_scale;
                    p[i] -= rate * decay * p[i];
                    m[i] = beta1 * m[i] + (1 - beta1) * g;
                    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
                    const double m_hat = m[i] / (1 - std::pow(beta1, step)),
                                 v_hat = v[i] / (1 - std::pow(beta2, step));
                    p[i] -= rate * m_hat / (std::sqrt(v_hat) + epsilon);
                }
                CHECK(device.off(exact, p, {1e-6, 1e-6}) < 1);
                CHECK(device.off(tm, m, {1e-6, 1e-6}) < 1);
                // 1 - 0.999f differs from 0.001 in the fifth digit.
                CHECK(device.off(tv, v, {2e-5, 2e-5}) < 1);
                if (copied) CHECK(device.get(rounded) == device.rounded(device.get(exact)));
            }
        }
}

BACKEND_TEST("an update beside comes behind what was asked for before, and before what awaits it") {
    const std::int64_t size = 3'000'003, parts = 3;
    std::mt19937 random(15);
    const Values p = reference::random_values(random, at(size)),
                 grads = reference::random_values(random, at(size));
    const auto run = [&](bool beside) {
        TestDevice device(target);
        Backend& backend = device.backend;
        const Tensor exact = device.put_f32(p, {size}), rounded = device.poisoned({size}),
                     m = device.put_f32(Values(at(size)), {size}),
                     v = device.put_f32(Values(at(size)), {size}), g = device.put_f32(grads, {size}),
                     copy = device.poisoned_f32({size});
        for (std::int64_t step = 1; step <= 4; ++step) {
            backend.scale(g, 0.75f);  // asked for before
            std::vector<std::unique_ptr<Milestone>> reached;
            for (std::int64_t part = 0; part < parts; ++part) {
                const auto of = [&](const Tensor& all) {
                    return all.slice(part * size / parts, (part + 1) * size / parts);
                };
                const AdamW options = {1e-2f, 0.9f, 0.999f, 1e-8f, 0.1f, step, part * size / parts};
                const Tensor to = of(device.exact() ? exact : rounded),
                             master = device.exact() ? Tensor() : of(exact);
                if (beside)
                    reached.push_back(backend.adamw_beside(to, master, of(g), of(m), of(v), 0.5f, options));
                else
                    backend.adamw(to, master, of(g), of(m), of(v), 0.5f, options);
            }
            for (const auto& milestone : reached)
                if (milestone != nullptr) milestone->await();
            backend.copy(copy, exact);
            backend.copy(exact, copy);
            backend.scale(g, 1.25f);  // what the update read
        }
        return std::tuple(device.get(exact), device.get(m), device.get(v),
                          device.exact() ? Values() : device.get(rounded));
    };
    CHECK(run(true) == run(false));
}

BACKEND_TEST("an update of a range has the same bits wherever the range begins and ends") {
    const std::int64_t size = 40009;
    std::mt19937 random(14);
    Values second = reference::random_values(random, at(size));
    for (double& value : second) value *= value;
    const Values p = reference::random_values(random, at(size)),
                 grads = reference::random_values(random, at(size)),
                 first = reference::random_values(random, at(size));
    const auto run = [&](std::int64_t part) {
        TestDevice device(target);
        const Tensor exact = device.put_f32(p, {size}), rounded = device.poisoned({size}),
                     m = device.put_f32(first, {size}), v = device.put_f32(second, {size}),
                     g = device.put_f32(grads, {size});
        for (std::int64_t from = 0; from < size; from += part) {
            const std::int64_t to = std::min(from + part, size);
            device.backend.adamw(device.exact() ? exact.slice(from, to) : rounded.slice(from, to),
                                 device.exact() ? Tensor() : exact.slice(from, to), g.slice(from, to),
                                 m.slice(from, to), v.slice(from, to), 0.7f,
                                 {1e-3f, 0.9f, 0.999f, 1e-8f, 0.1f, 3, from});
        }
        return std::vector<Values>{device.get(m), device.get(v), device.get(exact)};
    };
    const std::vector<Values> whole = run(size);
    for (const std::int64_t part : {1001, 97, 4099, 16384}) {
        CAPTURE(part);
        CHECK(run(part) == whole);
    }
}

BACKEND_TEST("bf16 moments are rounded without bias, and the same way again, or refused") {
    const std::int64_t size = 100003;
    const double grad = 0.7312345;
    const float beta1 = 0.9f, beta2 = 0.95f;
    std::mt19937 random(13);
    const Values p = reference::random_values(random, at(size)), grads(at(size), grad), zeros(at(size), 0.0);
    const auto run = [&](std::int64_t begin, std::int64_t step) {
        TestDevice device(target);
        const Tensor exact = device.put_f32(p, {size}), rounded = device.poisoned({size}),
                     m = device.put(zeros, {size}, DType::bf16), v = device.put(zeros, {size}, DType::bf16),
                     g = device.put_f32(grads, {size});
        // In two parts: what an element is rounded to does not depend on how the parameters are cut.
        for (const auto& [from, to] : {std::pair<std::int64_t, std::int64_t>{0, begin}, {begin, size}})
            device.backend.adamw(device.exact() ? exact.slice(from, to) : rounded.slice(from, to),
                                 device.exact() ? Tensor() : exact.slice(from, to), g.slice(from, to),
                                 m.slice(from, to), v.slice(from, to), 1.0f,
                                 {1e-3f, beta1, beta2, 1e-8f, 0.0f, step, 5'000'000'000 + from});
        return std::vector<Values>{device.get(m), device.get(v), device.get(exact)};
    };
    if (TestDevice(target).exact()) {
        CHECK_THROWS_AS(run(0, 3), Error);
        return;
    }
    const std::vector<Values> result = run(0, 3);
    CHECK(run(1003, 3) == result);
    CHECK(run(0, 3) == result);
    CHECK(run(0, 4)[0] != result[0]);
    const double one_minus1 = 1.0 - static_cast<double>(beta1), one_minus2 = 1.0 - static_cast<double>(beta2);
    const std::pair<const Values&, double> moments[] = {{result[0], one_minus1 * grad},
                                                        {result[1], one_minus2 * grad * grad}};
    for (const auto& [values, expected] : moments) {
        const auto [least, most] = std::ranges::minmax_element(values);
        CHECK(*least < expected);
        CHECK(*most > expected);
        CHECK(*most - *least == doctest::Approx(std::exp2(std::floor(std::log2(expected)) - 7)));
        const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(size);
        // Five standard errors of a mean of numbers that are one of two.
        CHECK(std::abs(mean - expected) < 5 * 0.5 * (*most - *least) / std::sqrt(static_cast<double>(size)));
    }
}

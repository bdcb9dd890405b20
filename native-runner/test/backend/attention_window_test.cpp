#include "backend/attention_window.h"

#include <doctest/doctest.h>

#include "reference/attention_cases.h"

using namespace wishbone;
using namespace wishbone::reference;

namespace {

std::size_t at(std::int32_t i) { return static_cast<std::size_t>(i); }

/// Holds both views of a window against its definition, asked of every pair of tokens.
void check_window(const Mask& until, std::int64_t window) {
    CAPTURE(until.size());
    CAPTURE(window);
    const Mask position = depths(until), first_seen = first_seen_tokens(until, position, window);
    const WindowedKeys keys = windowed_keys(until, first_seen);
    const auto tokens = static_cast<std::int32_t>(until.size());
    const auto sees = [&](std::int32_t q, std::int32_t k) {
        return k <= q && q < until[at(k)] && position[at(q)] - position[at(k)] < window;
    };
    bool first = true, last = true, all = true;
    for (std::int32_t k = 0; k < tokens; ++k) {
        std::int32_t seen_until = k, all_until = k;
        for (std::int32_t q = 0; q < tokens; ++q) {
            first &= sees(q, k) == (first_seen[at(q)] <= k && k <= q && q < until[at(k)]);
            if (sees(q, k)) seen_until = q + 1;
        }
        while (all_until < tokens && sees(all_until, k)) ++all_until;
        last &= keys.seen_until[at(k)] == seen_until;
        all &= keys.visible_by_all_until[at(k)] == all_until;
    }
    CHECK(first);
    CHECK(last);
    CHECK(all);
}

}  // namespace

TEST_CASE("attention windows: what queries see first, and how far keys are seen") {
    for (const std::int64_t window : {1, 2, 7, 30, 1000}) {
        check_window({}, window);
        check_window({1}, window);
        check_window(Mask(60, 60), window);
        check_window(pairs(2, 20, 10, 15), window);
        Mask branches;  // one at every token
        for (std::int32_t k = 0; k < 60; ++k) branches.push_back(std::max(k + 1, 60 - k / 2));
        check_window(branches, window);
        for (unsigned seed = 1; seed <= 10; ++seed)
            check_window(
                random_trees(seed, {.trees = 4, .deepest = 6, .most_children = 3, .longest_segment = 12}),
                window);
    }
}

#include "plan/computed_rows.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "support/plan_columns.h"
#include "support/temporary_folder.h"

using namespace wishbone;
using namespace wishbone::test;

namespace {

constexpr std::int32_t vocab = 61;

Plan random_plan(Packing packing) {
    const TemporaryFolder folder;
    make_plan(random_pairs(30, vocab, 5), 10, 1, 96, packing, vocab).write(folder / "plan");
    return Plan::read(folder / "plan");
}

bool sees(const BinView& bin, std::int32_t query, std::int32_t key) {
    return key <= query && query < bin.visible_until[static_cast<std::size_t>(key)];
}

/// Tokens and positions that a row sees, itself last.
std::vector<std::pair<std::int32_t, std::int32_t>> path_to(const BinView& bin, std::int32_t row) {
    std::vector<std::pair<std::int32_t, std::int32_t>> path;
    for (std::int32_t key = 0; key <= row; ++key)
        if (sees(bin, row, key))
            path.emplace_back(bin.tokens[static_cast<std::size_t>(key)],
                              bin.position[static_cast<std::size_t>(key)]);
    return path;
}

}  // namespace

TEST_CASE("computed rows are those that targets read and those that such rows see") {
    for (const Packing packing : {Packing::shared, Packing::naive, Packing::split}) {
        const Plan plan = random_plan(packing);
        for (std::int64_t b = 0; b < plan.bins(); ++b) {
            const BinView bin = plan.bin(b);
            std::set<std::int32_t> needed;
            for (const std::int32_t row : bin.target_row)
                for (std::int32_t key = 0; key <= row; ++key)
                    if (sees(bin, row, key)) needed.insert(key);
            const std::vector<std::int32_t> rows = computed_rows(bin);
            CHECK(rows == std::vector<std::int32_t>(needed.begin(), needed.end()));
            CHECK(rows.size() < bin.tokens.size());
        }
    }
}

TEST_CASE("a bin without the other rows has the same targets behind the same tokens") {
    for (const Packing packing : {Packing::shared, Packing::naive, Packing::split}) {
        const Plan plan = random_plan(packing);
        for (std::int64_t b = 0; b < plan.bins(); ++b) {
            const BinView bin = plan.bin(b);
            const ComputedBin computed(bin);
            const BinView& view = computed.view();
            REQUIRE(view.target_row.size() == bin.target_row.size());
            CHECK(std::ranges::equal(view.target_token, bin.target_token));
            CHECK(std::ranges::equal(view.target_sequence, bin.target_sequence));
            for (std::size_t r = 0; r < bin.target_row.size(); ++r)
                CHECK(path_to(view, view.target_row[r]) == path_to(bin, bin.target_row[r]));
        }
    }
}

TEST_CASE("a bin whose rows are all computed, or that has no target, stays as it is") {
    const std::vector<std::int32_t> tokens = {5, 6, 7}, position = {0, 1, 2}, until = {3, 3, 3}, row = {0, 2},
                                    token = {6, 8};
    BinView bin;
    bin.tokens = tokens;
    bin.position = position;
    bin.visible_until = until;
    CHECK(computed_rows(bin) == std::vector<std::int32_t>{0, 1, 2});
    bin.target_row = row;
    bin.target_token = token;
    CHECK(ComputedBin(bin).view().tokens.data() == tokens.data());
    bin.target_row = bin.target_row.first(1);
    CHECK(computed_rows(bin) == std::vector<std::int32_t>{0});
}

TEST_CASE("what only rows that are not computed would see is not computed") {
    // A prompt of two tokens, one response that goes on for two more, and one of a single token.
    const std::vector<std::int32_t> tokens = {1, 2, 3, 4, 5}, position = {0, 1, 2, 3, 2},
                                    until = {5, 5, 4, 4, 5}, row = {1, 1}, token = {3, 5};
    BinView bin;
    bin.tokens = tokens;
    bin.position = position;
    bin.visible_until = until;
    bin.target_row = row;
    bin.target_token = token;
    const ComputedBin computed(bin);
    CHECK(std::ranges::equal(computed.view().tokens, std::vector<std::int32_t>{1, 2}));
    CHECK(std::ranges::equal(computed.view().visible_until, std::vector<std::int32_t>{2, 2}));
    CHECK(std::ranges::equal(computed.view().target_row, row));
}

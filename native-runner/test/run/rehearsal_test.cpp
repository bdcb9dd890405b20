#include "run/rehearsal.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "backend/length_class.h"
#include "support/loaded_run.h"
#include "support/workshop.h"

using namespace wishbone;
using namespace wishbone::test;

TEST_CASE("classes of lengths: the same for lengths that are alike, and few") {
    CHECK(length_class(1) == 1);
    CHECK(length_class(3) == 3);
    CHECK(length_class(8192) == 8192);
    CHECK(length_class(8193) == 12288);
    CHECK(length_class(12288) == 12288);
    CHECK(length_class(12289) == 16384);
    std::set<std::int64_t> classes;
    for (std::int64_t length = 1; length <= 16384; ++length) {
        const std::int64_t alike = length_class(length);
        REQUIRE(alike >= length);
        REQUIRE(length_class(alike) == alike);
        REQUIRE(2 * length > alike);
        classes.insert(alike);
    }
    CHECK(classes.size() <= 28);
}

TEST_CASE(
    "rehearsal: bins that are met have every usual class of lengths and of rows read, and the longest bin's") {
    const Plan plan = read_plan(make_plan(random_pairs(1200, 61, 30), 7, 1, 600, Packing::shared, 61));
    const std::vector<std::int64_t> chosen = bins_of_usual_sizes(plan);
    using Classes = std::map<std::pair<bool, std::int64_t>, std::int64_t>;
    const auto add_classes_of = [&](std::int64_t b, Classes& to) {
        const BinView bin = plan.bin(b);
        const std::set<std::int32_t> rows(bin.target_row.begin(), bin.target_row.end());
        ++to[{false, length_class(static_cast<std::int64_t>(bin.tokens.size()))}];
        ++to[{true, length_class(static_cast<std::int64_t>(rows.size()))}];
    };
    Classes all, met;
    for (std::int64_t b = 0; b < plan.bins(); ++b) add_classes_of(b, all);
    for (const std::int64_t b : chosen) add_classes_of(b, met);
    REQUIRE(std::ranges::any_of(all, [](const auto& one) { return one.second < least_bins_to_try; }));
    REQUIRE(std::ranges::count_if(all, [](const auto& one) { return one.second >= least_bins_to_try; }) > 3);
    for (const auto& [size, count] : all)
        if (count >= least_bins_to_try) CHECK(met.contains(size));
    CHECK(chosen.size() <= all.size());
    for (std::int64_t b = 0; b < plan.bins(); ++b)
        CHECK(plan.bin(b).tokens.size() <= plan.bin(chosen.front()).tokens.size());
    // What is rare comes alone only where the longest bin has it, or with what is not.
    for (const std::int64_t b : chosen) {
        Classes own;
        add_classes_of(b, own);
        CHECK((b == chosen.front() || std::ranges::any_of(own, [&](const auto& one) {
                   return all.at(one.first) >= least_bins_to_try;
               })));
    }
}

TEST_CASE("rehearsal: all that training runs is run, of any model, and its memory is given back") {
    const Workshop shop;
    for (const bool adapter : {false, true}) {
        CAPTURE(adapter);
        nlohmann::ordered_json json = run_json(shop.model);
        if (adapter) json["training"]["lora_r"] = 4;
        if (adapter) json["training"]["use_peft"] = true;
        json["training"]["sample_steps"] = 5;
        const RunInputs inputs(shop.make_run(adapter ? "adapter" : "all", json));
        const auto backend = make_cpu_backend(1);
        for (const RecomputePlan recompute : {RecomputePlan(Recompute::none), RecomputePlan(0, 1)})
            CHECK(rehearse(inputs, *backend, recompute));
    }
}

#include "run/rehearsal.h"

#include <doctest/doctest.h>

#include <set>

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

TEST_CASE("rehearsal: bins that are met have every class of lengths and of rows read that the plan has") {
    const Plan plan = read_plan(make_plan(random_pairs(400, 61, 30), 7, 1, 600, Packing::shared, 61));
    const std::vector<std::int64_t> chosen = bins_of_every_size(plan);
    const auto classes_of = [&](const std::vector<std::int64_t>& bins) {
        std::set<std::pair<bool, std::int64_t>> classes;
        for (const std::int64_t b : bins) {
            const BinView bin = plan.bin(b);
            const std::set<std::int32_t> rows(bin.target_row.begin(), bin.target_row.end());
            classes.insert({false, length_class(static_cast<std::int64_t>(bin.tokens.size()))});
            classes.insert({true, length_class(static_cast<std::int64_t>(rows.size()))});
        }
        return classes;
    };
    std::vector<std::int64_t> all;
    for (std::int64_t b = 0; b < plan.bins(); ++b) all.push_back(b);
    REQUIRE(plan.bins() > 10);
    CHECK(classes_of(chosen) == classes_of(all));
    CHECK(chosen.size() < all.size());
    CHECK(chosen.size() <= classes_of(all).size());
    for (const std::int64_t b : all)
        CHECK(plan.bin(b).tokens.size() <= plan.bin(chosen.front()).tokens.size());
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
        CHECK(rehearse(inputs, *backend));
    }
}

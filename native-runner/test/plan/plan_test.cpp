#include "plan/plan.h"

#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "core/error.h"
#include "support/files.h"
#include "support/plan_columns.h"
#include "support/temporary_folder.h"

using namespace wishbone;
using namespace wishbone::test;

namespace {

constexpr std::int32_t vocab = 61;

PlanColumns good(Packing packing = Packing::shared) {
    return make_plan(random_pairs(10, vocab, 5), 4, 2, 64, packing, vocab);
}

}  // namespace

TEST_CASE("a plan reads back as it was written") {
    const TemporaryFolder folder;
    for (const Packing packing : {Packing::shared, Packing::naive, Packing::split}) {
        const PlanColumns columns = good(packing);
        columns.write(folder / "plan");
        const Plan plan = Plan::read(folder / "plan");
        CHECK(plan.steps() == 6);
        CHECK(plan.pairs() == 20);
        CHECK(plan.sequences() == 40);
        CHECK(plan.epochs() == 2);
        CHECK(plan.vocab_size() == vocab);
        CHECK(plan.tokens() == static_cast<std::int64_t>(columns.tokens.size()));
        std::int64_t tokens = 0, targets = 0;
        for (std::int64_t s = 0; s < plan.steps(); ++s) {
            const auto bins = plan.bins_of_step(s);
            for (std::int64_t b = bins.begin; b < bins.end; ++b) {
                const BinView bin = plan.bin(b);
                CHECK(bin.position[0] == 0);
                CHECK(bin.visible_until.size() == bin.tokens.size());
                for (const std::int32_t sequence : bin.target_sequence)
                    CHECK(plan.bin_of_sequence(sequence) == b);
                tokens += static_cast<std::int64_t>(bin.tokens.size());
                targets += static_cast<std::int64_t>(bin.target_row.size());
            }
        }
        CHECK(tokens == plan.tokens());
        CHECK(targets == static_cast<std::int64_t>(columns.target_row.size()));
        std::int32_t longest = 0;
        for (const std::int32_t position : columns.position) longest = std::max(longest, position + 1);
        CHECK(plan.longest_position() == longest);
    }
}

TEST_CASE("every broken invariant is refused, naming the tensor") {
    struct Case {
        const char* tensor;
        std::function<void(PlanColumns&)> spoil;
    };
    const auto huge = std::numeric_limits<std::int32_t>::max();
    const auto lowest = std::numeric_limits<std::int32_t>::min();
    const std::vector<Case> cases = {
        {"step_bin_start", [](auto& p) { p.step_bin_start.clear(); }},
        {"step_bin_start", [](auto& p) { p.step_bin_start.resize(1); }},
        {"step_bin_start", [](auto& p) { p.step_bin_start[0] = 1; }},
        {"step_bin_start", [](auto& p) { p.step_bin_start[1] = p.step_bin_start[2] + 1; }},
        {"step_bin_start", [](auto& p) { ++p.step_bin_start.back(); }},
        {"step_bin_start", [=](auto& p) { p.step_bin_start[1] = lowest; }},
        {"step_pair_start", [](auto& p) { p.step_pair_start.pop_back(); }},
        {"step_pair_start", [](auto& p) { --p.step_pair_start.back(); }},
        {"step_pair_start", [](auto& p) { p.step_pair_start[2] = p.step_pair_start[1]; }},
        {"bin_start", [](auto& p) { p.bin_start.pop_back(); }},
        {"bin_start", [](auto& p) { p.bin_start[1] = p.bin_start[2]; }},
        {"bin_start", [](auto& p) { p.bin_start[0] = -1; }},
        {"bin_start", [=](auto& p) { p.bin_start.back() = huge; }},
        {"bin_flops", [](auto& p) { p.bin_flops[0] = -1; }},
        {"bin_flops", [](auto& p) { p.bin_flops[0] = std::numeric_limits<double>::quiet_NaN(); }},
        {"position", [](auto& p) { p.position.pop_back(); }},
        {"position", [](auto& p) { p.position[0] = 1; }},
        {"position", [](auto& p) { p.position[1] = -1; }},
        {"visible_until", [](auto& p) { p.visible_until.push_back(1); }},
        {"visible_until", [](auto& p) { p.visible_until[1] = 1; }},
        {"visible_until", [=](auto& p) { p.visible_until[0] = huge; }},
        {"visible_until", [](auto& p) { p.visible_until[0] = 2, p.visible_until[1] = 3; }},
        {"tokens", [](auto& p) { p.tokens[0] = vocab; }},
        {"tokens", [](auto& p) { p.tokens[0] = -1; }},
        {"target_start", [](auto& p) { p.target_start.pop_back(); }},
        {"target_start", [](auto& p) { p.target_start.back() += 5; }},
        {"target_row", [=](auto& p) { p.target_row[0] = huge; }},
        {"target_row", [](auto& p) { p.target_row[0] = -1; }},
        {"target_token", [](auto& p) { p.target_token[0] = vocab; }},
        {"target_token", [](auto& p) { p.target_token.pop_back(); }},
        {"target_sequence", [](auto& p) { p.target_sequence.pop_back(); }},
        {"target_sequence", [](auto& p) { p.target_sequence[0] = 40; }},
        {"target_sequence", [](auto& p) { p.target_sequence[0] = -1; }},
        {"target_sequence", [](auto& p) { p.target_sequence.back() = 0; }},       // lies in two bins
        {"target_sequence", [](auto& p) { p.sequence_reference.push_back(0); }},  // without a target
        {"target_sequence",
         [](auto& p) { std::swap(p.target_sequence.front(), p.target_sequence[p.target_start[1] - 1]); }},
        {"sequence_reference", [](auto& p) { p.sequence_reference[0] = 40; }},
        {"sequence_reference", [](auto& p) { p.sequence_reference[0] = -1; }},
        {"pair_chosen", [](auto& p) { p.pair_chosen[0] = 40; }},
        {"pair_chosen", [](auto& p) { p.pair_chosen[0] = p.pair_chosen.back(); }},  // in another step
        {"pair_rejected", [](auto& p) { p.pair_rejected[0] = -1; }},
        {"pair_rejected", [](auto& p) { p.pair_rejected.pop_back(); }},
        {"pair_row", [](auto& p) { p.pair_row.pop_back(); }},
        {"pair_row", [](auto& p) { p.pair_row[0] = -1; }},
        {"segment_start", [](auto& p) { p.segment_start.back() += 1; }},
        {"segment_begin", [](auto& p) { p.segment_begin[0] = -1; }},
        {"segment_begin", [=](auto& p) { p.segment_end[0] = huge; }},
        {"segment_parent", [](auto& p) { p.segment_parent[0] = 0; }},
        {"segment_parent", [](auto& p) { p.segment_parent[0] = -2; }},
        {"segment_role", [](auto& p) { p.segment_role[0] = 4; }},
        {"segment_pair", [](auto& p) { p.segment_pair[0] = 20; }},
        {"segment_pair", [](auto& p) { p.segment_pair[0] = -2; }},
        {"metadata", [](auto& p) { p.metadata["format"] = "other"; }},
        {"metadata", [](auto& p) { p.metadata["version"] = 2; }},
        {"metadata", [](auto& p) { p.metadata["vocab_size"] = 0; }},
        {"metadata", [](auto& p) { p.metadata["epochs"] = "many"; }},
        {"metadata", [](auto& p) { p.metadata.erase("vocab_size"); }},
    };
    const TemporaryFolder folder;
    const auto file = folder / "plan";
    for (std::size_t i = 0; i < cases.size(); ++i) {
        CAPTURE(i);
        CAPTURE(cases[i].tensor);
        PlanColumns columns = good();
        cases[i].spoil(columns);
        columns.write(file);
        try {
            Plan::read(file);
            FAIL("accepted");
        } catch (const Error& error) {
            CHECK(error.code() == ExitCode::bad_input);
            CAPTURE(error.what());
            CHECK(error.where().starts_with(file.string() + ": " + cases[i].tensor));
        }
    }
}

TEST_CASE("a segment may belong to several pairs") {
    const TemporaryFolder folder;
    PlanColumns columns = good();
    columns.segment_pair[0] = -1;
    columns.write(folder / "plan");
    CHECK(Plan::read(folder / "plan").pairs() == 20);
}

TEST_CASE("a plan needs its tensors and its metadata") {
    const TemporaryFolder folder;
    const auto file = folder / "plan";
    good().write(file);
    const std::string bytes = read_file(file);
    const auto spoil = [&](const std::string& from, const std::string& to) {
        std::string changed = bytes;
        changed.replace(changed.find(from), from.size(), to);
        write_file(file, changed);
        CHECK_THROWS_AS(Plan::read(file), Error);
    };
    spoil("\"pair_row\"", "\"pair_cow\"");
    spoil("\"wishbone\"", "\"fishbone\"");
    spoil("\"F64\"", "\"I64\"");
}

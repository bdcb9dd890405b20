#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "core/error.h"
#include "io/json.h"
#include "run/config/run_config.h"
#include "support/files.h"
#include "support/temporary_folder.h"
#include "train/loss/losses.h"

// test/options.json is written by `npm run schema` from src/core/options: all options of a run with their rules, and all losses with
// their traits. What is read here is what is written there.

using namespace wishbone;
using namespace wishbone::test;

namespace {

using Json = nlohmann::ordered_json;

const Json& table() {
    static const Json json = parse_json(read_file(std::string(WISHBONE_TEST_FOLDER) + "/options.json"), "options.json");
    return json;
}

std::string section_of(const std::string& option) { return option.substr(0, option.find('.')); }
std::string name_of(const std::string& option) { return option.substr(option.find('.') + 1); }

/// A run.json with all options as they are by default.
Json default_run() {
    const Json dataset = {{"path", "/pairs.jsonl"}, {"sha256", std::string(64, 'a')}, {"format", "trl-explicit"}, {"pairs", 1}};
    Json run = {{"format", "wishbone-run"}, {"version", 1},       {"id", "a"},
                {"name", "a"},              {"created", "today"}, {"dataset", dataset},
                {"model", {{"path", "/model"}}}};
    for (const auto& [option, rule] : table()["options"].items()) run[section_of(option)][name_of(option)] = rule["default"];
    return run;
}

/// What reading the run says of this option itself; none where it is read, or only does not go together with others.
std::optional<std::string> refusal(const Json& run, const std::string& option) {
    static const TemporaryFolder folder;
    write_file(folder / "run.json", run.dump());
    try {
        RunConfig::read(std::filesystem::path(folder / "run.json").parent_path());
        return {};
    } catch (const Error& error) {
        const std::string what = error.what();
        const bool of_value = what.starts_with("Expected") || what.ends_with("is not supported") ||
                              what.ends_with("is not a loss") || what.ends_with("is missing");
        return of_value && error.where().ends_with(": " + option) ? std::optional(what) : std::nullopt;
    }
}

std::optional<std::string> refusal(const std::string& option, const Json& value) {
    Json run = default_run();
    run[section_of(option)][name_of(option)] = value;
    return refusal(run, option);
}

void check_number(const std::string& option, const Json& rule) {
    const double min = rule["min"], max = rule["max"];
    const std::string open = rule.value("open", "");
    constexpr double all = std::numeric_limits<double>::infinity();
    const bool above = open == "min" || open == "both", below = open == "max" || open == "both";
    CHECK(refusal(option, min).has_value() == above);
    CHECK(refusal(option, max).has_value() == below);
    CHECK_FALSE(refusal(option, std::nextafter(min, all)));
    CHECK_FALSE(refusal(option, std::nextafter(max, -all)));
    CHECK(refusal(option, std::nextafter(min, -all)));
    CHECK(refusal(option, std::nextafter(max, all)));
    CHECK(refusal(option, "1"));
}

void check_integer(const std::string& option, const Json& rule) {
    const std::int64_t min = rule["min"], max = rule["max"];
    CHECK_FALSE(refusal(option, min));
    CHECK_FALSE(refusal(option, max));
    CHECK(refusal(option, min - 1));
    CHECK(refusal(option, max + 1));
    CHECK(refusal(option, 1.5));
}

}  // namespace

TEST_CASE("options: the default run is read") {
    const TemporaryFolder folder;
    write_file(folder / "run.json", default_run().dump());
    CHECK_NOTHROW(RunConfig::read(std::filesystem::path(folder / "run.json").parent_path()));
}

TEST_CASE("options: bounds are those of the rules they are written by") {
    int checked = 0;
    for (const auto& [option, rule] : table()["options"].items()) {
        CAPTURE(option);
        const std::string kind = rule["kind"];
        // Of the plan, words are the planner's alone.
        const bool is_own = section_of(option) != "plan";
        if (kind == "number") check_number(option, rule);
        if (kind == "integer") check_integer(option, rule);
        if (kind == "flag") CHECK(refusal(option, 1));
        // Judged where there are evaluations, which have these names.
        if (kind == "choice" && is_own && option != "training.metric_for_best_model") {
            for (const Json& choice : rule["choices"]) CHECK_FALSE(refusal(option, choice));
            CHECK(refusal(option, "no such word"));
        }
        ++checked;
    }
    CHECK(checked > 60);
}

TEST_CASE("options: those that came later may be missing, all others may not") {
    for (const auto& [option, rule] : table()["options"].items()) {
        CAPTURE(option);
        Json run = default_run();
        run[section_of(option)].erase(name_of(option));
        CHECK(refusal(run, option).has_value() == !rule.contains("absent"));
    }
}

TEST_CASE("losses: the same rows in the same order, with the same traits") {
    const Json& rows = table()["losses"];
    REQUIRE(rows.size() == all_losses().size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const Loss& loss = all_losses()[i];
        CHECK(rows[i]["name"] == loss.name);
        CAPTURE(loss.name);
        CHECK(rows[i]["reference"] == loss.has(LossTrait::reference));
        CHECK(rows[i]["labelSmoothing"] == loss.has(LossTrait::label_smoothing));
        CHECK(rows[i]["divergence"] == loss.has(LossTrait::divergence));
        CHECK(rows[i]["weighting"] == loss.has(LossTrait::weighting));
    }
}

// Holds what the runner reads of run.json against test/options.json, which `npm run schema` writes from the rules by which the
// extension and the command line take options (src/core/options): a value that those let through must not be refused here when
// the run starts, nor one that they refuse be taken.

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "core/error.h"
#include "run/config/run_config.h"
#include "support/files.h"
#include "support/run_folder.h"
#include "support/temporary_folder.h"
#include "train/loss/losses.h"

using namespace wishbone;
using namespace wishbone::test;

namespace {

using Json = nlohmann::ordered_json;

Json table() { return Json::parse(read_file(std::string(WISHBONE_TEST_FOLDER) + "/options.json")); }

/// Texts that only the extension chooses from; the runner keeps them with the run, or judges them when it comes to that.
bool is_text_here(const std::string& option) {
    static const std::set<std::string> texts = {"plan.sharing",
                                                "plan.format",
                                                "plan.pairing",
                                                "plan.order",
                                                "plan.chat_template",
                                                "plan.on_bad_row",
                                                "training.metric_for_best_model"};
    return texts.contains(option);
}

/// A run.json of which one option is something else.
class OneOption {
  public:
    explicit OneOption(const std::string& option)
        : run_(run_json("/model")),
          section_(option.substr(0, option.find('.'))),
          name_(option.substr(option.find('.') + 1)) {}

    /// What is wrong with the value by itself; empty when the runner takes it. That it does not go with other options is
    /// another matter.
    std::string problem(const Json& value) {
        run_[section_][name_] = value;
        return problem();
    }
    std::string problem_when_absent() {
        run_[section_].erase(name_);
        return problem();
    }
    RunConfig read() const {
        write_file(folder_ / "run.json", run_.dump());
        return RunConfig::read(folder_.path());
    }
    RunConfig with(const Json& value) {
        run_[section_][name_] = value;
        return read();
    }

  private:
    std::string problem() const {
        try {
            read();
        } catch (const Error& error) {
            const std::string what = error.what();
            for (const char* of_value :
                 {"Expected", "is not supported", "is not a loss", "is missing", "is not known",
                  "out of range", "is not between", "The list is empty"})
                if (what.find(of_value) != std::string::npos) return what + " (" + error.where() + ")";
        }
        return "";
    }

    TemporaryFolder folder_;
    Json run_;
    std::string section_, name_;
};

void check_number(OneOption& option, const Json& rule) {
    const double least = rule["min"], most = rule["max"];
    const std::string open = rule.value("open", "");
    const bool whole = rule["kind"] == "integer";
    const auto value = [&](double number) {
        return whole ? Json(static_cast<std::int64_t>(number)) : Json(number);
    };
    const auto below = [&](double number) {
        return value(whole ? number - 1 : std::nextafter(number, -std::numeric_limits<double>::infinity()));
    };
    const auto above = [&](double number) {
        return value(whole ? number + 1 : std::nextafter(number, std::numeric_limits<double>::infinity()));
    };
    CHECK(option.problem(open == "min" ? above(least) : value(least)) == "");
    CHECK(option.problem(open == "max" ? below(most) : value(most)) == "");
    CHECK(option.problem(open == "min" ? value(least) : below(least)) != "");
    CHECK(option.problem(open == "max" ? value(most) : above(most)) != "");
    if (whole) CHECK(option.problem(least + 0.5) != "");
    CHECK(option.problem("1") != "");
}

}  // namespace

TEST_CASE("options: the runner takes what the extension takes, and nothing else") {
    const Json options = table()["options"];
    REQUIRE(options.size() > 60);
    for (const auto& [path, rule] : options.items()) {
        CAPTURE(path);
        OneOption option(path);
        CHECK(option.problem(rule["default"]) == "");
        const std::string kind = rule["kind"];
        if (kind == "number" || kind == "integer") {
            check_number(option, rule);
        } else if (kind == "flag") {
            CHECK(option.problem(true) == "");
            CHECK(option.problem("yes") != "");
        } else if (kind == "choice") {
            for (const Json& choice : rule["choices"]) CHECK(option.problem(choice) == "");
            if (!is_text_here(path)) CHECK(option.problem("no such choice") != "");
            CHECK(option.problem(7) != "");
        } else if (kind == "list" && rule["item"]["kind"] == "number") {
            // As many as there are losses: one.
            const Json item = rule["item"];
            CHECK(option.problem(Json::array({item["min"]})) == "");
            CHECK(option.problem(Json::array({item["max"]})) == "");
            CHECK(option.problem(Json::array({item["max"].get<double>() + 1})) != "");
            CHECK(option.problem(Json::array({item["min"].get<double>() - 1})) != "");
        } else if (kind == "list" && rule["item"]["kind"] == "choice") {
            for (const Json& choice : rule["item"]["choices"])
                CHECK(option.problem(Json::array({choice})) == "");
            CHECK(option.problem(Json::array({"no such choice"})) != "");
            CHECK(option.problem(7) != "");
        } else if (kind == "map") {
            const Json item = rule["item"];
            CHECK(option.problem({{"q_proj", item["max"]}}) == "");
            CHECK(option.problem({{"q_proj", item["max"].get<double>() + 1}}) != "");
            CHECK(option.problem({{"q_proj", 0}}) != "");
        } else {
            CHECK(option.problem(7) != "");
        }
    }
}

TEST_CASE("options: what is absent means the same on both sides") {
    const Json options = table()["options"];
    REQUIRE(options.size() > 60);
    for (const auto& [path, rule] : options.items()) {
        CAPTURE(path);
        OneOption option(path);
        if (!rule.contains("absent")) {
            CHECK(option.problem_when_absent() != "");
            continue;
        }
        REQUIRE(option.problem_when_absent() == "");
        const RunConfig absent = option.read(), present = option.with(rule["absent"]);
        CHECK(absent.training == present.training);
        CHECK(absent.seed == present.seed);
        CHECK(absent.recompute == present.recompute);
        CHECK(absent.backend.cuda.device == present.backend.cuda.device);
        CHECK(absent.backend.cuda.deterministic == present.backend.cuda.deterministic);
        CHECK(absent.backend.cuda.cublaslt == present.backend.cuda.cublaslt);
    }
}

TEST_CASE("options: settings of a group of parameters have the bounds of those of all") {
    const Json fields = table()["options"]["training.parameter_groups"]["item"]["fields"];
    REQUIRE(fields.size() == 3);
    for (const auto& [name, rule] : fields.items()) {
        if (rule["kind"] != "number") continue;
        CAPTURE(name);
        OneOption option("training.parameter_groups");
        const auto problem = [&](double value) {
            return option.problem(Json::array({{{"pattern", "*"}, {name, value}}}));
        };
        CHECK(problem(rule["min"]) == "");
        CHECK(problem(rule["max"]) == "");
        CHECK(problem(rule["min"].get<double>() - 1e-9) != "");
        CHECK(problem(rule["max"].get<double>() + 1e-9) != "");
    }
}

TEST_CASE("losses: the runner's rows are the extension's") {
    Json rows = Json::array();
    for (const Loss& loss : all_losses())
        rows.push_back({{"name", loss.name},
                        {"reference", loss.has(LossTrait::reference)},
                        {"labelSmoothing", loss.has(LossTrait::label_smoothing)},
                        {"divergence", loss.has(LossTrait::divergence)},
                        {"weighting", loss.has(LossTrait::weighting)}});
    CHECK(rows == table()["losses"]);
}

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "support/files.h"
#include "support/plan_columns.h"
#include "support/random_model.h"
#include "support/runner_process.h"
#include "support/temporary_folder.h"

using namespace wishbone;
using namespace wishbone::test;
using Json = nlohmann::json;

namespace {

std::vector<float> tensor(const std::filesystem::path& file, const std::string& name) {
    const SafetensorsFile tensors(file);
    std::vector<float> values(static_cast<std::size_t>(tensors.at(name).size()));
    to_float(tensors.at(name), values);
    return values;
}

struct Bench {
    Bench() {
        write_random_model(model, tiny_config(false), 2);
        const auto pairs = random_pairs(10, 61, 4);
        make_plan(pairs, 4, 1, 80, Packing::shared, 61).write(shared);
        make_plan(pairs, 4, 1, 80, Packing::naive, 61).write(naive);
    }
    RunnerResult run(std::vector<std::string> arguments) const {
        return run_runner(arguments, folder.path());
    }

    TemporaryFolder folder;
    std::filesystem::path model = folder / "model", shared = folder / "shared", naive = folder / "naive";
};

}  // namespace

TEST_CASE("info: version, backends, devices") {
    const TemporaryFolder folder;
    const RunnerResult result = run_runner({"info", "--json"}, folder.path());
    CHECK(result.exit_code == 0);
    const Json info = Json::parse(result.out);
    CHECK(info["version"] == WISHBONE_VERSION);
    REQUIRE(info["backends"].size() == 2);
    const Json& cpu = info["backends"][0];
    CHECK(cpu["name"] == "cpu");
    CHECK(cpu["available"] == true);
    CHECK(cpu["devices"][0]["threads"].get<int>() > 0);
    CHECK_FALSE(cpu["devices"][0]["name"].get<std::string>().empty());
    CHECK_FALSE(cpu.contains("problem"));
    const std::string people = run_runner({"info"}, folder.path()).out;
    CHECK(people.find("\ncpu: " + cpu["devices"][0]["name"].get<std::string>()) != std::string::npos);

    const Json& cuda = info["backends"][1];
    CHECK(cuda["name"] == "cuda");
    CHECK(cuda["available"] == false);
    CHECK(cuda["devices"] == Json::array());
    const std::string problem = cuda["problem"];
    CHECK(people.find("\ncuda: not available: " + problem) != std::string::npos);
    CHECK(problem.find("built without CUDA") != std::string::npos);
    // Whoever has the package has no sources: nothing tells them to build.
    CHECK(problem.find("npm") == std::string::npos);
    CHECK(run_runner({"info"}, folder.path()).out.find(WISHBONE_VERSION) != std::string::npos);
    CHECK(run_runner({"--version"}, folder.path()).out == std::string(WISHBONE_VERSION) + "\n");
}

TEST_CASE("a wrong command line is exit code 2, help is 0") {
    const TemporaryFolder folder;
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{},
                                               {"fly"},
                                               {"train"},
                                               {"train", "a", "b"},
                                               {"logps", "m", "p"},
                                               {"logits", "m", "--tokens", "x", "--out", "o"},
                                               {"speedup", "m", "a", "b", "--rounds", "0"},
                                               {"info", "--yaml"}}) {
        const RunnerResult result = run_runner(words, folder.path());
        CAPTURE(result.err);
        CHECK(result.exit_code == 2);
        CHECK(result.err.starts_with("error: "));
    }
    CHECK(run_runner({"--help"}, folder.path()).exit_code == 0);
    CHECK(run_runner({"train", "--help"}, folder.path()).exit_code == 0);
}

TEST_CASE("logits and logps agree with each other") {
    const Bench bench;
    const std::vector<std::int32_t> tokens = {3, 14, 15, 9, 26, 5};
    REQUIRE(bench.run({"logits", bench.model, "--tokens", "3,14,15,9,26,5", "--out", bench.folder / "logits"})
                .exit_code == 0);
    const std::vector<float> logits = tensor(bench.folder / "logits", "logits");
    REQUIRE(logits.size() == 6 * 61);

    // Prompt 3 14, chosen 15 9 26, rejected 15 9 26 5: logps by the definition, from the logits.
    make_plan({{{3, 14}, {15, 9, 26}, {15, 9, 26, 5}}}, 1, 1, 80, Packing::shared, 61)
        .write(bench.folder / "plan");
    REQUIRE(
        bench.run({"logps", bench.model, bench.folder / "plan", "--out", bench.folder / "logps"}).exit_code ==
        0);
    const std::vector<float> logps = tensor(bench.folder / "logps", "logps");
    REQUIRE(logps.size() == 2);
    double sum = 0;
    for (std::size_t row = 1; row <= 4; ++row) {
        const float* line = logits.data() + 61 * row;
        double total = 0;
        for (int v = 0; v < 61; ++v) total += std::exp(static_cast<double>(line[v]));
        sum += line[tokens[row + 1]] - std::log(total);
        if (row == 3) CHECK(logps[0] == doctest::Approx(sum).epsilon(1e-5));
    }
    CHECK(logps[1] == doctest::Approx(sum).epsilon(1e-5));
}

TEST_CASE("logps: shared and naive plan agree, gradients too") {
    const Bench bench;
    for (const auto& [plan, out] : {std::pair{bench.shared, "a"}, std::pair{bench.naive, "b"}})
        REQUIRE(bench
                    .run({"logps", bench.model, plan, "--out", bench.folder / out, "--gradients", "--beta",
                          "0.3"})
                    .exit_code == 0);
    const SafetensorsFile a(bench.folder / "a"), b(bench.folder / "b");
    CHECK(a.tensors().size() == 1 + 2 + 2 * 9 + 1);
    CHECK(a.at("logps").shape == std::vector<std::int64_t>{20});
    CHECK(a.at("grad.lm_head.weight").shape == std::vector<std::int64_t>{61, 32});
    for (const auto& [name, entry] : a.tensors()) {
        CAPTURE(name);
        const auto x = tensor(bench.folder / "a", name), y = tensor(bench.folder / "b", name);
        REQUIRE(x.size() == y.size());
        double scale = 0, difference = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            scale = std::max(scale, std::abs(static_cast<double>(x[i])));
            difference = std::max(difference, std::abs(static_cast<double>(x[i]) - y[i]));
        }
        CHECK(scale > 0);
        CHECK(difference < 1e-5 * scale);
    }
}

TEST_CASE("speedup: progress and result lines") {
    const Bench bench;
    const RunnerResult result =
        bench.run({"speedup", bench.model, bench.shared, bench.naive, "--rounds", "2", "--threads", "1"});
    CAPTURE(result.err);
    REQUIRE(result.exit_code == 0);
    std::istringstream lines(result.out);
    std::vector<Json> all;
    for (std::string line; std::getline(lines, line);) all.push_back(Json::parse(line));
    REQUIRE(all.size() == 2 * 3 + 1);
    CHECK(all[4] == Json({{"type", "progress"}, {"round", 2}, {"rounds", 2}, {"step", 2}, {"steps", 3}}));
    const Json& last = all.back();
    CHECK(last["type"] == "result");
    REQUIRE(last["rounds"].size() == 2);
    CHECK(last["rounds"][0]["sharedSeconds"].get<double>() > 0);
    CHECK(last["rounds"][0]["naiveSeconds"].get<double>() > 0);
    CHECK(last["sharedTokens"] < last["naiveTokens"]);
    // The test plans call a forward pass 1e6 FLOPs a token.
    CHECK(last["sharedFlops"] == 4e6 * last["sharedTokens"].get<double>());
    CHECK(last["pairs"] == 10);
    CHECK(last["steps"] == 3);
    CHECK(last["ceilingFlops"].get<double>() > 1e8);
    CHECK(last["threads"] == 1);
    CHECK(last["device"].is_string());
    for (const char* plan : {"shared", "naive"}) {
        const Json& phases = last["phases"][plan];
        CHECK(phases["reference"].get<double>() > 0);
        CHECK(phases["forward"].get<double>() > 0);
        CHECK(phases["backward"].get<double>() >= 0);
    }
}

TEST_CASE("bad input is exit code 3, and nothing is written") {
    const Bench bench;
    make_plan(random_pairs(10, 61, 4), 5, 1, 80, Packing::naive, 61).write(bench.folder / "other");
    const std::string out = bench.folder / "out";
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"logits", bench.model, "--tokens", "61", "--out", out},
             {"logits", bench.model, "--tokens", "-1", "--out", out},
             {"logits", bench.folder / "absent", "--tokens", "1", "--out", out},
             {"logps", bench.model, bench.folder / "absent", "--out", out},
             {"logps", bench.model, bench.model / "model.safetensors", "--out", out},
             {"speedup", bench.model, bench.shared, bench.folder / "other"}}) {
        const RunnerResult result = bench.run(words);
        CAPTURE(result.err);
        CHECK(result.exit_code == 3);
        CHECK(result.err.find("\n  fix: ") != std::string::npos);
        CHECK_FALSE(std::filesystem::exists(out));
    }
    CHECK(
        bench.run({"logits", bench.model, "--tokens", "1", "--out", bench.folder / "no" / "out"}).exit_code ==
        5);
}

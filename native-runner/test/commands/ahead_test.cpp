#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "support/workshop.h"

using namespace wishbone;
using namespace wishbone::test;
using Json = nlohmann::ordered_json;

// `wishbone-runner ahead`: what it did before a run was there changes nothing of the run.

namespace {

RunnerResult run_ahead(const Workshop& shop, std::vector<std::string> arguments, const std::string& told) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    // Little enough for a pipe that nobody reads yet.
    REQUIRE(::write(ends[1], told.data(), told.size()) == static_cast<ssize_t>(told.size()));
    ::close(ends[1]);
    arguments.insert(arguments.begin(), {"ahead"});
    arguments.insert(arguments.end(), {"--backend", "cpu", "--threads", "2"});
    const RunnerResult result = run_runner(arguments, shop.folder.path(), [&] { ::dup2(ends[0], 0); });
    ::close(ends[0]);
    return result;
}

Json json_of(const Workshop& shop, bool adapter) {
    Json json = run_json(shop.model);
    json["runner"]["threads"] = 2;
    if (adapter) json["training"]["lora_r"] = 4;
    if (adapter) json["training"]["use_peft"] = true;
    return json;
}

std::string result_of(const std::filesystem::path& run, bool adapter) {
    return adapter ? read_file(run / "export" / "adapter_model.safetensors") : exported(run);
}

}  // namespace

TEST_CASE(
    "ahead: the run it is told of ends as one that was begun when it was there, whatever was expected") {
    const Workshop shop;
    for (const bool adapter : {false, true}) {
        const Json json = json_of(shop, adapter);
        const auto usual = shop.make_run(adapter ? "usual-adapter" : "usual", json);
        REQUIRE(shop.train(usual).exit_code == 0);
        const std::filesystem::path other = shop.folder / "other-model";
        if (!adapter) write_random_model(other, tiny_config(), 22);
        const std::vector<std::vector<std::string>> expectations = {
            adapter ? std::vector<std::string>{shop.model, "--adapter"}
                    : std::vector<std::string>{shop.model},
            adapter ? std::vector<std::string>{shop.model}
                    : std::vector<std::string>{shop.model, "--adapter"},
            {other},
            {shop.folder / "no-model"},
            {shop.model, "--device", "3"},
        };
        for (std::size_t i = 0; i < expectations.size(); ++i) {
            CAPTURE(i);
            const auto run = shop.make_run((adapter ? "adapter-" : "all-") + std::to_string(i), json);
            const RunnerResult result = run_ahead(shop, expectations[i], run.string() + "\n");
            CAPTURE(read_file(run / "runner.log"));
            REQUIRE(result.exit_code == 0);
            CHECK(result.out.empty());
            CHECK(result.err.empty());
            CHECK(has_event(run, "finished"));
            CHECK(result_of(run, adapter) == result_of(usual, adapter));
        }
    }
}

TEST_CASE("ahead: without a run it leaves nothing") {
    const Workshop shop;
    const RunnerResult result = run_ahead(shop, {shop.model}, "");
    CHECK(result.exit_code == 0);
    CHECK(result.out.empty());
    CHECK(result.err.empty());
    CHECK(names_containing(shop.folder.path(), "log").empty());
}

TEST_CASE(
    "ahead: what is wrong with the run it is told of is said in its log, or where there is none by the exit code") {
    const Workshop shop;
    Json json = json_of(shop, false);
    json["training"]["beta"] = -1;
    const auto run = shop.make_run("bad", json);
    CHECK(run_ahead(shop, {shop.model}, run.string() + "\n").exit_code == 3);
    check_three_lines(read_file(run / "runner.log"));
    CHECK(run_ahead(shop, {shop.model}, (shop.folder / "nothing").string() + "\n").exit_code == 5);
}

#include <doctest/doctest.h>

#include "support/files.h"
#include "support/plan_columns.h"
#include "support/random_model.h"
#include "support/run_folder.h"
#include "support/runner_process.h"
#include "support/temporary_folder.h"

using namespace wishbone;
using namespace wishbone::test;
using Json = nlohmann::ordered_json;

namespace {

constexpr std::int32_t vocab = 61;

/// A model, and runs of 15 steps of 4 pairs that sample it every 5.
struct Shop {
    Shop() { write_random_model(model, tiny_config(), 21); }

    std::filesystem::path make_run(const std::string& name, const Json& json,
                                   Packing packing = Packing::shared) const {
        const std::filesystem::path run = folder / name;
        write_file(run / "run.json", json.dump(2));
        make_plan(random_pairs(60, vocab, 8), 4, 1, 80, packing, vocab).write(run / "plan.safetensors");
        return run;
    }
    RunnerResult train(const std::filesystem::path& run, bool resume = false) const {
        std::vector<std::string> words = {"train", run.string()};
        if (resume) words.push_back("--resume");
        return run_runner(words, folder.path());
    }
    Json json() const {
        Json json = run_json(model);
        json["training"]["sample_steps"] = 5;
        json["training"]["sample_count"] = 3;
        json["training"]["sample_max_new_tokens"] = 6;
        json["training"]["learning_rate"] = 1e-2;
        return json;
    }

    TemporaryFolder folder;
    std::filesystem::path model = folder / "model";
};

}  // namespace

TEST_CASE(
    "samples: the reference before training, the policy as often as asked and at the end; weights as without") {
    const Shop shop;
    Json json = shop.json();
    const auto run = shop.make_run("sampled", json);
    REQUIRE(shop.train(run).exit_code == 0);
    const auto samples = events_of_type(run / "events.jsonl", "sample");
    REQUIRE(samples.size() == 4);
    const std::vector<std::pair<int, std::string>> expected = {
        {0, "reference"}, {5, "policy"}, {10, "policy"}, {15, "policy"}};
    for (std::size_t i = 0; i < samples.size(); ++i) {
        CHECK(samples[i]["step"] == expected[i].first);
        CHECK(samples[i]["model"] == expected[i].second);
        CHECK(samples[i]["prompts"] == samples[0]["prompts"]);
        REQUIRE(samples[i]["completions"].size() == 3);
        for (const auto& completion : samples[i]["completions"]) {
            CHECK(completion.size() >= 1);
            CHECK(completion.size() <= 6);
        }
    }
    CHECK(samples[0]["completions"] != samples[3]["completions"]);

    json["training"].erase("sample_steps");
    const auto plain = shop.make_run("plain", json);
    REQUIRE(shop.train(plain).exit_code == 0);
    CHECK(read_file(plain / "export/model.safetensors") == read_file(run / "export/model.safetensors"));
}

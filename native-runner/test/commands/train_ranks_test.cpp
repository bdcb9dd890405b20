#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "support/ranks_workshop.h"

using namespace wishbone;
using namespace wishbone::test;
using Json = nlohmann::ordered_json;

namespace {

/// A block of pairs.bin.
struct PairBlock {
    std::uint32_t kind, done, first, count;
    std::vector<float> values;  ///< five of each pair
};

std::vector<PairBlock> pair_blocks(const std::filesystem::path& run) {
    const std::string bytes = read_file(run / "pairs.bin");
    constexpr std::size_t header = 8 + 2 * 32 + 4, fields = 5;
    std::vector<PairBlock> blocks;
    for (std::size_t at = header; at < bytes.size();) {
        std::array<std::uint32_t, 4> head{};
        std::memcpy(head.data(), bytes.data() + at, sizeof head);
        at += sizeof head;
        PairBlock block = {head[0], head[1], head[2], head[3], std::vector<float>(head[3] * fields)};
        REQUIRE(at + block.values.size() * sizeof(float) + 4 <= bytes.size());
        std::memcpy(block.values.data(), bytes.data() + at, block.values.size() * sizeof(float));
        at += block.values.size() * sizeof(float) + 4;
        blocks.push_back(std::move(block));
    }
    return blocks;
}

/// Every pair once, as often as it was trained or evaluated, with the same values.
void check_same_pairs(const std::filesystem::path& a, const std::filesystem::path& b) {
    const auto one = pair_blocks(a), other = pair_blocks(b);
    REQUIRE(one.size() == other.size());
    for (std::size_t i = 0; i < one.size(); ++i) {
        CHECK(one[i].kind == other[i].kind);
        CHECK(one[i].done == other[i].done);
        CHECK(one[i].first == other[i].first);
        REQUIRE(one[i].count == other[i].count);
        for (std::size_t v = 0; v < one[i].values.size(); ++v)
            CHECK(one[i].values[v] == doctest::Approx(other[i].values[v]).epsilon(1e-3).scale(0.01));
    }
}

/// The same fields, in numbers that are equal but for the order of sums.
void check_same_events(const std::filesystem::path& a, const std::filesystem::path& b,
                       const std::string& type) {
    const auto one = events_of_type(a / "events.jsonl", type),
               other = events_of_type(b / "events.jsonl", type);
    REQUIRE(one.size() == other.size());
    for (std::size_t i = 0; i < one.size(); ++i) {
        std::vector<std::string> fields, others;
        // How devices spent the time together is said where there are several.
        for (const auto& [name, value] : one[i].items())
            if (name != "communication" && name != "slowest_rank" && name != "rank_seconds")
                fields.push_back(name);
        for (const auto& [name, value] : other[i].items()) others.push_back(name);
        CHECK(fields == others);
        for (const char* name :
             {"step", "pairs", "tokens", "flops", "loss", "eval_loss", "grad_norm", "learning_rate"})
            if (one[i].contains(name)) {
                CAPTURE(name);
                CHECK(one[i][name].get<double>() ==
                      doctest::Approx(other[i][name].get<double>()).epsilon(1e-5));
            }
    }
}

}  // namespace

TEST_CASE(
    "train: on several devices a run has the files, events, losses and weights of one; resumed on others too") {
    const RanksWorkshop shop;
    const auto one = shop.make_run("one", nullptr);
    REQUIRE(shop.train(one).exit_code == 0);
    std::size_t pairs = 0;
    for (const PairBlock& block : pair_blocks(one)) pairs += block.count;
    CHECK(pairs == 40 + 10 * 3);
    struct Case {
        int devices;
        const char *shard, *then;
    };
    for (const auto& [devices, shard, then] :
         {Case{1, "gradients", "none"}, Case{2, "none", "optimizer"}, Case{3, "optimizer", "gradients"},
          Case{8, "gradients", "auto"}, Case{2, "optimizer", "none"}, Case{3, "auto", "parameters"},
          Case{3, "parameters", "gradients"}, Case{8, "parameters", "none"}}) {
        CAPTURE(devices);
        CAPTURE(shard);
        const auto run = shop.make_run("devices-" + std::to_string(devices) + shard, devices, 40, shard);
        const RunnerResult result = shop.train(run);
        CAPTURE(result.err);
        REQUIRE(result.exit_code == 0);
        CHECK(files_of(run) == files_of(one));
        for (const char* type : {"start", "step", "eval", "checkpoint", "export", "finished"})
            check_same_events(run, one, type);
        check_same_pairs(run, one);
        if (devices == 1) CHECK(weights(run) == weights(one));
        CHECK(relative_difference(weights(run), weights(one)) < 1e-5);
        for (const auto& step : events_of_type(run / "events.jsonl", "step")) {
            CHECK(step.contains("slowest_rank") == (devices > 1));
            CHECK(step.contains("rank_seconds") == (devices > 1));
            if (devices > 1) CHECK(step["rank_seconds"].size() == static_cast<std::size_t>(devices));
            if (devices > 1) CHECK(step["communication"].get<double>() <= step["seconds"].get<double>());
        }
        const auto finished = events_of_type(run / "events.jsonl", "finished");
        CHECK(finished[0]["phases"].contains("communication") == (devices > 1));

        // From the checkpoint before the last, on one device fewer or more, which share out something else.
        std::filesystem::remove_all(run / "checkpoints" / "step-000010");
        std::filesystem::remove_all(run / "export");
        Json json = Json::parse(read_file(run / "run.json"));
        json["runner"]["devices"] = devices == 1 ? 2 : devices - 1;
        json["runner"]["shard"] = then;
        write_file(run / "run.json", json.dump(2));
        REQUIRE(shop.train(run, true).exit_code == 0);
        CHECK(relative_difference(weights(run), weights(one)) < 1e-5);
        check_same_pairs(run, one);
    }
}

TEST_CASE("train: the best model and merged adapters of devices that share out are those of one") {
    const RanksWorkshop shop;
    const auto best = [](Json& json) {
        json["training"]["load_best_model_at_end"] = true;
        json["training"]["metric_for_best_model"] = "eval_loss";
        json["training"]["early_stopping_patience"] = 1;
        json["training"]["learning_rate"] = 0.05;
    };
    const auto lora = [](Json& json) {
        json["training"]["use_peft"] = true;
        json["training"]["lora_r"] = 4;
        json["training"]["lora_alpha"] = 8;
        json["training"]["lora_target_modules"] = {"q_proj", "down_proj"};
        json["training"]["merge_adapter"] = true;
    };
    for (const auto& change : std::vector<std::function<void(Json&)>>{best, lora}) {
        const std::string name = "-changed";
        const auto one = shop.make_run("one" + name, nullptr, 40, nullptr, change);
        const RunnerResult result = shop.train(one);
        CAPTURE(result.err);
        REQUIRE(result.exit_code == 0);
        for (const char* shard : {"none", "optimizer", "gradients", "parameters"}) {
            CAPTURE(shard);
            const auto run = shop.make_run(shard + name, 3, 40, shard, change);
            REQUIRE(shop.train(run).exit_code == 0);
            CHECK(files_of(run) == files_of(one));
            CHECK(relative_difference(weights(run), weights(one)) < 1e-4);
            check_same_events(run, one, "export");
            std::filesystem::remove_all(run);
        }
        std::filesystem::remove_all(one);
    }
}

TEST_CASE("train: what is shared out is named, or refused") {
    const RanksWorkshop shop;
    for (const Json& shard : {Json("all"), Json(1), Json("parameter")}) {
        const auto run =
            shop.make_run("shard", 2, 40, nullptr, [&](Json& json) { json["runner"]["shard"] = shard; });
        const RunnerResult result = shop.train(run);
        CHECK(result.exit_code == 3);
        CHECK(result.err.find("runner.shard") != std::string::npos);
        std::filesystem::remove_all(run);
    }
}

TEST_CASE("train: devices that cannot be had are refused by name") {
    const RanksWorkshop shop;
    int number = 0;
    for (const Json& devices : {Json(0), Json(65), Json("two"), Json::array(), Json::array({0, 1}),
                                Json::array({0, 0}), Json::array({-1}), Json(1.5)}) {
        CAPTURE(devices.dump());
        const auto run = shop.make_run("refused-" + std::to_string(number++), devices);
        const RunnerResult result = shop.train(run);
        CHECK(result.exit_code == 3);
        CHECK(result.err.find("runner.devices") != std::string::npos);
        CHECK_FALSE(std::filesystem::exists(run / "export"));
    }
}

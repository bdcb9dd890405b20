#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/ranks_workshop.h"

using namespace wishbone;
using namespace wishbone::test;
using Json = nlohmann::ordered_json;

namespace {

/// The same fields, in numbers that are equal but for the order of sums.
void check_same_events(const std::filesystem::path& a, const std::filesystem::path& b,
                       const std::string& type) {
    const auto one = events_of_type(a / "events.jsonl", type),
               other = events_of_type(b / "events.jsonl", type);
    REQUIRE(one.size() == other.size());
    for (std::size_t i = 0; i < one.size(); ++i) {
        std::vector<std::string> fields, others;
        for (const auto& [name, value] : one[i].items()) fields.push_back(name);
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
    for (const int devices : {1, 2, 3, 8}) {
        CAPTURE(devices);
        const auto run = shop.make_run("devices-" + std::to_string(devices), devices);
        const RunnerResult result = shop.train(run);
        CAPTURE(result.err);
        REQUIRE(result.exit_code == 0);
        CHECK(files_of(run) == files_of(one));
        for (const char* type : {"start", "step", "eval", "checkpoint", "export", "finished"})
            check_same_events(run, one, type);
        if (devices == 1) CHECK(weights(run) == weights(one));
        CHECK(relative_difference(weights(run), weights(one)) < 1e-5);

        // From the checkpoint before the last, on one device fewer or more.
        std::filesystem::remove_all(run / "checkpoints" / "step-000010");
        std::filesystem::remove_all(run / "export");
        Json json = Json::parse(read_file(run / "run.json"));
        json["runner"]["devices"] = devices == 1 ? 2 : devices - 1;
        write_file(run / "run.json", json.dump(2));
        REQUIRE(shop.train(run, true).exit_code == 0);
        CHECK(relative_difference(weights(run), weights(one)) < 1e-5);
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

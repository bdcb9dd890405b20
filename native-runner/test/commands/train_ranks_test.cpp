#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "io/safetensors.h"
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

/// A model and run folders that train on it; 10 steps of 4 pairs, with an evaluation every 4.
struct Workshop {
    Workshop() { write_random_model(model, tiny_config(), 21); }

    std::filesystem::path make_run(const std::string& name, const Json& devices) const {
        const std::filesystem::path run = folder / name;
        Json json = run_json(model);
        json["training"]["save_steps"] = 4;
        json["training"]["eval_steps"] = 4;
        if (!devices.is_null()) json["runner"]["devices"] = devices;
        write_file(run / "run.json", json.dump(2));
        const std::int32_t vocab = 61;
        make_plan(random_pairs(40, vocab, 8), 4, 1, 80, Packing::shared, vocab)
            .write(run / "plan.safetensors");
        make_plan(random_pairs(10, vocab, 5), 4, 1, 80, Packing::split, vocab)
            .write(run / "eval-plan.safetensors");
        return run;
    }

    RunnerResult train(const std::filesystem::path& run, bool resume = false) const {
        std::vector<std::string> words = {"train", run.string()};
        if (resume) words.push_back("--resume");
        return run_runner(words, folder.path());
    }

    TemporaryFolder folder;
    std::filesystem::path model = folder / "model";
};

std::vector<float> weights(const std::filesystem::path& run) {
    const SafetensorsFile file(run / "export" / "model.safetensors");
    std::vector<float> all;
    for (const auto& [name, tensor] : file.tensors()) {
        REQUIRE(tensor.dtype == FileDType::f32);
        const std::size_t before = all.size();
        all.resize(before + tensor.bytes / sizeof(float));
        std::memcpy(all.data() + before, tensor.data, tensor.bytes);
    }
    return all;
}

double relative_difference(const std::vector<float>& a, const std::vector<float>& b) {
    REQUIRE(a.size() == b.size());
    double difference = 0, scale = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference = std::max(difference, std::abs(static_cast<double>(a[i]) - b[i]));
        scale = std::max(scale, std::abs(static_cast<double>(a[i])));
    }
    return difference / scale;
}

std::set<std::string> files_of(const std::filesystem::path& folder) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        std::string name = std::filesystem::relative(entry.path(), folder).string();
        // TensorBoard's names hold the time.
        if (const auto place = name.find("tfevents"); place != std::string::npos) name.resize(place);
        names.insert(name);
    }
    return names;
}

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
    const Workshop shop;
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
    const Workshop shop;
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

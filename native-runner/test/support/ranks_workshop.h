#pragma once

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "support/files.h"
#include "support/plan_columns.h"
#include "support/random_model.h"
#include "support/relative_difference.h"
#include "support/run_folder.h"
#include "support/runner_process.h"
#include "support/temporary_folder.h"

namespace wishbone::test {

/// A model and run folders that train on it; steps of 4 pairs (10 unless more are asked for), with an evaluation every 4.
struct RanksWorkshop {
    RanksWorkshop() { write_random_model(model, tiny_config(), 21); }

    std::filesystem::path make_run(
        const std::string& name, const nlohmann::ordered_json& devices, int pairs = 40,
        const nlohmann::ordered_json& shard = nullptr,
        const std::function<void(nlohmann::ordered_json&)>& change = [](nlohmann::ordered_json&) {}) const {
        const std::filesystem::path run = folder / name;
        nlohmann::ordered_json json = run_json(model);
        json["training"]["save_steps"] = 4;
        json["training"]["eval_steps"] = 4;
        if (!devices.is_null()) json["runner"]["devices"] = devices;
        if (!shard.is_null()) json["runner"]["shard"] = shard;
        change(json);
        write_file(run / "run.json", json.dump(2));
        const std::int32_t vocab = 61;
        make_plan(random_pairs(pairs, vocab, 8), 4, 1, 80, Packing::shared, vocab)
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

inline std::vector<float> weights_in(const std::filesystem::path& path) {
    const SafetensorsFile file(path);
    std::vector<float> all;
    for (const auto& [name, tensor] : file.tensors()) {
        REQUIRE(tensor.dtype == FileDType::f32);
        const std::size_t before = all.size();
        all.resize(before + tensor.bytes / sizeof(float));
        std::memcpy(all.data() + before, tensor.data, tensor.bytes);
    }
    return all;
}

inline std::vector<float> weights(const std::filesystem::path& run) {
    return weights_in(run / "export" / "model.safetensors");
}

inline std::set<std::string> files_of(const std::filesystem::path& folder) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        std::string name = std::filesystem::relative(entry.path(), folder).string();
        // TensorBoard's names hold the time.
        if (const auto place = name.find("tfevents"); place != std::string::npos) name.resize(place);
        names.insert(name);
    }
    return names;
}

}  // namespace wishbone::test

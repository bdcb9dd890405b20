#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/files.h"
#include "support/plan_columns.h"
#include "support/random_model.h"
#include "support/run_folder.h"
#include "support/runner_process.h"
#include "support/temporary_folder.h"

namespace wishbone::test {

/// A model and run folders that train on it; 15 steps of 4 pairs.
struct Workshop {
    Workshop() { write_random_model(model, tiny_config(), 21); }

    std::filesystem::path make_run(const std::string& name, const nlohmann::ordered_json& json,
                                   int pairs = 60) const {
        const std::filesystem::path run = folder / name;
        write_file(run / "run.json", json.dump(2));
        const std::int32_t vocab = 61;
        make_plan(random_pairs(pairs, vocab, 8), 4, 1, 80, Packing::shared, vocab)
            .write(run / "plan.safetensors");
        return run;
    }
    std::filesystem::path make_run(const std::string& name) const { return make_run(name, run_json(model)); }

    RunnerResult train(const std::filesystem::path& run, bool resume = false,
                       const std::function<void()>& before_exec = {}) const {
        return run_runner(arguments(run, resume), folder.path(), before_exec);
    }

    static std::vector<std::string> arguments(const std::filesystem::path& run, bool resume) {
        std::vector<std::string> words = {"train", run.string()};
        if (resume) words.push_back("--resume");
        return words;
    }

    TemporaryFolder folder;
    std::filesystem::path model = folder / "model";
};

inline bool has_event(const std::filesystem::path& run, const std::string& type) {
    return std::filesystem::exists(run / "events.jsonl") &&
           !events_of_type(run / "events.jsonl", type).empty();
}

inline std::size_t steps_done(const std::filesystem::path& run) {
    return std::filesystem::exists(run / "events.jsonl") ? events_of_type(run / "events.jsonl", "step").size()
                                                         : 0;
}

inline std::string exported(const std::filesystem::path& run) {
    return read_file(run / "export" / "model.safetensors");
}

/// An error as the runner says it: what, where, what to do.
inline void check_three_lines(const std::string& err) {
    CAPTURE(err);
    CHECK(err.find("error: ") != std::string::npos);
    CHECK(err.find("\n  at: ") != std::string::npos);
    CHECK(err.find("\n  fix: ") != std::string::npos);
}

/// Steps of the newest checkpoint that the log tells of; 0 without one.
inline int newest_saved(const std::filesystem::path& run) {
    const auto saved = events_of_type(run / "events.jsonl", "checkpoint");
    return saved.empty() ? 0 : saved.back()["step"].get<int>();
}

}  // namespace wishbone::test

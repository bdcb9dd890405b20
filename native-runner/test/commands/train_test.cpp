#include <doctest/doctest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <set>
#include <string>
#include <thread>

#include "core/error.h"
#include "core/sha256.h"
#include "io/safetensors.h"
#include "pretrained/weights_hash.h"
#include "run/inputs.h"
#include "run/models_used.h"
#include "support/files.h"
#include "support/plan_columns.h"
#include "support/random_model.h"
#include "support/run_folder.h"
#include "support/runner_process.h"
#include "support/workshop.h"

using namespace wishbone;
using namespace wishbone::test;
using Json = nlohmann::ordered_json;

namespace {

/// Event numbers rise without a gap or repetition.
void check_numbers(const std::filesystem::path& run) {
    int next = 0;
    for (const auto& event : read_events(run / "events.jsonl")) CHECK(event["seq"] == next++);
}

/// What the last event of a start says of its wall time: no less than nothing by phase, these phases among them, all of it but
/// what comes before the first event.
void check_times(const Json& last, const std::vector<std::string>& phases) {
    double accounted = 0;
    for (const auto& [phase, seconds] : last["phases"].items()) {
        CAPTURE(phase);
        CHECK(seconds.get<double>() >= 0);
        accounted += seconds.get<double>();
    }
    for (const auto& phase : phases) {
        CAPTURE(phase);
        CHECK(last["phases"].contains(phase));
    }
    CHECK(accounted <= last["seconds"].get<double>() + 1e-3);
    CHECK(accounted >= 0.5 * last["seconds"].get<double>());
}

}  // namespace

TEST_CASE("train: a whole run, with every event of docs/formats.md") {
    const Workshop shop;
    const auto run = shop.make_run("run");
    const RunnerResult result = shop.train(run);
    CAPTURE(result.err);
    REQUIRE(result.exit_code == 0);

    const auto events = read_events(run / "events.jsonl");
    check_numbers(run);
    std::vector<std::string> phases;
    for (const auto& event : events_of_type(run / "events.jsonl", "phase")) phases.push_back(event["phase"]);
    CHECK(phases == std::vector<std::string>{"load", "ceiling", "reference", "train", "export"});

    const auto& start = events.front();
    CHECK(start["type"] == "start");
    CHECK(start["backend"] == "cpu");
    CHECK(start["threads"] == 1);
    CHECK(start["pid"].get<int>() > 0);
    CHECK(start["pidStart"].get<long>() > 0);
    CHECK(start["bootId"].get<std::string>().size() == 36);
    CHECK(start["resumedFrom"].is_null());
    CHECK(start["steps"] == 15);
    CHECK(start["pairs"] == 60);
    CHECK(start["parameters"] == 61 * 32 + 2 * (32 * 32 * 2 + 16 * 32 * 2 + 3 * 48 * 32 + 64) + 32);
    CHECK(start["version"].is_string());
    CHECK(start["device"].is_string());

    // There is memory enough to keep everything.
    const auto again = events_of_type(run / "events.jsonl", "recompute");
    REQUIRE(again.size() == 1);
    CHECK(again[0]["layers"] == 2);
    CHECK(again[0]["mlp"] == 0);
    CHECK(again[0]["block"] == 0);

    const auto steps = events_of_type(run / "events.jsonl", "step");
    REQUIRE(steps.size() == 15);
    const std::set<std::string> fields = {"seq",
                                          "time",
                                          "type",
                                          "step",
                                          "steps",
                                          "epoch",
                                          "pairs",
                                          "tokens",
                                          "seconds",
                                          "flops",
                                          "speedOfLight",
                                          "loss",
                                          "rewards/chosen",
                                          "rewards/rejected",
                                          "rewards/margins",
                                          "rewards/accuracies",
                                          "logps/chosen",
                                          "logps/rejected",
                                          "grad_norm",
                                          "learning_rate",
                                          "memory"};
    for (std::size_t i = 0; i < steps.size(); ++i) {
        std::set<std::string> found;
        for (const auto& [name, value] : steps[i].items()) found.insert(name);
        CHECK(found == fields);
        CHECK(steps[i]["step"] == i + 1);
        CHECK(steps[i]["pairs"] == 4);
        CHECK(steps[i]["speedOfLight"].get<double>() > 0);
        CHECK(steps[i]["memory"].get<double>() > 0);
    }
    CHECK(steps[0]["loss"].get<double>() == doctest::Approx(0.693147).epsilon(1e-5));
    CHECK(steps[0]["learning_rate"] == 0);
    CHECK(steps[2]["learning_rate"] == 1e-3);
    CHECK(steps[14]["epoch"] == 1);

    std::vector<int> checkpoints;
    for (const auto& event : events_of_type(run / "events.jsonl", "checkpoint"))
        checkpoints.push_back(event["step"]);
    CHECK(checkpoints == std::vector<int>{4, 8, 12, 15});
    CHECK(names_containing(run / "checkpoints", "step-").size() == 2);
    CHECK(std::filesystem::exists(run / "checkpoints/step-000015/state.json"));
    CHECK(SafetensorsFile(run / "reference.safetensors").at("logps").size() == 120);
    CHECK(events[events.size() - 2]["type"] == "export");
    CHECK(events.back()["type"] == "finished");
    check_times(events.back(), {"load", "ceiling", "reference", "train", "checkpoints", "export"});
    CHECK(exported(run) == read_file(run / "checkpoints/step-000015/model.safetensors"));
    CHECK(names_containing(run, "tmp").empty());
    CHECK(names_containing(run, "tfevents").size() == 1);
    const Json state = Json::parse(read_file(run / "trainer_state.json"));
    CHECK(state["log_history"].size() == 15);
    CHECK(state["log_history"][14]["loss"] == steps[14]["loss"]);
    CHECK(read_file(run / "export/README.md").find(Json::parse(read_file(run / "run.json"))["name"]) !=
          std::string::npos);

    SUBCASE("it is not begun a second time") {
        const std::string log = read_file(run / "events.jsonl");
        const RunnerResult again = shop.train(run);
        CHECK(again.exit_code == 3);
        CHECK(again.err.find("has begun already") != std::string::npos);
        check_three_lines(again.err);
        CHECK(read_file(run / "events.jsonl") == log);
    }
    SUBCASE("resuming a finished run exports it again") {
        const std::string before = exported(run);
        std::filesystem::remove_all(run / "export");
        CHECK(shop.train(run, true).exit_code == 0);
        CHECK(exported(run) == before);
        CHECK(steps_done(run) == 15);
        check_numbers(run);
    }
    SUBCASE("the exported model trains again") {
        Json json = run_json(run / "export");
        CHECK(shop.train(shop.make_run("again", json)).exit_code == 0);
    }
}

TEST_CASE("train: killed anywhere and resumed, it ends with the weights of an uninterrupted run") {
    for (const char* reference : {"precompute", "in_step"}) {
        const Workshop shop;
        Json json = run_json(shop.model);
        json["training"]["reference"] = reference;
        json["training"]["save_steps"] = 20;
        const auto whole = shop.make_run("whole", json, 480);
        REQUIRE(shop.train(whole).exit_code == 0);

        // Before the first checkpoint, just after one, and between two.
        for (const std::size_t steps : {0u, 5u, 20u, 50u}) {
            CAPTURE(steps);
            const auto run = shop.make_run("killed-" + std::to_string(steps), json, 480);
            {
                RunnerProcess process(Workshop::arguments(run, false), shop.folder.path());
                REQUIRE(
                    process.wait_until([&] { return has_event(run, "start") && steps_done(run) >= steps; }));
                // Written beside the training, it is there some steps later.
                if (steps == 50) REQUIRE(process.wait_until([&] { return newest_saved(run) >= 40; }));
                process.signal(SIGKILL);
                process.wait();
            }
            REQUIRE(steps_done(run) < 120);
            // What a crash in the middle of a write leaves.
            write_file(run / "checkpoints/.wishbone-tmp-step-000099-1/model.safetensors", "half");
            const RunnerResult resumed = shop.train(run, true);
            CAPTURE(resumed.err);
            REQUIRE(resumed.exit_code == 0);
            CHECK(exported(run) == exported(whole));
            CHECK(names_containing(run, "tmp").empty());
            const auto starts = events_of_type(run / "events.jsonl", "start");
            REQUIRE(starts.size() == 2);
            if (steps == 50)
                CHECK(starts[1]["resumedFrom"].get<int>() >= 40);
            else if (steps == 0)
                CHECK(steps_done(run) >= 120);
            check_numbers(run);
        }
    }
}

TEST_CASE("train: a run may go on with more or less of it computed again, to the same weights") {
    const Workshop shop;
    Json json = run_json(shop.model);
    const auto whole = shop.make_run("whole", json, 480);
    REQUIRE(shop.train(whole).exit_code == 0);
    const auto run = shop.make_run("changed", json, 480);
    for (const char* recompute : {"block", "mlp", "none", "auto"}) {
        CAPTURE(recompute);
        json["runner"]["recompute"] = recompute;
        write_file(run / "run.json", json.dump());
        const std::size_t before = steps_done(run);
        RunnerProcess process(Workshop::arguments(run, before > 0), shop.folder.path());
        if (std::string(recompute) != "auto") {
            REQUIRE(process.wait_until([&] { return steps_done(run) >= before + 10; }));
            process.signal(SIGTERM);
        }
        REQUIRE(process.wait() == 0);
        const auto said = events_of_type(run / "events.jsonl", "recompute");
        CHECK(said.back()["block"] == (recompute == std::string("block") ? 1 : 0));
        CHECK(said.back()["mlp"] == (recompute == std::string("mlp") ? 1 : 0));
    }
    CHECK(events_of_type(run / "events.jsonl", "recompute").size() == 4);
    CHECK(exported(run) == exported(whole));
}

TEST_CASE("train: a checkpoint that cannot be written is told of once, tried again, and ends no run") {
    const Workshop shop;
    Json json = run_json(shop.model);
    json["training"]["save_steps"] = 5;
    json["training"]["save_final"] = false;
    const auto whole = shop.make_run("whole", json, 4000), run = shop.make_run("run", json, 4000);
    REQUIRE(shop.train(whole).exit_code == 0);
    // No folder can be made where a file is.
    write_file(run / "checkpoints", "in the way");
    RunnerProcess process(Workshop::arguments(run, false), shop.folder.path());
    REQUIRE(process.wait_until([&] { return has_event(run, "warning") && steps_done(run) > 30; }));
    CHECK(events_of_type(run / "events.jsonl", "warning").size() == 1);
    const Json warning = events_of_type(run / "events.jsonl", "warning")[0];
    CHECK(warning["what"].get<std::string>().find("could not be written") != std::string::npos);
    CHECK(warning["where"].get<std::string>().find("checkpoints") != std::string::npos);
    CHECK(newest_saved(run) == 0);
    std::filesystem::remove(run / "checkpoints");
    REQUIRE(process.wait_until([&] { return newest_saved(run) > 0; }));
    CHECK(process.wait() == 0);
    CHECK(exported(run) == exported(whole));
    CHECK(names_containing(run, "tmp").empty());
}

TEST_CASE("train: SIGTERM ends with a checkpoint, a stopped event and exit code 0") {
    for (const int number : {SIGTERM, SIGINT}) {
        const Workshop shop;
        Json json = run_json(shop.model);
        json["training"]["save_steps"] = 0;
        const auto whole = shop.make_run("whole", json, 2000), run = shop.make_run("run", json, 2000);
        RunnerProcess process(Workshop::arguments(run, false), shop.folder.path());
        REQUIRE(process.wait_until([&] { return steps_done(run) >= 3; }));
        process.signal(number);
        CHECK(process.wait() == 0);
        const auto events = read_events(run / "events.jsonl");
        REQUIRE(events.back()["type"] == "stopped");
        check_times(events.back(), {"load", "ceiling", "reference", "train", "checkpoints"});
        const int step = events.back()["step"];
        CHECK(step >= 3);
        CHECK(step < 500);
        CHECK(events[events.size() - 2]["type"] == "checkpoint");
        CHECK(events[events.size() - 2]["step"] == step);
        CHECK(steps_done(run) == static_cast<std::size_t>(step));
        CHECK_FALSE(std::filesystem::exists(run / "export"));

        const RunnerResult resumed = shop.train(run, true);
        CHECK(resumed.exit_code == 0);
        CHECK(events_of_type(run / "events.jsonl", "start").back()["resumedFrom"] == step);
        CHECK(steps_done(run) == 500);
        CHECK(shop.train(whole).exit_code == 0);
        CHECK(exported(run) == exported(whole));
    }
}

TEST_CASE("train: a second signal ends at once with exit code 130") {
    const Workshop shop;
    // One step of 20000 pairs, so that the second signal comes long before its end.
    Json json = run_json(shop.model);
    const auto run = shop.folder / "run";
    write_file(run / "run.json", json.dump());
    make_plan(random_pairs(20000, 61, 8), 20000, 1, 80, Packing::shared, 61).write(run / "plan.safetensors");
    RunnerProcess process(Workshop::arguments(run, false), shop.folder.path());
    REQUIRE(process.wait_until([&] {
        if (!std::filesystem::exists(run / "events.jsonl")) return false;
        const auto phases = events_of_type(run / "events.jsonl", "phase");
        return !phases.empty() && phases.back()["phase"] == "train";
    }));
    process.signal(SIGTERM);
    REQUIRE(
        process.wait_until([&] { return process.standard_error().find("stopping") != std::string::npos; }));
    process.signal(SIGTERM);
    CHECK(process.wait() == 130);
    CHECK_FALSE(has_event(run, "step"));
}

TEST_CASE("train: a stop during the reference phase leaves a run that resumes from the start") {
    const Workshop shop;
    const auto run = shop.folder / "run";
    write_file(run / "run.json", run_json(shop.model).dump());
    make_plan(random_pairs(4000, 61, 8), 4000, 1, 80, Packing::shared, 61).write(run / "plan.safetensors");
    RunnerProcess process(Workshop::arguments(run, false), shop.folder.path());
    REQUIRE(process.wait_until([&] { return has_event(run, "progress"); }));
    process.signal(SIGTERM);
    CHECK(process.wait() == 0);
    CHECK(read_events(run / "events.jsonl").back()["type"] == "stopped");
    CHECK(read_events(run / "events.jsonl").back()["step"] == 0);
    check_times(read_events(run / "events.jsonl").back(), {"load", "ceiling", "reference"});
    CHECK(shop.train(run, true).exit_code == 0);
    CHECK(events_of_type(run / "events.jsonl", "start").back()["resumedFrom"].is_null());
    CHECK(steps_done(run) == 1);
}

TEST_CASE("train: reference log-probabilities are computed once for all runs of one plan and model") {
    const Workshop shop;
    const auto computed = [&](const std::filesystem::path& run) {
        REQUIRE(shop.train(run).exit_code == 0);
        return has_event(run, "progress");
    };
    const auto first = shop.make_run("first"), second = shop.make_run("second");
    CHECK(computed(first));
    CHECK_FALSE(computed(second));
    CHECK(read_file(first / "reference.safetensors") == read_file(second / "reference.safetensors"));
    CHECK(exported(first) == exported(second));

    for (const auto& entry : std::filesystem::directory_iterator(shop.folder / "cache" / "reference"))
        std::filesystem::resize_file(entry.path(), 20);
    CHECK(computed(shop.make_run("damaged")));
    const auto other_plan = shop.make_run("plan", run_json(shop.model), 56);
    CHECK(computed(other_plan));
    write_random_model(shop.model, tiny_config(), 22);
    CHECK(computed(shop.make_run("model")));
}

TEST_CASE("train: a run whose folder is moved away or removed ends, and leaves nothing in its place") {
    const Workshop shop;
    for (const bool is_removed : {false, true}) {
        CAPTURE(is_removed);
        const auto run = shop.make_run("run", run_json(shop.model), 4000), moved = shop.folder / "moved";
        RunnerProcess runner(Workshop::arguments(run, false), shop.folder.path());
        REQUIRE(runner.wait_until([&] { return steps_done(run) > 5; }));
        // It goes on writing until it notices: what is made meanwhile is removed too.
        std::error_code error;
        if (is_removed) do
                std::filesystem::remove_all(run, error);
            while (error && std::filesystem::exists(run));
        else
            std::filesystem::rename(run, moved);
        CHECK(runner.wait() == 5);
        check_three_lines(runner.standard_error());
        CAPTURE(runner.standard_error());
        CHECK(runner.standard_error().find("moved or removed") != std::string::npos);
        CHECK_FALSE(std::filesystem::exists(run));
        if (is_removed) continue;
        CHECK(has_event(moved, "failed"));
        // Where it is now it goes on.
        RunnerProcess again(Workshop::arguments(moved, true), shop.folder.path());
        const std::size_t before = steps_done(moved);
        CHECK(again.wait_until([&] { return steps_done(moved) > before; }));
    }
}

TEST_CASE("train: a run folder names no library to load, and no log keeps a resume from ending") {
    const Workshop shop;
    Json json = run_json(shop.model);
    json["runner"]["cublaslt"] = "/tmp/anyone/\u001b[31mlibrary.so";
    const auto run = shop.make_run("run", json);
    write_file(run / "events.jsonl",
               "{\"seq\":1,\"type\":5}\n{\"seq\":2,\"type\":\"step\",\"step\":\"1\"}\n{\"type\":[]}\n");
    const RunnerResult result = shop.train(run);
    CAPTURE(result.err);
    CHECK(result.exit_code == 0);
    CHECK(result.err.find("runner.cublaslt: not loaded") != std::string::npos);
    CHECK(result.err.find('\x1b') == std::string::npos);
    CHECK(has_event(run, "finished"));
}

TEST_CASE("train: two runners do not work in one folder") {
    const Workshop shop;
    const auto run = shop.make_run("run", run_json(shop.model), 4000);
    RunnerProcess process(Workshop::arguments(run, false), shop.folder.path());
    REQUIRE(process.wait_until([&] { return has_event(run, "start"); }));
    const RunnerResult second = shop.train(run, true);
    CHECK(second.exit_code == 3);
    CHECK(second.err.find("Another runner") != std::string::npos);
    check_three_lines(second.err);
    process.signal(SIGTERM);
    CHECK(process.wait() == 0);
    check_numbers(run);
    CHECK_FALSE(has_event(run, "failed"));
}

TEST_CASE("train: resume is refused when plan or training settings have changed") {
    const Workshop shop;
    const auto run = shop.make_run("run");
    REQUIRE(shop.train(run).exit_code == 0);
    const auto refuse = [&](const char* message) {
        const RunnerResult result = shop.train(run, true);
        CHECK(result.exit_code == 3);
        CAPTURE(result.err);
        CHECK(result.err.find(message) != std::string::npos);
        const auto events = read_events(run / "events.jsonl");
        CHECK(events.back()["type"] == "failed");
        CHECK(events.back()["exitCode"] == 3);
        CHECK_FALSE(events.back()["advice"].get<std::string>().empty());
    };
    Json json = run_json(shop.model);
    json["training"]["beta"] = 0.2;
    write_file(run / "run.json", json.dump());
    refuse("training settings");
    shop.make_run("run", run_json(shop.model), 59);
    refuse("The plan is not the one");
}

TEST_CASE("train: resume is refused when a model that it reads anew has changed, and only then") {
    struct Case {
        const char* name;
        const char* changed;  ///< file of the model folder, or `weights`
        std::function<void(Json& json)> change;
        const char* message;  ///< empty: the run goes on
    };
    const auto as_it_is = [](Json&) {};
    const auto adapter = [](Json& json) { json["training"]["use_peft"] = true; };
    const auto in_step = [](Json& json) { json["training"]["reference"] = "in_step"; };
    const auto moving = [](Json& json) {
        json["training"]["reference"] = "in_step";
        json["training"]["sync_ref_model"] = true;
    };
    for (const Case& each : std::vector<Case>{
             {"adapter", "weights", adapter, "The weights of the model are not those the run began with"},
             {"in_step", "weights", in_step, "The weights of the model are not those the run began with"},
             {"config", "config.json", as_it_is, "The config of the model is not the one the run began with"},
             {"own weights in the checkpoint", "weights", as_it_is, ""},
             {"reference in the checkpoint", "weights", moving, ""}}) {
        CAPTURE(each.name);
        const Workshop shop;
        Json json = run_json(shop.model);
        each.change(json);
        const auto run = shop.make_run("run", json, 16);
        REQUIRE(shop.train(run).exit_code == 0);
        if (std::string(each.changed) == "weights") {
            write_random_model(shop.model, tiny_config(), 22);
        } else {
            const std::string text = read_file(shop.model / each.changed);
            write_file(shop.model / each.changed, text + "\n");
        }
        const RunnerResult result = shop.train(run, true);
        CAPTURE(result.err);
        CHECK(result.exit_code == (*each.message == 0 ? 0 : 3));
        CHECK(result.err.find(each.message) != std::string::npos);
        if (std::string(each.name) != "config") continue;
        // What an older runner wrote says nothing of models.
        const auto state = run / "checkpoints/step-000004/state.json";
        Json of_older = Json::parse(read_file(state));
        of_older.erase("models");
        write_file(state, of_older.dump());
        CHECK(shop.train(run, true).exit_code == 0);
    }
}

TEST_CASE(
    "train: a model's config is noted as it was when the run read it, not as it is when a checkpoint is written") {
    const Workshop shop;
    const RunInputs inputs(shop.make_run("run", run_json(shop.model), 16));
    const std::filesystem::path config = shop.model / "config.json";
    const std::string before = sha256_of_file(config);
    WeightsHash hash(inputs.reference_folder());
    ModelsUsed models(inputs, hash);
    write_file(config, read_file(config) + "\n");
    CHECK(models.hashes().at("model/config.json") == before);
    CHECK_THROWS_AS(models.check({{"model/config.json", sha256_of_file(config)}}), Error);
}

TEST_CASE("train: bad input gives one clear error and a failed event") {
    const Workshop shop;
    struct Case {
        const char* message;
        std::function<void(const std::filesystem::path& run, Json& json)> spoil;
    };
    const std::vector<Case> cases = {
        {"is not known", [](auto&, Json& json) { json["training"]["loss"] = 1; }},
        {"\"tpu\" is not supported", [](auto&, Json& json) { json["runner"]["backend"] = "tpu"; }},
        {"model folder does not exist", [](auto&, Json& json) { json["model"]["path"] = "/nowhere"; }},
        {"too few", [](auto& run, Json&) { write_file(run / "plan.safetensors", ""); }},
        {"vocabulary of 62",
         [](auto& run, Json&) {
             make_plan(random_pairs(8, 61, 8), 4, 1, 80, Packing::shared, 62).write(run / "plan.safetensors");
         }},
        {"max_position_embeddings",
         [](auto& run, Json&) {
             const std::vector<std::int32_t> prompt(128, 1);
             make_plan({{prompt, {2}, {3}}}, 1, 1, 200, Packing::shared, 61).write(run / "plan.safetensors");
         }},
        {"not a finite number",
         [](auto& run, Json& json) {
             write_random_model(run / "model", tiny_config(), 21);
             std::string weights = read_file(run / "model/model.safetensors");
             weights.replace(weights.size() - 4, 4, std::string("\x00\x00\xc0\x7f", 4));
             write_file(run / "model/model.safetensors", weights);
             json["model"]["path"] = "model";
         }},
    };
    for (std::size_t i = 0; i < cases.size(); ++i) {
        CAPTURE(cases[i].message);
        Json json = run_json(shop.model);
        const auto run = shop.make_run("run-" + std::to_string(i), json);
        cases[i].spoil(run, json);
        write_file(run / "run.json", json.dump());
        const RunnerResult result = shop.train(run);
        CAPTURE(result.err);
        CHECK(result.exit_code == 3);
        CHECK(result.err.find(cases[i].message) != std::string::npos);
        check_three_lines(result.err);
        const auto failed = read_events(run / "events.jsonl").back();
        CHECK(failed["type"] == "failed");
        CHECK(failed["what"].get<std::string>().find(cases[i].message) != std::string::npos);
        CHECK_FALSE(std::filesystem::exists(run / "export"));
        CHECK(names_containing(run, "tmp").empty());
    }
    CHECK(shop.train(shop.folder / "absent").exit_code == 3);
}

TEST_CASE("train: a run that failed before it began may be begun again") {
    const Workshop shop;
    Json json = run_json(shop.model);
    json["training"]["beta"] = -1;
    const auto run = shop.make_run("run", json);
    CHECK(shop.train(run).exit_code == 3);
    write_file(run / "run.json", run_json(shop.model).dump());
    CHECK(shop.train(run).exit_code == 0);
    check_numbers(run);
}

TEST_CASE("train: a model beyond the memory is refused before work starts") {
    const Workshop shop;
    ModelConfig config = tiny_config();
    config.vocab_size = 1 << 20;
    config.hidden_size = 1 << 20;
    const auto model = shop.folder / "large";
    write_file(model / "config.json", config_json(config).dump());
    // A sparse file: the right size without the bytes.
    Json header;
    std::uint64_t offset = 0;
    const auto add = [&](const std::string& name, std::vector<std::int64_t> shape) {
        std::uint64_t bytes = 2;
        for (const std::int64_t dim : shape) bytes *= static_cast<std::uint64_t>(dim);
        header[name] = {{"dtype", "BF16"}, {"shape", shape}, {"data_offsets", {offset, offset + bytes}}};
        offset += bytes;
    };
    const std::int64_t hidden = config.hidden_size, q = 32, kv = 16, ff = 48;
    add("model.embed_tokens.weight", {config.vocab_size, hidden});
    for (const char* layer : {"model.layers.0.", "model.layers.1."}) {
        const std::string prefix = layer;
        add(prefix + "self_attn.q_proj.weight", {q, hidden});
        add(prefix + "self_attn.k_proj.weight", {kv, hidden});
        add(prefix + "self_attn.v_proj.weight", {kv, hidden});
        add(prefix + "self_attn.o_proj.weight", {hidden, q});
        add(prefix + "mlp.gate_proj.weight", {ff, hidden});
        add(prefix + "mlp.up_proj.weight", {ff, hidden});
        add(prefix + "mlp.down_proj.weight", {hidden, ff});
        add(prefix + "input_layernorm.weight", {hidden});
        add(prefix + "post_attention_layernorm.weight", {hidden});
    }
    add("model.norm.weight", {hidden});
    write_raw_safetensors(model / "model.safetensors", header, "");
    std::error_code error;
    std::filesystem::resize_file(model / "model.safetensors",
                                 std::filesystem::file_size(model / "model.safetensors") + offset, error);
    if (error) {
        MESSAGE("skipped: this file system has no sparse file of 2 TiB");
        return;
    }
    const RunnerResult result = shop.train(shop.make_run("run", run_json(model)));
    CAPTURE(result.err);
    CHECK(result.exit_code == 4);
    CHECK(result.err.find("of memory") != std::string::npos);
    check_three_lines(result.err);
}

TEST_CASE("train: a full disk keeps the old checkpoint, leaves nothing half-written, and the run resumes") {
    const Workshop shop;
    const auto whole = shop.make_run("whole");
    REQUIRE(shop.train(whole).exit_code == 0);

    const auto disk = shop.folder / "disk";
    std::filesystem::create_directories(disk);
    // Room for two checkpoints with their optimizer state and a bit, not for the third that is written before
    // the oldest goes.
    const auto checkpoint_bytes =
        std::filesystem::file_size(whole / "checkpoints/step-000015/model.safetensors") * 3;
    const std::string size = "size=" + std::to_string(checkpoint_bytes * 5 / 2);
    if (::mount("wishbone-test", disk.c_str(), "tmpfs", 0, size.c_str()) != 0) {
        MESSAGE("skipped: mounting a small tmpfs needs root");
        return;
    }
    struct Unmount {
        std::filesystem::path path;
        ~Unmount() { ::umount2(path.c_str(), MNT_DETACH); }
    } const unmount{disk};

    const auto run = shop.make_run("disk/run");
    const RunnerResult result = shop.train(run);
    CAPTURE(result.err);
    CHECK(result.exit_code == 5);
    CHECK(result.err.find("No space left") != std::string::npos);
    check_three_lines(result.err);
    const auto failed = read_events(run / "events.jsonl").back();
    CHECK(failed["type"] == "failed");
    CHECK(failed["exitCode"] == 5);
    CHECK(names_containing(run, "tmp").empty());
    CHECK(std::filesystem::exists(run / "checkpoints/step-000008/state.json"));
    CHECK_FALSE(std::filesystem::exists(run / "checkpoints/step-000012"));

    // With room again, it goes on to the same weights.
    REQUIRE(::mount("wishbone-test", disk.c_str(), "tmpfs", MS_REMOUNT, "size=64m") == 0);
    CHECK(shop.train(run, true).exit_code == 0);
    CHECK(exported(run) == exported(whole));
    CHECK(events_of_type(run / "events.jsonl", "start").back()["resumedFrom"] == 8);
}

TEST_CASE("train: a file size limit acts as a full disk") {
    const Workshop shop;
    const auto run = shop.make_run("run");
    const RunnerResult result = shop.train(run, false, [] {
        const rlimit limit = {20000, 20000};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    });
    CAPTURE(result.err);
    CHECK(result.exit_code == 5);
    CHECK(read_events(run / "events.jsonl").back()["type"] == "failed");
    CHECK(names_containing(run, "tmp").empty());
    CHECK(names_containing(run, "step-").empty());
    CHECK(shop.train(run, true).exit_code == 0);
}

TEST_CASE(
    "train: on a CPU an offloaded optimizer is where it would be anyway; what is no such setting is named") {
    const Workshop workshop;
    const auto here = workshop.make_run("here");
    nlohmann::ordered_json json = run_json(workshop.model);
    json["runner"]["offload"] = "optimizer";
    const auto there = workshop.make_run("there", json);
    REQUIRE(workshop.train(here).exit_code == 0);
    REQUIRE(workshop.train(there).exit_code == 0);
    CHECK(exported(there) == exported(here));
    json["runner"]["offload"] = "gradients";
    const auto wrong = workshop.make_run("wrong", json);
    const RunnerResult refused = workshop.train(wrong);
    CHECK(refused.exit_code == 3);
    CHECK(refused.err.find("runner.offload") != std::string::npos);
}

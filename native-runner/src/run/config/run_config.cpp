#include "run/config/run_config.h"

#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "backend/registry.h"
#include "core/terminal.h"
#include "io/json.h"
#include "run/config/training_config.h"

namespace wishbone {

namespace {

constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t most_tokens = std::int64_t{1} << 20;

/// The runner does not use these parts; it checks them because a run.json with mistakes cannot repeat a run.
void check_description(JsonFields& fields, RunConfig& config) {
    fields.text("name");
    fields.text("created");
    fields.any("made_with");
    for (const char* name : {"dataset", "eval_dataset"}) {
        if (name == std::string("eval_dataset") && !fields.has(name)) continue;
        JsonFields dataset = fields.object(name);
        dataset.text("path");
        dataset.text("sha256");
        dataset.text("format");
        dataset.integer("pairs", 0, most);
        dataset.any("names");
        dataset.any("files");
        dataset.any("left_out");
        dataset.any("unread_columns");
        dataset.any("hub");
        dataset.no_others();
    }
    JsonFields plan = fields.object("plan");
    plan.text("format", "auto");
    plan.text("pairing", "all");
    plan.number("min_margin", 0, 1e9, 0);
    plan.integer("max_prompt_length", 0, most_tokens, 0);
    plan.number("eval_fraction", 0, 0.9, 0);
    plan.text("columns", "");
    plan.text("chat_template", "model");
    plan.text("on_bad_row", "stop");
    plan.text("order", "shuffle");
    plan.text("sharing");
    plan.integer("capacity", 16, most_tokens);
    plan.integer("batch_size", 1, 65536);
    plan.integer("epochs", 1, 1000);
    plan.integer("max_steps", 0, most, 0);
    config.seed = plan.integer("seed", 0, most);
    plan.integer("max_length", 4, most_tokens);
    plan.no_others();
}

/// A number of devices, or a list of GPUs.
void read_devices(JsonFields& runner, BackendChoice& backend) {
    constexpr int most_devices = 64, most_number = 1023;
    const nlohmann::ordered_json& devices = runner.any("devices");
    if (!devices.is_array()) {
        backend.devices = static_cast<int>(runner.integer("devices", 1, most_devices));
        return;
    }
    std::set<std::int64_t> seen;
    for (const auto& one : devices) {
        if (!one.is_number_integer() || one < 0 || one > most_number ||
            !seen.insert(one.get<std::int64_t>()).second)
            throw bad_input(one.dump() + " is not the number of a GPU, or not for the first time",
                            runner.where("devices"),
                            "Name different GPUs by their numbers, from 0 on: [0, 1].");
        backend.cuda_devices.push_back(one.get<int>());
    }
    if (seen.empty() || seen.size() > most_devices)
        throw bad_input("A list of " + std::to_string(seen.size()) + " GPUs", runner.where("devices"),
                        "Name one GPU at least and " + std::to_string(most_devices) + " at most.");
    if (backend.name == "cpu")
        throw bad_input("GPUs are named for a run on the CPU", runner.where("devices"),
                        "Give a number of devices, or the backend \"cuda\".");
}

}  // namespace

RunConfig RunConfig::read(const std::filesystem::path& run_folder) {
    const std::filesystem::path file = run_folder / "run.json";
    const auto json = parse_json(read_text(file), file.string());
    JsonFields fields(json, file.string(), "");
    if (fields.text("format") != "wishbone-run")
        throw bad_input("Not a Wishbone run", fields.where("format"), "Give a run folder made by Wishbone.");
    if (fields.integer("version", 0, most) != 1)
        throw bad_input("This version of the run format is not known", fields.where("version"),
                        "Use the version of Wishbone that made the run.");
    RunConfig config;
    config.id = fields.text("id");
    check_description(fields, config);
    JsonFields model = fields.object("model");
    config.model = run_folder / model.text("path");
    model.any("hub");
    model.no_others();
    config.own_files = run_folder / "tokenizer";
    config.training = read_training(fields.object("training"), run_folder);
    config.training_text = nlohmann::json(json["training"]).dump();
    JsonFields runner = fields.object("runner");
    std::vector<std::pair<std::string, std::string>> backends;
    for (const std::string& name : backend_choices()) backends.emplace_back(name, name);
    config.backend.name = runner.choice<std::string>("backend", backends);
    config.backend.threads = static_cast<int>(runner.integer("threads", 0, 4096));
    config.backend.cuda.device = static_cast<int>(runner.integer("device", 0, 1023, 0));
    if (runner.has("devices")) read_devices(runner, config.backend);
    config.backend.cuda.deterministic = runner.boolean("deterministic", false);
    // Older runs name a library there. It is code, and a run folder may come from anywhere: it is only loaded where the
    // command line or the environment names it.
    if (const std::string library = runner.text("cublaslt", ""); !library.empty())
        warn(runner.where("cublaslt") + ": not loaded; set WISHBONE_CUBLASLT to " + library +
             " if it is to be");
    if (runner.has("recompute")) {
        std::vector<std::pair<std::string, std::optional<Recompute>>> choices = {{"auto", std::nullopt}};
        for (const Recompute one : {Recompute::none, Recompute::mlp, Recompute::block})
            choices.emplace_back(name_of(one), one);
        config.recompute = runner.choice<std::optional<Recompute>>("recompute", choices);
    }
    if (runner.has("precision"))
        config.precision =
            runner.choice<Precision>("precision", {{"bf16", Precision::bf16}, {"fp8", Precision::fp8}});
    if (config.precision == Precision::fp8 && config.backend.name == "cpu")
        throw bad_input("FP8 is asked for on the CPU", runner.where("precision"),
                        "Set precision to \"bf16\", or backend to \"cuda\".");
    if (runner.has("shard")) {
        std::vector<std::pair<std::string, std::optional<Sharding>>> choices = {{"auto", std::nullopt}};
        for (const Sharding one : shardings) choices.emplace_back(name_of(one), one);
        config.shard = runner.choice<std::optional<Sharding>>("shard", choices);
    }
    if (runner.has("offload"))
        config.offload.optimizer = runner.choice<bool>("offload", {{"none", false}, {"optimizer", true}});
    runner.no_others();
    fields.no_others();
    return config;
}

}  // namespace wishbone

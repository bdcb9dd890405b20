#include "io/run_config.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "io/json.h"

namespace wishbone {

namespace {

constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();

/// The runner does not use these parts; it checks them because a run.json with mistakes cannot repeat a run.
void check_description(JsonFields& fields) {
    fields.text("name");
    fields.text("created");
    JsonFields dataset = fields.object("dataset");
    dataset.text("path");
    dataset.text("sha256");
    dataset.text("format");
    dataset.integer("pairs", 0, most);
    dataset.any("files");
    dataset.any("evaluation");
    dataset.no_others();
    JsonFields plan = fields.object("plan");
    plan.text("format", "auto");
    plan.text("pairing", "all");
    plan.number("min_margin", 0, 1e9, 0);
    plan.integer("max_prompt_length", 0, most, 0);
    plan.number("eval_fraction", 0, 1, 0);
    plan.text("sharing");
    plan.integer("capacity", 1, most);
    plan.integer("batch_size", 1, most);
    plan.number("epochs", 0, 1e9);
    plan.integer("seed", std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
    plan.integer("max_length", 1, most);
    plan.no_others();
}

template <typename Choice>
Choice choose(JsonFields& fields, const std::string& name,
              const std::vector<std::pair<std::string, Choice>>& choices) {
    const std::string text = fields.text(name);
    std::string known;
    for (const auto& [word, choice] : choices) {
        if (word == text) return choice;
        known += (known.empty() ? "\"" : ", \"") + word + "\"";
    }
    throw bad_input("\"" + text + "\" is not supported", fields.where(name), "Use one of " + known + ".");
}

TrainingOptions read_training(JsonFields fields) {
    choose<int>(fields, "loss_type", {{"sigmoid", 0}});
    TrainingOptions options;
    options.beta = fields.number("beta", 1e-9, 1e9);
    options.learning_rate = fields.number("learning_rate", 0, 1e3);
    options.schedule = choose<Schedule>(
        fields, "lr_scheduler_type",
        {{"constant", Schedule::constant}, {"linear", Schedule::linear}, {"cosine", Schedule::cosine}});
    options.warmup_ratio = fields.number("warmup_ratio", 0, 1);
    options.weight_decay = fields.number("weight_decay", 0, 1e3);
    // At 1 the bias correction divides by zero.
    options.adam_beta1 = fields.number("adam_beta1", 0, 0.999999);
    options.adam_beta2 = fields.number("adam_beta2", 0, 0.999999999);
    options.adam_epsilon = fields.number("adam_epsilon", 1e-30, 1);
    options.max_grad_norm = fields.number("max_grad_norm", 0, 1e30);
    options.reference = choose<ReferenceMode>(
        fields, "reference",
        {{"precompute", ReferenceMode::precompute}, {"in_step", ReferenceMode::in_step}});
    if (fields.has("adam_moments"))
        options.moments = choose<Moments>(fields, "adam_moments",
                                          {{"float32", Moments::f32}, {"bfloat16", Moments::bf16}});
    options.save_steps = fields.integer("save_steps", 0, most);
    options.save_total_limit = fields.integer("save_total_limit", 0, most);
    fields.no_others();
    return options;
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
    check_description(fields);
    JsonFields model = fields.object("model");
    config.model = run_folder / model.text("path");
    model.no_others();
    config.training = read_training(fields.object("training"));
    config.training_text = nlohmann::json(json["training"]).dump();
    JsonFields runner = fields.object("runner");
    config.backend.name = choose<std::string>(
        runner, "backend", {{"auto", "auto"}, {"cpu", "cpu"}, {"cuda", "cuda"}});
    config.backend.threads = static_cast<int>(runner.integer("threads", 0, 4096));
    config.backend.cuda.device = static_cast<int>(runner.integer("device", 0, 1023, 0));
    config.backend.cuda.deterministic = runner.boolean("deterministic", false);
    config.backend.cuda.cublaslt = runner.text("cublaslt", "");
    if (runner.has("recompute"))
        config.recompute = choose<Recompute>(
            runner, "recompute",
            {{"none", Recompute::none}, {"mlp", Recompute::mlp}, {"block", Recompute::block}});
    runner.no_others();
    fields.no_others();
    return config;
}

}  // namespace wishbone

#include "run/inputs.h"

#include <algorithm>

#include "core/error.h"
#include "core/sha256.h"
#include "model/plan_fits.h"
#include "pretrained/model_config.h"
#include "run/export.h"
#include "train/loss/losses.h"
#include "train/optimizer/schedule.h"

namespace wishbone {

namespace {

ReferencedPlan read_plan(const std::filesystem::path& folder, const char* name, const char* reference,
                         const ModelConfig& model) {
    const std::filesystem::path file = folder / name;
    ReferencedPlan read = {Plan::read(file), sha256_of_file(file), folder / reference};
    check_plan_fits(read.plan, file.string(), model);
    return read;
}

std::optional<ReferencedPlan> read_eval_plan(const std::filesystem::path& folder,
                                             const TrainingOptions& options, const ModelConfig& model) {
    if (options.eval_steps == 0) return std::nullopt;
    if (const auto file = folder / "eval-plan.safetensors"; !std::filesystem::exists(file))
        throw bad_input("There is nothing to evaluate on", file.string(),
                        "Start the run with an eval dataset, or set training.eval_steps to 0.");
    return read_plan(folder, "eval-plan.safetensors", "eval-reference.safetensors", model);
}

std::optional<AdapterWeights> read_adapter(const TrainingOptions& options,
                                           const std::vector<LoraModule>& modules) {
    if (modules.empty() || options.adapter.empty()) return std::nullopt;
    return std::optional<AdapterWeights>(std::in_place, options.adapter, modules);
}

std::optional<ModelConfig> read_reference_config(const TrainingOptions& options) {
    if (options.reference_model.empty()) return std::nullopt;
    return read_model_config(options.reference_model);
}

bool same_shape(const ModelConfig& a, const ModelConfig& b) {
    return a.vocab_size == b.vocab_size && a.hidden_size == b.hidden_size &&
           a.intermediate_size == b.intermediate_size && a.layers == b.layers &&
           a.query_heads == b.query_heads && a.kv_heads == b.kv_heads && a.head_dim == b.head_dim &&
           a.tie_word_embeddings == b.tie_word_embeddings;
}

}  // namespace

RunInputs::RunInputs(const std::filesystem::path& run_folder)
    : folder(run_folder),
      config(RunConfig::read(folder)),
      model(read_model_config(config.model)),
      train(read_plan(folder, "plan.safetensors", "reference.safetensors", model)),
      eval(read_eval_plan(folder, options(), model)),
      modules(adapter_modules(folder, model, options())),
      adapter(read_adapter(options(), modules)),
      reference_model(read_reference_config(options())) {
    check_schedule_fits(steps(), options(), run_json());
    if (!reference_model) return;
    const std::string where = run_json() + ": training.reference_model";
    check_plan_fits(train.plan, where, *reference_model);
    if (eval) check_plan_fits(eval->plan, where, *reference_model);
    if (options().sync_ref_model && !same_shape(*reference_model, model))
        throw bad_input("A reference of another shape cannot follow the policy", where,
                        "Set sync_ref_model to false, or use a reference of the same shape.");
}

double RunInputs::epoch_at(std::int64_t steps_done) const {
    return train.plan.epochs() * static_cast<double>(steps_done) / static_cast<double>(steps());
}

std::int64_t RunInputs::longest() const {
    return std::max(train.plan.longest_position(), eval ? eval->plan.longest_position() : 0);
}

bool RunInputs::precomputes_reference() const {
    return needs_reference(options().loss) && options().reference == ReferenceMode::precompute;
}

}  // namespace wishbone

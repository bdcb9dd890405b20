#include "train/reference/precomputed_reference.h"

#include <algorithm>
#include <string>

#include "core/error.h"
#include "core/sha256.h"
#include "core/version.h"
#include "model/rope_table.h"
#include "pretrained/model_config.h"
#include "train/reference/reference_file.h"

namespace wishbone {

namespace {

/// Of everything a model's function depends on.
std::string weights_sha256(const std::filesystem::path& folder, const ModelConfig& config, std::int64_t longest) {
    const bool by_length = std::ranges::any_of(config.ropes, depends_on_length);
    return ModelWeights(folder, config).content_sha256() + " " + sha256_of_file(folder / "config.json") +
           (by_length ? " " + std::to_string(longest) : "");
}

/// Of a PEFT folder.
std::string adapter_sha256(const std::filesystem::path& folder) {
    return sha256_of_file(folder / "adapter_model.safetensors") + " " + sha256_of_file(folder / "adapter_config.json");
}

}  // namespace

RunReference::RunReference(const RunConfig& config, const ModelConfig& model, std::int64_t longest, Backend& backend,
                           Trainer& trainer)
    : config_(config), model_(model), longest_(longest), backend_(backend), trainer_(trainer) {}

/// What a file in the run folder must have been made for: the settings of a run do not change.
std::string RunReference::made_for(const RunPlan& of) const {
    const TrainingOptions& training = config_.training;
    std::string text = of.sha256;
    if (training.loss.ld_alpha) text += " ld_alpha " + std::to_string(*training.loss.ld_alpha);
    if (!training.reference_model.empty()) text += " model " + training.reference_model.string();
    if (training.reference_is_start_adapter()) text += " adapter " + training.adapter.string();
    if (training.sft_steps > 0 && training.reference_model.empty())
        text += " after steps " + std::to_string(training.sft_steps);
    return text;
}

std::optional<PlanReference> RunReference::of_start_model(const RunPlan& of, const BinProgress& progress,
                                                          const StopRequested& stop) {
    const TrainingOptions& training = config_.training;
    PlanReference reference(of.plan, training.loss.ld_alpha);
    if (auto own = read_reference_logps(of.reference_file, made_for(of), reference.keys())) {
        reference.logps = std::move(*own);
        return reference;
    }
    const bool other = !training.reference_model.empty(), with_adapter = training.reference_is_start_adapter();
    const std::filesystem::path& folder = other ? training.reference_model : config_.model;
    const ModelConfig config = other ? read_model_config(folder) : model_;
    std::string content = "plan " + of.sha256 + "\nweights " + weights_sha256(folder, config, longest_) + "\nbackend " +
                          backend_.name() + " " + backend_.device_name() + " " + std::to_string(backend_.threads()) +
                          "\nversion " + version;
    if (with_adapter) content += "\nadapter " + adapter_sha256(training.adapter);
    if (training.loss.ld_alpha) content += "\nld_alpha " + std::to_string(*training.loss.ld_alpha);
    const ReferenceCache cache(content);
    if (auto cached = cache.find(reference.keys())) {
        reference.logps = std::move(*cached);
    } else {
        if (other && !other_) {
            check_plan_fits(of.plan, of.reference_file.string(), config);
            other_ = std::make_unique<ReferenceModel>(backend_, folder, longest_);
        }
        if (!trainer_.compute_reference(of.plan, reference, progress, stop, other_.get(), with_adapter)) return std::nullopt;
        cache.store(reference.logps);
    }
    write_reference_logps(of.reference_file, made_for(of), reference.logps);
    return reference;
}

std::optional<PlanReference> RunReference::of_policy(const RunPlan& of, const BinProgress& progress,
                                                     const StopRequested& stop) {
    PlanReference reference(of.plan, config_.training.loss.ld_alpha);
    if (!trainer_.compute_reference(of.plan, reference, progress, stop, nullptr, true)) return std::nullopt;
    write_reference_logps(of.reference_file, made_for(of), reference.logps);
    return reference;
}

PlanReference RunReference::kept(const RunPlan& of) const {
    PlanReference reference(of.plan, config_.training.loss.ld_alpha);
    auto own = read_reference_logps(of.reference_file, made_for(of), reference.keys());
    if (!own)
        throw bad_input("The reference log-probabilities of the model after sft_steps are gone",
                        of.reference_file.string(), "Restore the file, or remove the checkpoints after that step.");
    reference.logps = std::move(*own);
    return reference;
}

}  // namespace wishbone

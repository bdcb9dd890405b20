#include "train/reference/precomputed_reference.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/sha256.h"
#include "core/version.h"
#include "model/plan_fits.h"
#include "model/rope_table.h"
#include "pretrained/model_config.h"
#include "train/reference/reference_cache.h"
#include "train/reference/reference_file.h"

namespace wishbone {

namespace {

/// Of everything a model's function depends on.
std::string function_sha256(const std::filesystem::path& folder, WeightsHash& weights, std::int64_t longest) {
    const ModelConfig config = read_model_config(folder);
    const bool by_length = std::ranges::any_of(config.ropes, depends_on_length);
    std::string text = weights.get() + " " + sha256_of_file(folder / "config.json");
    if (by_length) text.append(" ").append(std::to_string(longest));
    return text;
}

/// Nothing for the usual one, under which there are files of before.
std::string precision_text(Precision precision, const char* before) {
    return precision == Precision::fp8 ? std::string(before) + "precision fp8" : std::string();
}

/// Of a PEFT folder.
std::string adapter_sha256(const std::filesystem::path& folder) {
    return sha256_of_file(folder / "adapter_model.safetensors") + " " +
           sha256_of_file(folder / "adapter_config.json");
}

}  // namespace

PrecomputedReference::PrecomputedReference(const TrainingOptions& options, const std::filesystem::path& model,
                                           WeightsHash& hash, std::int64_t longest, const Backend& backend,
                                           Precision precision, ReferencePass pass)
    : options_(options),
      model_(model),
      hash_(hash),
      longest_(longest),
      backend_(backend),
      precision_(precision),
      pass_(std::move(pass)) {}

/// What a file in the run folder must have been made for: the settings of a run do not change.
std::string PrecomputedReference::made_for(const ReferencedPlan& of) const {
    std::string text = of.sha256;
    if (options_.loss.ld_alpha) text += " ld_alpha " + std::to_string(*options_.loss.ld_alpha);
    if (!options_.reference_model.empty()) text += " model " + options_.reference_model.string();
    if (options_.reference_is_start_adapter()) text += " adapter " + options_.adapter.string();
    if (options_.reference_follows_sft()) text += " after steps " + std::to_string(options_.sft_steps);
    return text + precision_text(precision_, " ");
}

/// What the shared cache's numbers depend on.
std::string PrecomputedReference::content_of(const ReferencedPlan& of) {
    std::string content = "plan " + of.sha256 + "\nweights " + function_sha256(model_, hash_, longest_) +
                          "\nbackend " + backend_.name() + " " + backend_.device_name() + " " +
                          std::to_string(backend_.threads()) + "\nversion " + version;
    if (options_.reference_is_start_adapter()) content += "\nadapter " + adapter_sha256(options_.adapter);
    if (options_.loss.ld_alpha) content += "\nld_alpha " + std::to_string(*options_.loss.ld_alpha);
    return content + precision_text(precision_, "\n");
}

std::optional<PlanReference> PrecomputedReference::of_start_model(const ReferencedPlan& of,
                                                                  const BinProgress& progress,
                                                                  const StopRequested& stop) {
    PlanReference reference(of.plan, options_.loss.ld_alpha);
    if (auto own = read_reference_logps(of.reference_file, made_for(of), reference.keys())) {
        reference.logps = std::move(*own);
        return reference;
    }
    const ReferenceCache cache(content_of(of));
    if (auto cached = cache.find(reference.keys())) {
        reference.logps = std::move(*cached);
    } else {
        const bool is_other = !options_.reference_model.empty();
        if (is_other)
            check_plan_fits(of.plan, of.reference_file.string(), read_model_config(options_.reference_model));
        const ReferencedModel model = is_other                                ? ReferencedModel::other
                                      : options_.reference_is_start_adapter() ? ReferencedModel::policy
                                                                              : ReferencedModel::base;
        if (!pass_(model, of.plan, reference, progress, stop)) return std::nullopt;
        cache.store(reference.logps);
    }
    write_reference_logps(of.reference_file, made_for(of), reference.logps);
    return reference;
}

std::optional<PlanReference> PrecomputedReference::of_policy(const ReferencedPlan& of,
                                                             const BinProgress& progress,
                                                             const StopRequested& stop) {
    PlanReference reference(of.plan, options_.loss.ld_alpha);
    if (!pass_(ReferencedModel::policy, of.plan, reference, progress, stop)) return std::nullopt;
    write_reference_logps(of.reference_file, made_for(of), reference.logps);
    return reference;
}

PlanReference PrecomputedReference::kept(const ReferencedPlan& of) const {
    PlanReference reference(of.plan, options_.loss.ld_alpha);
    auto own = read_reference_logps(of.reference_file, made_for(of), reference.keys());
    if (!own)
        throw bad_input("The reference log-probabilities of the model after sft_steps are gone",
                        of.reference_file.string(),
                        "Restore the file, or remove the checkpoints after that step.");
    reference.logps = std::move(*own);
    return reference;
}

}  // namespace wishbone

#include "run/models_used.h"

#include "core/error.h"
#include "core/sha256.h"
#include "train/loss/losses.h"

namespace wishbone {

namespace {

/// A model of its own gives the reference to every step, and no checkpoint holds it.
bool reads_reference_model(const RunInputs& inputs) {
    const TrainingOptions& options = inputs.options();
    if (!needs_reference(options.loss) || inputs.precomputes_reference()) return false;
    return !options.sync_ref_model && !options.reference_follows_sft();
}

}  // namespace

ModelsUsed::ModelsUsed(const RunInputs& inputs, WeightsHash& hash) : own_(inputs.config.model) {
    const TrainingOptions& options = inputs.options();
    const bool is_one_model = options.reference_model.empty();
    const bool reads_reference = reads_reference_model(inputs);
    const bool reads_start = !inputs.modules.empty() || (is_one_model && reads_reference);
    used_.push_back({"model/config.json", "The config of the model", inputs.config.model / "config.json"});
    if (reads_start)
        used_.push_back(
            {"model/weights", "The weights of the model", inputs.config.model, is_one_model ? &hash : &own_});
    if (reads_reference && !is_one_model) {
        used_.push_back({"reference_model/config.json", "The config of the reference model",
                         options.reference_model / "config.json"});
        used_.push_back({"reference_model/weights", "The weights of the reference model",
                         options.reference_model, &hash});
    }
    if (!options.adapter.empty())
        used_.push_back({"adapter/adapter_config.json", "The config of the adapter",
                         options.adapter / "adapter_config.json"});
    for (const Used& one : used_) {
        if (one.weights != nullptr)
            one.weights->begin();
        else
            hashes_[one.name] = sha256_of_file(one.file);
    }
}

const ModelHashes& ModelsUsed::hashes() {
    if (hashes_.size() < used_.size())
        for (const Used& one : used_)
            if (one.weights != nullptr) hashes_[one.name] = one.weights->get();
    return hashes_;
}

void ModelsUsed::check(const ModelHashes& earlier) {
    for (const Used& one : used_) {
        const auto found = earlier.find(one.name);
        if (found == earlier.end() || found->second == hashes().at(one.name)) continue;
        const bool is_config = one.weights == nullptr;
        throw bad_input(one.what + (is_config ? " is not the one" : " are not those") + " the run began with",
                        one.file.string(),
                        "Restore the files of the model as they were, or start a new run.");
    }
}

}  // namespace wishbone

#include "run/resume.h"

#include "core/error.h"
#include "io/atomic_file.h"

namespace wishbone {

std::optional<Checkpoint> checkpoint_to_resume(const RunInputs& inputs) {
    remove_leftovers(inputs.folder);
    remove_leftovers(inputs.folder / "checkpoints");
    std::optional<Checkpoint> checkpoint = newest_checkpoint(inputs.folder);
    if (!checkpoint) return checkpoint;
    const CheckpointState& state = checkpoint->state;
    const char* advice = "Restore the files of the run as they were, or start a new run.";
    if (state.plan_sha256 != inputs.train.sha256)
        throw bad_input("The plan is not the one the checkpoint was trained with",
                        (inputs.folder / "plan.safetensors").string(), advice);
    if (state.training != inputs.config.training_text)
        throw bad_input("The training settings are not those the checkpoint was trained with",
                        inputs.run_json() + ": training", advice);
    if (state.step > inputs.steps())
        throw bad_input("The checkpoint is of a later step than the plan has", checkpoint->folder.string(),
                        advice);
    remove_surplus(*checkpoint, inputs.options());
    return checkpoint;
}

}  // namespace wishbone

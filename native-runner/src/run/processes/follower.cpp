#include "run/processes/follower.h"

#include <optional>
#include <string>
#include <utility>

#include "core/error.h"
#include "run/checkpoint/checkpoint.h"
#include "run/processes/command.h"

namespace wishbone {

namespace {

/// `numbers` by key, or none yet.
PlanReference reference_of(const Plan& plan, const RunInputs& inputs, std::vector<double> numbers = {}) {
    PlanReference reference(plan, inputs.options().loss.ld_alpha);
    // Losses without a reference have none.
    if (!numbers.empty() && numbers.size() != reference.keys())
        throw Error(ExitCode::internal, "The reference does not fit the plan", inputs.folder.string(),
                    "This is a fault of the runner: report it.");
    reference.logps = std::move(numbers);
    return reference;
}

/// The one that the first process goes on from: it has told of damaged ones.
Checkpoint checkpoint_of(const RunInputs& inputs, std::int64_t step) {
    auto checkpoint = newest_checkpoint(inputs.folder);
    if (!checkpoint || checkpoint->state.step != step)
        throw bad_input(
            "The checkpoint that the first process goes on from is not here",
            (inputs.folder / checkpoint_path(step)).string(),
            "All machines of a run need the same run folder: put it on a file system that they share.");
    return std::move(*checkpoint);
}

const Plan& eval_plan(const RunInputs& inputs) {
    if (!inputs.eval)
        throw Error(ExitCode::internal, "There is nothing to evaluate on", inputs.folder.string(),
                    "This is a fault of the runner: report it.");
    return inputs.eval->plan;
}

}  // namespace

void follow(const RunInputs& inputs, Devices& devices, Replicas& replicas, const StopRequested& stop) {
    while (std::optional<Command> told = devices.next_command()) {
        Command& command = *told;
        switch (command.what) {
            case Command::What::step:
                replicas.step(inputs.train.plan, command.number, command.value);
                break;
            case Command::What::evaluate: {
                const Plan& plan = eval_plan(inputs);
                (void)replicas.evaluate(plan, reference_of(plan, inputs, std::move(command.numbers)), stop);
                break;
            }
            case Command::What::compute_reference: {
                const Plan& plan = command.value != 0 ? eval_plan(inputs) : inputs.train.plan;
                PlanReference reference = reference_of(plan, inputs);
                replicas.compute_reference(
                    static_cast<ReferencedModel>(command.number), plan, reference,
                    [](std::int64_t, std::int64_t) {}, stop);
                break;
            }
            case Command::What::set_reference:
                replicas.set_reference(reference_of(inputs.train.plan, inputs, std::move(command.numbers)));
                break;
            case Command::What::take_reference:
                replicas.take_reference();
                break;
            case Command::What::use_reference_model:
                replicas.use_reference_model();
                break;
            case Command::What::load_checkpoint:
                replicas.load(checkpoint_of(inputs, command.number));
                break;
        }
    }
}

}  // namespace wishbone

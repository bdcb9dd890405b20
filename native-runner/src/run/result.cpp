#include "run/result.h"

#include <optional>

#include "io/atomic_file.h"
#include "io/json.h"
#include "report/model_card.h"
#include "report/trainer_state.h"
#include "run/checkpoint/checkpoint.h"
#include "run/export.h"

namespace wishbone {

namespace {

using Json = nlohmann::ordered_json;

}  // namespace

Json trainer_state_of(const std::filesystem::path& run_folder, const TrainingOptions& options,
                      const BestModel& best, std::int64_t done, std::int64_t steps) {
    return trainer_state(run_folder / "events.jsonl",
                         {done, steps, best.step(), best.metric(), options.eval_steps, options.save_steps});
}

Json write_trainer_state(const RunInputs& inputs, const RunLock& lock, const BestModel& best,
                         std::int64_t done) {
    lock.check();
    Json state = trainer_state_of(inputs.folder, inputs.options(), best, done, inputs.steps());
    write_text(inputs.folder / "trainer_state.json", state.dump(2) + "\n");
    return state;
}

std::optional<std::int64_t> export_result(const RunInputs& inputs, const RunLock& lock, Replicas& replicas,
                                          const BestModel& best, Reporter& reporter,
                                          const std::filesystem::path& written) {
    reporter.begin_phase("export");
    const TrainingOptions& options = inputs.options();
    Replica& replica = replicas.first();
    const PlacedTensors weights = trained_weights(replicas.trainers());
    const std::int64_t done = replica.trainer().updates();
    const Json state = write_trainer_state(inputs, lock, best, done);
    std::optional<std::int64_t> step;
    std::filesystem::path same = written;
    if (options.load_best_model_at_end && best.step() && *best.step() != done) {
        step = best.step();
        const bool of_all = weights.places().size() > 1;
        replicas.each([&](Replica& each) {
            if (of_all || &each == &replica) load_weights(inputs.folder, *step, each.trainer());
        });
        same = weights_file(inputs.folder, *step);
    }
    const bool merge = options.merge_adapter;
    lock.check();
    export_trained({inputs.config, inputs.model, inputs.modules}, weights, inputs.folder / "export",
                   merge ? std::optional(inputs.folder / "adapter") : std::nullopt, same);
    const Json run = parse_json(read_text(inputs.run_json()), inputs.run_json());
    ModelCardFacts facts = {replica.backend().device_name(), replica.has_adapter() && !merge,
                            step.value_or(done)};
    write_text(inputs.folder / "export" / "README.md", model_card(run, state, facts));
    if (merge) {
        facts.is_adapter = true;
        write_text(inputs.folder / "adapter" / "README.md", model_card(run, state, facts));
    }
    return step;
}

}  // namespace wishbone

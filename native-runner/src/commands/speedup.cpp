#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "commands/commands.h"
#include "commands/loaded_model.h"
#include "core/error.h"
#include "model/plan_fits.h"
#include "train/optimizer/schedule.h"
#include "train/trainer.h"

namespace wishbone {

namespace {

using Json = nlohmann::ordered_json;

void print_line(const Json& json) {
    std::printf("%s\n", json.dump().c_str());
    if (std::fflush(stdout) != 0)
        throw Error(ExitCode::cannot_write, "Cannot write the result", "standard output",
                    "Check where it goes.");
}

/// Sorted dataset rows of a step: what it trains on, whatever the packing.
std::vector<std::int32_t> rows_of_step(const Plan& plan, std::int64_t step) {
    const auto [begin, end] = plan.pairs_of_step(step);
    std::vector<std::int32_t> rows(plan.pair_row.begin() + begin, plan.pair_row.begin() + end);
    std::ranges::sort(rows);
    return rows;
}

void check_same_pairs(const Plan& shared, const Plan& naive, const SpeedupArguments& arguments) {
    bool same = shared.steps() == naive.steps();
    for (std::int64_t s = 0; same && s < shared.steps(); ++s)
        same = rows_of_step(shared, s) == rows_of_step(naive, s);
    if (!same)
        throw bad_input("The two plans do not train the same pairs in the same steps",
                        arguments.shared_plan.string() + " and " + arguments.naive_plan.string(),
                        "Make both plans from one dataset with the same settings but for sharing.");
}

double timed_step(Trainer& trainer, const Plan& plan, std::int64_t step, double learning_rate) {
    const auto start = std::chrono::steady_clock::now();
    trainer.step(plan, step, learning_rate);
    trainer.backend().synchronize();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Steps that are done once more to see where their time goes.
constexpr std::int64_t most_phase_steps = 4;

/// Seconds of a plan's first steps by phase: each pass over a step's bins by itself, and what is left of the whole step.
/// Of two times the shorter: what else the machine does only ever adds.
Json timed_phases(LoadedModel& model, Trainer& trainer, const Plan& plan, double learning_rate) {
    Transformer& transformer = model.transformer();
    const auto seconds = [&](auto&& work) {
        double shortest = std::numeric_limits<double>::infinity();
        for (int turn = 0; turn < 2; ++turn) {
            const auto start = std::chrono::steady_clock::now();
            work();
            model.backend().synchronize();
            shortest = std::min(
                shortest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
        }
        return shortest;
    };
    double reference = 0, forward = 0, whole = 0;
    for (std::int64_t s = 0; s < std::min(plan.steps(), most_phase_steps); ++s) {
        const auto [begin, end] = plan.bins_of_step(s);
        const auto pass = [&, begin = begin, end = end](bool keep) {
            for (std::int64_t b = begin; b < end; ++b) {
                const BinView view = plan.bin(b);
                transformer.forward(model.parameters(), *transformer.prepare(view), keep);
            }
        };
        reference += seconds([&] { pass(false); });
        forward += seconds([&] { pass(true); });
        whole += seconds([&] { trainer.step(plan, s, learning_rate); });
    }
    return {{"reference", reference},
            {"forward", forward},
            {"backward", std::max(0.0, whole - reference - forward)}};
}

/// Required FLOPs of one round: reference forward, policy forward, and backward, which is twice a forward.
double round_flops(const Plan& plan) {
    double flops = 0;
    for (const double forward : plan.bin_flops) flops += 4 * forward;
    return flops;
}

}  // namespace

void speedup_command(const SpeedupArguments& arguments) {
    const Plan shared = Plan::read(arguments.shared_plan);
    const Plan naive = Plan::read(arguments.naive_plan);
    check_same_pairs(shared, naive, arguments);
    LoadedModel model(arguments.model, arguments.backend);
    check_plan_fits(shared, arguments.shared_plan.string(), model.config());
    check_plan_fits(naive, arguments.naive_plan.string(), model.config());
    model.transformer().expect_length(std::max(shared.longest_position(), naive.longest_position()));

    TrainingOptions options;
    options.reference = ReferenceMode::in_step;
    // One trainer for both plans: the work of a step does not depend on the weights' values, and neither plan
    // gets memory that is warmer than the other's.
    Trainer trainer(model.backend(), model.transformer(), model.parameters(), options);
    const double ceiling = model.backend().measure_matmul_ceiling();
    const std::int64_t steps = shared.steps();

    // Not timed: the first steps pay for memory that is touched for the first time.
    trainer.step(naive, 0, learning_rate_at(0, steps, options));
    trainer.step(shared, 0, learning_rate_at(0, steps, options));

    Json rounds = Json::array();
    for (int round = 1; round <= arguments.rounds; ++round) {
        double shared_seconds = 0, naive_seconds = 0;
        for (std::int64_t s = 0; s < steps; ++s) {
            const double learning_rate = learning_rate_at(s, steps, options);
            shared_seconds += timed_step(trainer, shared, s, learning_rate);
            naive_seconds += timed_step(trainer, naive, s, learning_rate);
            print_line({{"type", "progress"},
                        {"round", round},
                        {"rounds", arguments.rounds},
                        {"step", s + 1},
                        {"steps", steps}});
        }
        rounds.push_back({{"sharedSeconds", shared_seconds}, {"naiveSeconds", naive_seconds}});
    }
    const double learning_rate = learning_rate_at(0, steps, options);
    const Json phases = {{"shared", timed_phases(model, trainer, shared, learning_rate)},
                         {"naive", timed_phases(model, trainer, naive, learning_rate)}};
    print_line({{"type", "result"},
                {"rounds", rounds},
                {"phases", phases},
                {"sharedFlops", round_flops(shared)},
                {"naiveFlops", round_flops(naive)},
                {"sharedTokens", shared.tokens()},
                {"naiveTokens", naive.tokens()},
                {"pairs", shared.pairs()},
                {"steps", steps},
                {"ceilingFlops", ceiling},
                {"device", model.backend().device_name()},
                {"threads", model.backend().threads()}});
}

}  // namespace wishbone

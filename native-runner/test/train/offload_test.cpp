#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "comm/rank_threads.h"
#include "run/checkpoint/checkpoint.h"
#include "run/checkpoint/snapshot.h"
#include "support/checkpoints.h"
#include "support/distant_backend.h"
#include "support/files.h"
#include "support/loaded_run.h"
#include "support/tiny_training.h"

using namespace wishbone;
using namespace wishbone::test;

// An optimizer whose state is in the host's memory trains as one whose state is on the device, bit by bit, on a device that cannot
// reach that memory.

namespace {

constexpr Offload none = {};
constexpr Offload in_parts(std::int64_t piece) { return {.optimizer = true, .piece = piece}; }

/// What training came to, as a checkpoint has it, and what its steps said.
struct Outcome {
    std::vector<double> said;
    std::vector<float> state;
    bool operator==(const Outcome&) const = default;
};

/// A number of ranks, each with a run.
class Ranks {
  public:
    Ranks(int size, const TrainingOptions& options, Sharding sharding, Offload offload,
          std::uint32_t seed = 9)
        : options_(options), communicators_(make_thread_ranks(size)), threads_(pointers()) {
        runs_.resize(communicators_.size());
        each([&](std::size_t rank) {
            runs_[rank] = std::make_unique<LoadedRun>(config, options, seed, 1, *communicators_[rank],
                                                      sharding, offload);
        });
    }

    void each(const std::function<void(std::size_t)>& work) { threads_.run(work); }
    LoadedRun& run(std::size_t rank) { return *runs_[rank]; }
    Trainers trainers() {
        Trainers all;
        for (const auto& run : runs_) all.push_back(&run->trainer);
        return all;
    }

    Outcome train(const Plan& plan, std::int64_t begin = 0, std::int64_t end = -1) {
        Outcome outcome;
        each([&](std::size_t rank) {
            Trainer& trainer = run(rank).trainer;
            for (std::int64_t s = begin; s < (end < 0 ? plan.steps() : end); ++s) {
                const StepResult result = trainer.step(plan, s, learning_rate_at(s, plan.steps(), options_));
                if (rank > 0) continue;
                outcome.said.push_back(result.mean.loss);
                outcome.said.push_back(result.grad_norm);
            }
        });
        std::vector<float> one;
        for (const CheckpointFile& file : whole_checkpoint(trainers(), options_, plan.steps()))
            for (const Prefixed& set : file.sets)
                for (std::size_t i = 0; i < set.tensors.named().size(); ++i) {
                    set.tensors.read(i, one);
                    outcome.state.insert(outcome.state.end(), one.begin(), one.end());
                }
        return outcome;
    }

  private:
    std::vector<Communicator*> pointers() const {
        std::vector<Communicator*> plain;
        for (const auto& one : communicators_) plain.push_back(one.get());
        return plain;
    }

    TrainingOptions options_;
    std::vector<std::unique_ptr<HostCommunicator>> communicators_;
    RankThreads threads_;
    std::vector<std::unique_ptr<LoadedRun>> runs_;
};

TrainingOptions in_step() {
    TrainingOptions options = strong_options();
    options.reference = ReferenceMode::in_step;
    return options;
}

void check_offload(const Plan& plan, const TrainingOptions& options) {
    for (const int size : {1, 3})
        for (const Sharding sharding : shardings) {
            if (size == 1 && sharding != Sharding::none) continue;
            CAPTURE(size);
            CAPTURE(name_of(sharding));
            const Outcome expected = Ranks(size, options, sharding, none).train(plan);
            // One that divides groups and tensors anywhere, and the usual one.
            for (const Offload offload : {in_parts(97), in_parts(1024), Offload{.optimizer = true}})
                CHECK(Ranks(size, options, sharding, offload).train(plan) == expected);
        }
}

}  // namespace

TEST_CASE("bitwise: an offloaded optimizer trains as one on the device, whatever ranks share out") {
    const Plan plan = random_plan(Packing::shared, 2);
    check_offload(plan, in_step());

    TrainingOptions groups = in_step();
    groups.parameter_groups = {{"*.mlp.*", 1e-3, 0.2}, {"*.input_layernorm.*", 0.0, std::nullopt}};
    groups.max_grad_norm = 0.01;
    check_offload(plan, groups);

    TrainingOptions lora = in_step();
    lora.lora.emplace();
    lora.lora->r = 4;
    lora.lora->target_modules = {"q_proj", "v_proj", "down_proj"};
    check_offload(plan, lora);

    TrainingOptions follows = in_step();
    follows.sync_ref_model = true;
    follows.ref_model_sync_steps = 2;
    follows.ref_model_mixup_alpha = 0.25;
    check_offload(plan, follows);
}

TEST_CASE("an offloaded optimizer leaves its state to the host, and the device has room for a part of it") {
    const Plan plan = random_plan(Packing::shared);
    LoadedRun here(config, in_step()),
        there(config, in_step(), 9, 1, single_rank(), Sharding::none, Offload{.optimizer = true});
    for (LoadedRun* const run : {&here, &there}) run->trainer.step(plan, 0, 1e-3);
    const std::size_t moments = 2 * here.policy.flat().bytes();
    CHECK(there.backend->host().peak_memory() == moments);
    CHECK(&there.trainer.optimizer().first_moment().backend() == &there.backend->host());
    CHECK(there.backend->peak_memory() < here.backend->peak_memory() - moments / 2);
    CHECK(dynamic_cast<DistantBackend&>(*there.backend).streamed >= 16);
}

TEST_CASE("a CPU's memory is the host's: offloading changes nothing there") {
    const auto backend = make_cpu_backend(1);
    CHECK(&backend->host() == backend.get());
}

TEST_CASE("checkpoints of an offloaded optimizer have the same bytes, and go on with it or without") {
    const TrainingOptions options = in_step();
    const Plan plan = random_plan(Packing::shared, 2);
    for (const Sharding sharding : {Sharding::none, Sharding::optimizer}) {
        Ranks whole(2, options, sharding, none);
        const TemporaryFolder folder;
        std::vector<std::string> files;
        for (const Offload offload : {none, in_parts(320)}) {
            Ranks first(2, options, sharding, offload);
            first.train(plan, 0, 3);
            const auto run = folder / (offload.optimizer ? "there" : "here");
            std::filesystem::create_directory(run);
            const auto path = run / write_whole(run, {3, 17, "plan", "{}", {}}, first.trainers(), options);
            for (const char* name : {"model.safetensors", "optimizer.safetensors", "state.json"})
                files.push_back(read_file(path / name));
        }
        for (std::size_t i = 0; i < 3; ++i) CHECK(files[i] == files[i + 3]);

        whole.train(plan, 0, 3);
        const Outcome expected = whole.train(plan, 3);
        for (const auto& [from, to] : {std::pair("here", in_parts(320)), std::pair("there", none),
                                       std::pair("there", in_parts(1024))}) {
            // The start model is the same: it is the reference.
            Ranks second(2, options, sharding, to);
            second.each([&](std::size_t rank) {
                load_checkpoint(*newest_checkpoint(folder / from), second.run(rank).trainer);
            });
            CHECK(second.train(plan, 3) == expected);
        }
    }
}

TEST_CASE("copies of an offloaded state are taken where it lies, and written while training goes on") {
    const TrainingOptions options = in_step();
    const Plan plan = random_plan(Packing::shared);
    Ranks ranks(1, options, Sharding::none, in_parts(320));
    ranks.train(plan, 0, 1);
    const CheckpointFiles files = whole_checkpoint(ranks.trainers(), options, 1);
    Backend& device = *ranks.run(0).backend;
    // The device has not all of it.
    CHECK_FALSE(Snapshot(device, device, std::size_t{1} << 30).reserve(files));
    const auto host = make_cpu_backend(1);
    Snapshot snapshot(device, *host, std::size_t{1} << 30);
    REQUIRE(snapshot.reserve(files));
    const TemporaryFolder folder;
    const auto written = [&](const std::string& name, const CheckpointFiles& from) {
        return written_state(folder / name, {1, 17, "plan", "{}", {}}, from, options);
    };
    snapshot.copy(files);
    const std::string now = written("now", files);
    ranks.train(plan, 1);
    CHECK(written("later", files) != now);
    CHECK(written("copied", snapshot.copied(files)) == now);
}

#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "plan/plan.h"
#include "pretrained/model_weights.h"
#include "support/distant_backend.h"
#include "support/plan_columns.h"
#include "support/random_model.h"
#include "support/temporary_folder.h"
#include "train/ranks/rank_model.h"
#include "train/trainer.h"

namespace wishbone::test {

/// A random tiny model on the CPU backend with a trainer, in this process. Where anything is offloaded, the backend plays a device
/// with memory of its own.
struct LoadedRun {
    LoadedRun(const ModelConfig& config, const TrainingOptions& options, std::uint32_t seed = 9,
              int threads = 1, Communicator& ranks = single_rank(), Sharding sharding = Sharding::none,
              Offload offload = {})
        : backend(offload.optimizer ? std::make_unique<DistantBackend>(threads) : make_cpu_backend(threads)),
          model(*backend, config, ranks, sharding, !options.lora),
          policy(model.policy(nullptr).base),
          transformer(*backend, config),
          adapter(options.lora ? std::optional<Lora>(std::in_place, *backend, config,
                                                     lora_modules(config, *options.lora, "test"), DType::f32,
                                                     parts_of(ranks, sharding))
                               : std::nullopt),
          trainer((load(config, seed), *backend), transformer, model.policy(adapter ? &*adapter : nullptr),
                  options, ranks, sharding, offload) {
        if (adapter) initialise(*backend, *adapter, seed);
    }

    std::vector<float> values(const NamedTensors& parameters) const {
        std::vector<float> all;
        for (const NamedTensor& parameter : parameters.named()) {
            std::vector<float> part(static_cast<std::size_t>(parameter.tensor.size()));
            download_floats(parameters.backend(), part, parameter.tensor);
            all.insert(all.end(), part.begin(), part.end());
        }
        return all;
    }

    std::unique_ptr<Backend> backend;
    RankModel model;
    Parameters& policy;
    Transformer transformer;
    std::optional<Lora> adapter;
    Trainer trainer;

  private:
    void load(const ModelConfig& config, std::uint32_t seed) {
        const TemporaryFolder folder;
        write_random_model(folder.path(), config, seed);
        ModelWeights(folder.path(), config).load(*backend, model.kept());
        model.changed();
    }
};

inline Plan read_plan(const PlanColumns& columns) {
    const TemporaryFolder folder;
    columns.write(folder / "plan");
    return Plan::read(folder / "plan");
}

}  // namespace wishbone::test

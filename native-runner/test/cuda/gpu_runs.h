#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "comm/nccl/nccl_ranks.h"
#include "comm/rank_threads.h"
#include "pretrained/model_weights.h"
#include "run/checkpoint/checkpoint.h"
#include "support/loaded_run.h"
#include "train/optimizer/schedule.h"
#include "train/ranks/rank_model.h"

namespace wishbone::test {

inline ModelConfig small_config(bool tied) {
    ModelConfig config = tiny_config(tied);
    config.vocab_size = 1000;
    config.hidden_size = 256;
    config.intermediate_size = 512;
    config.layers = 5;
    config.query_heads = 4;
    config.kv_heads = 2;
    config.head_dim = 64;
    return config;
}

inline TrainingOptions strong_gpu_options() {
    TrainingOptions options;
    options.loss.beta = 0.2;
    options.learning_rate = 1e-3;
    options.weight_decay = 0.05;
    // The norm is summed in another order where gradients are shared out.
    options.max_grad_norm = 0;
    options.reference = ReferenceMode::in_step;
    return options;
}

/// A model and a trainer on one GPU.
struct GpuRun {
    GpuRun(Backend& backend, const ModelConfig& config, const TrainingOptions& options, Communicator& ranks,
           Sharding sharding, Offload offload = {})
        : model(backend, config, ranks, sharding, !options.lora),
          transformer(backend, config),
          adapter(options.lora ? std::optional<Lora>(std::in_place, backend, config,
                                                     lora_modules(config, *options.lora, "test"), DType::bf16,
                                                     parts_of(ranks, sharding))
                               : std::nullopt),
          trainer((load(backend, config), backend), transformer, model.policy(adapter ? &*adapter : nullptr),
                  options, ranks, sharding, offload) {
        if (!adapter) return;
        initialise(trainer.optimizer().master().backend(), trainer.optimizer().master(), 5);
        trainer.optimizer().master_changed();
    }

    RankModel model;
    Transformer transformer;
    std::optional<Lora> adapter;
    Trainer trainer;

  private:
    void load(Backend& backend, const ModelConfig& config) {
        const TemporaryFolder folder;
        write_random_model(folder.path(), config, 9, FileDType::bf16);
        ModelWeights(folder.path(), config).load(backend, model.kept());
        model.changed();
    }
};

/// One or two GPUs, each with a run.
class Gpus {
  public:
    Gpus(int size, const ModelConfig& config, const TrainingOptions& options, Sharding sharding,
         Offload offload = {}) {
        std::vector<Backend*> plain;
        for (int rank = 0; rank < size; ++rank) {
            CudaOptions cuda;
            cuda.device = rank;
            cuda.deterministic = true;
            backends_.push_back(make_cuda_backend(cuda));
            plain.push_back(backends_.back().get());
        }
        std::vector<Communicator*> ranks = {&single_rank()};
        if (size > 1) {
            communicators_ = make_nccl_ranks(plain, "", std::chrono::seconds(120));
            ranks.clear();
            for (const auto& one : communicators_) ranks.push_back(one.get());
        }
        threads_ = std::make_unique<RankThreads>(ranks);
        runs_.resize(static_cast<std::size_t>(size));
        threads_->run([&](std::size_t rank) {
            backends_[rank]->make_current();
            runs_[rank] =
                std::make_unique<GpuRun>(*backends_[rank], config, options, *ranks[rank], sharding, offload);
        });
    }

    /// Losses and norms of the steps, on the first; all say the same. Updates go on beside the next step where they may, as in runs.
    std::vector<double> train(const Plan& plan, const TrainingOptions& options, std::int64_t begin = 0) {
        std::vector<std::vector<double>> said(runs_.size());
        threads_->run([&](std::size_t rank) {
            for (std::int64_t s = begin; s < plan.steps(); ++s) {
                const StepResult result =
                    runs_[rank]->trainer.step(plan, s, learning_rate_at(s, plan.steps(), options), true);
                said[rank].push_back(result.mean.loss);
                said[rank].push_back(result.grad_norm);
            }
        });
        for (const auto& one : said) CHECK(one == said[0]);
        return said[0];
    }

    Trainers trainers() {
        Trainers all;
        for (const auto& run : runs_) all.push_back(&run->trainer);
        return all;
    }
    void load(const std::filesystem::path& folder) {
        threads_->run(
            [&](std::size_t rank) { load_checkpoint(*newest_checkpoint(folder), runs_[rank]->trainer); });
    }
    Backend& backend(std::size_t rank) { return *backends_[rank]; }
    std::size_t peak() const {
        std::size_t most = 0;
        for (const auto& backend : backends_) most = std::max(most, backend->peak_memory());
        return most;
    }

    /// Masters and moments as a checkpoint has them, and that the weights which each computes with are the same.
    std::vector<float> state(const TrainingOptions& options) {
        std::vector<float> all, one;
        for (const CheckpointFile& file : whole_checkpoint(trainers(), options, 0))
            for (const Prefixed& set : file.sets)
                for (std::size_t i = 0; i < set.tensors.named().size(); ++i) {
                    set.tensors.read(i, one);
                    all.insert(all.end(), one.begin(), one.end());
                }
        std::vector<std::vector<float>> weights(runs_.size());
        threads_->run([&](std::size_t rank) {
            const NamedTensors& trained = runs_[rank]->trainer.policy().trained();
            // Shards are rounded masters, each held once.
            if (trained.is_shard()) return;
            for (const NamedTensor& parameter : trained.named()) {
                std::vector<float> part(static_cast<std::size_t>(parameter.tensor.size()));
                download_floats(*backends_[rank], part, parameter.tensor);
                weights[rank].insert(weights[rank].end(), part.begin(), part.end());
            }
        });
        for (const auto& own : weights) CHECK(own == weights[0]);
        return all;
    }

  private:
    std::vector<std::unique_ptr<Backend>> backends_;
    std::vector<std::unique_ptr<Communicator>> communicators_;
    std::unique_ptr<RankThreads> threads_;
    std::vector<std::unique_ptr<GpuRun>> runs_;
};

/// Steps of 8 pairs in about so many bins.
inline Plan plan_of(const ModelConfig& config, std::int64_t capacity, Packing packing = Packing::shared) {
    return read_plan(make_plan(random_pairs(32, static_cast<std::int32_t>(config.vocab_size), 4), 8, 1,
                               capacity, packing, static_cast<std::int32_t>(config.vocab_size)));
}

}  // namespace wishbone::test

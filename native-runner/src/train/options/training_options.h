#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "model/lora_config.h"
#include "train/loss/loss_options.h"

namespace wishbone {

enum class Schedule { constant, linear, cosine, warmup_stable_decay };
/// Shape of the fall at the end of warmup_stable_decay, as transformers' get_wsd_schedule names them.
enum class DecayType { linear, cosine, one_minus_sqrt };
enum class ReferenceMode { precompute, in_step };
/// What the reference is when training goes on from an adapter: a copy of that adapter, or the model below it.
enum class AdapterReference { adapter, base };

/// AdamW's moments: bf16 halves their memory, rounded stochastically so that small updates are not lost.
enum class Moments { f32, bf16 };

/// Other optimizer settings for the parameters whose Hugging Face names match. `*` stands for any text.
struct ParameterGroup {
    std::string pattern;
    std::optional<double> learning_rate;  ///< highest; follows the run's schedule
    std::optional<double> weight_decay;

    bool operator==(const ParameterGroup&) const = default;
};

/// What `training` in run.json says; names and meanings follow TRL's DPOConfig.
struct TrainingOptions {
    LossOptions loss;
    double learning_rate = 1e-6;
    Schedule schedule = Schedule::linear;
    double warmup_ratio = 0.1;
    /// Above 0 it counts instead of the ratio. Run folders without warm-up say 0 steps and a ratio of 0: in older ones 0
    /// steps stand beside a ratio that counts.
    std::int64_t warmup_steps = -1;
    std::int64_t decay_steps = 0;  ///< warmup_stable_decay: steps of the fall
    DecayType decay_type = DecayType::cosine;
    double min_lr_ratio = 0;  ///< warmup_stable_decay: where the fall ends, as a fraction of learning_rate
    double weight_decay = 0.0;
    double adam_beta1 = 0.9;
    double adam_beta2 = 0.999;
    double adam_epsilon = 1e-8;
    std::vector<ParameterGroup> parameter_groups;  ///< the first that matches counts
    double max_grad_norm = 1.0;                    ///< 0 means no clipping
    Moments moments = Moments::f32;

    std::optional<LoraConfig> lora;  ///< empty: all parameters are trained
    std::filesystem::path adapter;   ///< PEFT folder the adapter starts from; empty: a new one
    bool merge_adapter = false;      ///< the export is the whole model, the adapter merged into it

    std::optional<FileDType> export_dtype;  ///< empty: that of the model's own weights

    ReferenceMode reference = ReferenceMode::precompute;
    AdapterReference adapter_reference = AdapterReference::base;
    std::filesystem::path reference_model;  ///< empty: the start model
    bool sync_ref_model = false;            ///< TR-DPO: the reference follows the policy
    double ref_model_mixup_alpha = 0.6;
    std::int64_t ref_model_sync_steps = 512;
    /// The first steps train on the chosen responses alone (loss "sft"); what they lead to is the start model.
    std::int64_t sft_steps = 0;

    /// The reference is the model with the adapter that training starts from.
    bool reference_is_start_adapter() const {
        return lora && !adapter.empty() && adapter_reference == AdapterReference::adapter &&
               reference_model.empty() && sft_steps == 0;
    }

    /// The reference is what `sft_steps` lead to.
    bool reference_follows_sft() const { return sft_steps > 0 && reference_model.empty(); }

    std::int64_t eval_steps = 0;  ///< 0 means no evaluation
    bool load_best_model_at_end = false;
    std::string metric_for_best_model = "eval_loss";
    bool greater_is_better = false;
    std::int64_t early_stopping_patience = 0;  ///< evaluations without a better one; 0: never
    double early_stopping_threshold = 0;

    std::int64_t sample_steps = 0;  ///< steps between samples of the policy; 0: none
    std::int64_t sample_count = 4;  ///< prompts
    std::int64_t sample_max_new_tokens = 64;
    double sample_temperature = 0;  ///< 0: greedy

    std::int64_t save_steps = 0;        ///< between checkpoints; 0: not by steps
    double save_minutes = 0;            ///< between checkpoints; 0: not by time
    bool save_final = true;             ///< one after the last step too
    std::int64_t save_total_limit = 2;  ///< 0 means all are kept

    bool operator==(const TrainingOptions&) const = default;
};

}  // namespace wishbone

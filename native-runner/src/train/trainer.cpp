#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "core/error.h"

namespace wishbone {

namespace {

constexpr double clip_epsilon = 1e-6;  // as in torch.nn.utils.clip_grad_norm_

std::size_t index(std::int64_t value) { return static_cast<std::size_t>(value); }

Tensor elements(const Parameters& parameters, std::int64_t begin, std::int64_t end) {
    Tensor flat = parameters.flat();
    flat.rank = 1;
    flat.shape = {flat.size(), 0, 0, 0};
    return flat.slice(begin, end);
}

DType dtype_of(Moments moments) { return moments == Moments::f32 ? DType::f32 : DType::bf16; }

Error not_finite(const char* what, std::int64_t step) {
    return bad_input(
        std::string("The ") + what + " is not a finite number", "step " + std::to_string(step + 1),
        "Lower learning_rate or beta, or raise warmup_ratio, in a new run. The last checkpoint is intact.");
}

}  // namespace

/// Everything about the step in progress but what `SequenceValues` holds.
struct Trainer::StepWork {
    const Plan& plan;
    std::int64_t step;
    Plan::Range bins, pairs;
    DpoSums sums;
};

/// The values of other steps' sequences stay what they were: a plan may have hundreds of thousands.
void Trainer::SequenceValues::begin_step(const Plan& plan, const Plan::Range& pairs) {
    const auto count = index(plan.sequences());
    for (std::vector<double>* values : {&policy, &reference, &coefficient}) values->resize(count);
    for (std::int64_t p = pairs.begin; p < pairs.end; ++p)
        for (const std::int32_t sequence : {plan.pair_chosen[index(p)], plan.pair_rejected[index(p)]})
            policy[index(sequence)] = reference[index(sequence)] = coefficient[index(sequence)] = 0;
}

Trainer::Trainer(Backend& backend, Transformer& llama, Parameters& policy, const TrainingOptions& options)
    : backend_(backend),
      llama_(llama),
      policy_(policy),
      options_(options),
      master_(policy.flat().dtype == DType::f32
                  ? std::nullopt
                  : std::optional<Parameters>(std::in_place, backend, llama.config(), DType::f32)),
      gradients_(backend, llama.config(), DType::f32),
      first_moment_(backend, llama.config(), dtype_of(options.moments)),
      second_moment_(backend, llama.config(), dtype_of(options.moments)) {
    if (master_) backend_.copy(master_->flat(), policy.flat());
    if (options_.reference == ReferenceMode::in_step) {
        reference_.emplace_back(backend, llama.config(), policy.flat().dtype);
        backend_.copy(reference_.front().flat(), policy.flat());
    }

    const auto* base = static_cast<const std::byte*>(policy.flat().data);
    const auto element = static_cast<std::ptrdiff_t>(size_of(policy.flat().dtype));
    for (const NamedTensor& parameter : policy.named()) {
        const std::int64_t begin = (static_cast<const std::byte*>(parameter.tensor.data) - base) / element;
        groups_.push_back({begin, begin + parameter.tensor.size(), parameter.decays});
    }
    std::ranges::sort(groups_, {}, &Group::begin);
    std::vector<Group> merged;
    for (const Group& group : groups_) {
        if (!merged.empty() && merged.back().end == group.begin && merged.back().decays == group.decays)
            merged.back().end = group.end;
        else
            merged.push_back(group);
    }
    groups_ = std::move(merged);
}

std::vector<double> Trainer::compute_reference(const Plan& plan, const BinProgress& progress,
                                               const StopRequested& stop) {
    const auto& keys = plan.sequence_reference;
    std::vector<double> by_key(index(*std::ranges::max_element(keys)) + 1, 0.0);
    std::vector<bool> known(by_key.size(), false);

    std::vector<std::int64_t> bins;
    std::vector<std::vector<std::int32_t>> new_sequences;
    for (std::int64_t b = 0; b < plan.bins(); ++b) {
        std::vector<std::int32_t> fresh;
        std::int32_t last = -1;
        for (const std::int32_t sequence : plan.bin(b).target_sequence) {
            if (sequence == last) continue;
            last = sequence;
            const std::size_t key = index(keys[index(sequence)]);
            if (!known[key]) fresh.push_back(sequence);
            known[key] = true;
        }
        if (fresh.empty()) continue;
        bins.push_back(b);
        new_sequences.push_back(std::move(fresh));
    }

    std::vector<double> by_sequence(index(plan.sequences()), 0.0);
    for (std::size_t i = 0; i < bins.size(); ++i) {
        if (stop()) return {};
        const BinView view = plan.bin(bins[i]);
        const auto device = llama_.prepare(view);
        add_by_sequence(view, llama_.forward(policy_, *device, false), by_sequence);
        for (const std::int32_t sequence : new_sequences[i])
            by_key[index(keys[index(sequence)])] = by_sequence[index(sequence)];
        progress(static_cast<std::int64_t>(i) + 1, static_cast<std::int64_t>(bins.size()));
    }
    return by_key;
}

StepResult Trainer::loss_and_gradient(const Plan& plan, std::int64_t step) {
    StepWork work{plan, step, plan.bins_of_step(step), plan.pairs_of_step(step), {}};
    sequences_.begin_step(plan, work.pairs);
    if (options_.reference == ReferenceMode::precompute)
        for (std::int64_t p = work.pairs.begin; p < work.pairs.end; ++p)
            for (const std::int32_t sequence : {plan.pair_chosen[index(p)], plan.pair_rejected[index(p)]})
                sequences_.reference[index(sequence)] =
                    reference_logps_.at(index(plan.sequence_reference[index(sequence)]));

    // A pair's loss needs both responses. When some pair lies in two bins, no bin's gradient can be computed
    // before every bin of the step has been evaluated once.
    bool pairs_are_whole = true;
    for (std::int64_t p = work.pairs.begin; p < work.pairs.end; ++p)
        pairs_are_whole &= plan.bin_of_sequence(plan.pair_chosen[index(p)]) ==
                           plan.bin_of_sequence(plan.pair_rejected[index(p)]);
    if (!pairs_are_whole) {
        for (std::int64_t b = work.bins.begin; b < work.bins.end; ++b) {
            const BinView view = plan.bin(b);
            const auto device = llama_.prepare(view);
            add_reference_logps(view, *device);
            add_by_sequence(view, llama_.forward(policy_, *device, false), sequences_.policy);
        }
        evaluate_pairs(work, -1);
    }

    backend_.zero(gradients_.flat());
    StepResult result;
    std::vector<float> weight;
    for (std::int64_t b = work.bins.begin; b < work.bins.end; ++b) {
        const BinView view = plan.bin(b);
        const auto device = llama_.prepare(view);
        if (pairs_are_whole) add_reference_logps(view, *device);
        const std::vector<float> logps = llama_.forward(policy_, *device, true);
        if (pairs_are_whole) {
            add_by_sequence(view, logps, sequences_.policy);
            evaluate_pairs(work, b);
        }
        weight.resize(view.target_sequence.size());
        std::ranges::transform(view.target_sequence, weight.begin(), [&](std::int32_t sequence) {
            return static_cast<float>(sequences_.coefficient[index(sequence)]);
        });
        llama_.backward(policy_, gradients_, *device, weight);
        result.tokens += static_cast<std::int64_t>(view.tokens.size());
        result.flops += view.flops * (reference_.empty() ? 3 : 4);
    }

    result.pairs = work.pairs.end - work.pairs.begin;
    const double share = 1.0 / static_cast<double>(result.pairs);
    for (double DpoSums::* metric :
         {&DpoSums::loss, &DpoSums::rewards_chosen, &DpoSums::rewards_rejected, &DpoSums::margins,
          &DpoSums::accuracies, &DpoSums::logps_chosen, &DpoSums::logps_rejected})
        result.mean.*metric = work.sums.*metric * share;
    result.grad_norm = std::sqrt(backend_.sum_of_squares(gradients_.flat()));
    if (!std::isfinite(result.grad_norm)) throw not_finite("gradient", step);
    return result;
}

StepResult Trainer::step(const Plan& plan, std::int64_t step, double learning_rate) {
    const StepResult result = loss_and_gradient(plan, step);
    update(learning_rate, result.grad_norm);
    backend_.synchronize();
    return result;
}

void Trainer::add_reference_logps(const BinView& view, DeviceBin& device) {
    if (!reference_.empty())
        add_by_sequence(view, llama_.forward(reference_.front(), device, false), sequences_.reference);
}

/// Losses and coefficients of the pairs in `bin`, or of all pairs of the step when -1.
void Trainer::evaluate_pairs(StepWork& work, std::int64_t bin) {
    const double share = 1.0 / static_cast<double>(work.pairs.end - work.pairs.begin);
    for (std::int64_t p = work.pairs.begin; p < work.pairs.end; ++p) {
        const std::int32_t chosen = work.plan.pair_chosen[index(p)],
                           rejected = work.plan.pair_rejected[index(p)];
        if (bin >= 0 && work.plan.bin_of_sequence(chosen) != bin) continue;
        const PairLogps logps = {sequences_.policy[index(chosen)], sequences_.policy[index(rejected)],
                                 sequences_.reference[index(chosen)], sequences_.reference[index(rejected)]};
        const double derivative = dpo_loss(logps, options_.beta, work.sums);
        sequences_.coefficient[index(chosen)] += derivative * share;
        sequences_.coefficient[index(rejected)] -= derivative * share;
    }
    if (!std::isfinite(work.sums.loss)) throw not_finite("loss", work.step);
}

void Trainer::update(double learning_rate, double grad_norm) {
    double scale = 1;
    if (options_.max_grad_norm > 0)
        scale = std::min(1.0, options_.max_grad_norm / (grad_norm + clip_epsilon));
    ++updates_;
    for (const Group& group : groups_) {
        const AdamW adamw = {static_cast<float>(learning_rate),
                             static_cast<float>(options_.adam_beta1),
                             static_cast<float>(options_.adam_beta2),
                             static_cast<float>(options_.adam_epsilon),
                             group.decays ? static_cast<float>(options_.weight_decay) : 0.0f,
                             updates_,
                             group.begin};
        backend_.adamw(elements(policy_, group.begin, group.end),
                       master_ ? elements(*master_, group.begin, group.end) : Tensor(),
                       elements(gradients_, group.begin, group.end),
                       elements(first_moment_, group.begin, group.end),
                       elements(second_moment_, group.begin, group.end), static_cast<float>(scale), adamw);
    }
}

void Trainer::master_changed() {
    if (master_) backend_.copy(policy_.flat(), master_->flat());
}

void add_by_sequence(const BinView& bin, std::span<const float> logps, std::span<double> by_sequence) {
    for (std::size_t r = 0; r < logps.size(); ++r)
        by_sequence[index(bin.target_sequence[r])] += static_cast<double>(logps[r]);
}

void check_plan_fits(const Plan& plan, const std::string& plan_file, const ModelConfig& config) {
    if (plan.vocab_size() > config.vocab_size)
        throw bad_input("The plan was made for a vocabulary of " + std::to_string(plan.vocab_size()) +
                            " tokens, the model has " + std::to_string(config.vocab_size),
                        plan_file, "Make the plan with this model's own tokenizer.");
    if (plan.longest_position() > config.longest_sequence())
        throw bad_input("The longest sequence has " + std::to_string(plan.longest_position()) +
                            " tokens, the model takes at most " + std::to_string(config.longest_sequence()) +
                            " (max_position_embeddings)",
                        plan_file, "Make the plan with a smaller max_length.");
}

}  // namespace wishbone

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

Tensor elements(const NamedTensors& parameters, std::int64_t begin, std::int64_t end) {
    Tensor flat = parameters.flat();
    flat.rank = 1;
    flat.shape = {flat.size(), 0, 0, 0};
    return flat.slice(begin, end);
}

DType dtype_of(Moments moments) { return moments == Moments::f32 ? DType::f32 : DType::bf16; }

LossOptions sft_alone() {
    LossOptions options;
    options.terms = {{LossType::sft, 1}};
    return options;
}

Error not_finite(const char* what, std::int64_t step) {
    return bad_input(
        std::string("The ") + what + " is not a finite number", "step " + std::to_string(step + 1),
        "Lower learning_rate or beta, or raise warmup_ratio, in a new run. The last checkpoint is intact.");
}

}  // namespace

void PairMetrics::add(const PairMetrics& other) {
    pairs += other.pairs;
    sum += other.sum;
}

/// Everything about the step in progress but what `sequences_` holds.
struct Trainer::StepWork {
    const Plan& plan;
    const PreferenceLoss& loss;
    const PlanReference& reference;
    std::int64_t step;
    Plan::Range bins, pairs;
    StepSize size;
    /// The gradient of a pair can be had from its bin alone.
    bool bins_are_independent = true;
    PairMetrics all;
    std::vector<PairMetrics> sources;
};

Trainer::Trainer(Backend& backend, Transformer& transformer, Policy policy, const TrainingOptions& options)
    : backend_(backend),
      transformer_(transformer),
      policy_(policy),
      options_(options),
      preference_(options.loss),
      warm_up_(sft_alone()),
      lengths_(options.loss.ld_alpha),
      master_(policy.trained().flat().dtype == DType::f32
                  ? std::nullopt
                  : std::optional<NamedTensors>(std::in_place, backend, policy.trained(), DType::f32)),
      full_gradients_(policy.adapter != nullptr
                          ? std::nullopt
                          : std::optional<Parameters>(std::in_place, backend, transformer.config(), DType::f32)),
      lora_gradients_(policy.adapter == nullptr
                          ? std::nullopt
                          : std::optional<Lora>(std::in_place, backend, transformer.config(), policy.adapter->modules(),
                                                DType::f32)),
      first_moment_(backend, policy.trained(), dtype_of(options.moments)),
      second_moment_(backend, policy.trained(), dtype_of(options.moments)),
      groups_(optimizer_groups(policy.trained(), options)) {
    if (master_) backend_.copy(master_->flat(), policy.trained().flat());
    if (options_.reference == ReferenceMode::in_step && options_.reference_model.empty() && needs_reference() &&
        policy.adapter == nullptr)
        reference_ = std::make_unique<ReferenceModel>(backend, transformer, policy.base);
    if (options_.reference == ReferenceMode::in_step && needs_reference() && policy.adapter != nullptr &&
        options_.reference_is_start_adapter())
        reference_adapter_.emplace(backend, transformer.config(), policy.adapter->modules(),
                                   policy.adapter->flat().dtype);
}

void Trainer::take_reference() {
    if (reference_ && options_.reference_model.empty())
        backend_.copy(reference_->parameters().flat(), policy_.base.flat());
    if (reference_adapter_) backend_.copy(reference_adapter_->flat(), policy_.adapter->flat());
}

bool Trainer::compute_reference(const Plan& plan, PlanReference& reference, const BinProgress& progress,
                                const StopRequested& stop, ReferenceModel* model, bool with_adapter) {
    const ModelView weights = model          ? ModelView(model->parameters())
                              : with_adapter ? policy_.view()
                                             : ModelView(policy_.base);
    std::vector<bool> known(reference.keys(), false);
    std::vector<std::int64_t> bins;
    std::vector<std::vector<std::int32_t>> new_sequences;
    for (std::int64_t b = 0; b < plan.bins(); ++b) {
        std::vector<std::int32_t> fresh;
        std::int32_t last = -1;
        for (const std::int32_t sequence : plan.bin(b).target_sequence) {
            if (sequence == last) continue;
            last = sequence;
            const std::size_t key = reference.key(sequence);
            if (!known[key]) fresh.push_back(sequence);
            known[key] = true;
        }
        if (fresh.empty()) continue;
        bins.push_back(b);
        new_sequences.push_back(std::move(fresh));
    }

    const std::vector<std::int32_t> counts = lengths_.on() ? target_counts(plan) : std::vector<std::int32_t>();
    std::vector<SequenceState> sequences(index(plan.sequences()));
    for (std::size_t p = 0; lengths_.on() && p < plan.pair_chosen.size(); ++p) {
        const auto chosen = index(plan.pair_chosen[p]), rejected = index(plan.pair_rejected[p]);
        sequences[chosen].shared_tokens = sequences[rejected].shared_tokens =
            std::min(counts[chosen], counts[rejected]);
    }
    reference.logps.assign(reference.keys(), 0.0);
    for (std::size_t i = 0; i < bins.size(); ++i) {
        if (stop()) return false;
        const BinView view = plan.bin(bins[i]);
        Transformer& transformer = model ? model->transformer() : transformer_;
        const auto device = transformer.prepare(view);
        add_reference(view, transformer.forward(weights, *device, false), lengths_,
                      sequences);
        for (const std::int32_t sequence : new_sequences[i])
            reference.logps[reference.key(sequence)] = sequences[index(sequence)].logps.reference;
        progress(static_cast<std::int64_t>(i) + 1, static_cast<std::int64_t>(bins.size()));
    }
    return true;
}

/// Clears the states of the step's sequences and learns what the losses must know before anything is computed.
Trainer::StepWork Trainer::begin(const Plan& plan, std::int64_t step, const PreferenceLoss& loss,
                                 const PlanReference& reference) {
    StepWork work{plan, loss, reference, step, plan.bins_of_step(step), plan.pairs_of_step(step), {}, true, {}, {}};
    work.sources.resize(plan.sources.size());
    if (sequences_.size() < index(plan.sequences())) sequences_.resize(index(plan.sequences()));
    const auto [begin, end] = work.pairs;
    for (std::int64_t p = begin; p < end; ++p)
        for (const std::int32_t sequence : {plan.pair_chosen[index(p)], plan.pair_rejected[index(p)]})
            sequences_[index(sequence)] = {};
    for (std::int64_t b = work.bins.begin; b < work.bins.end; ++b)
        for (const std::int32_t sequence : plan.bin(b).target_sequence) sequences_[index(sequence)].logps.tokens += 1;

    work.size.pairs = end - begin;
    bool pairs_are_whole = true;
    const bool reads_reference = loss.needs_reference() && !computes_reference();
    for (std::int64_t p = begin; p < end; ++p) {
        const std::int32_t chosen = plan.pair_chosen[index(p)], rejected = plan.pair_rejected[index(p)];
        SequenceState &a = sequences_[index(chosen)], &b = sequences_[index(rejected)];
        a.shared_tokens = b.shared_tokens = static_cast<std::int32_t>(std::min(a.logps.tokens, b.logps.tokens));
        if (reads_reference) {
            a.logps.reference = reference.logp(chosen);
            b.logps.reference = reference.logp(rejected);
        }
        work.size.chosen_tokens += static_cast<std::int64_t>(a.logps.tokens);
        pairs_are_whole &= plan.bin_of_sequence(chosen) == plan.bin_of_sequence(rejected);
    }
    const bool one_bin = work.bins.end - work.bins.begin == 1;
    work.bins_are_independent = pairs_are_whole && (one_bin || !loss.needs_step());
    return work;
}

/// Log-probabilities of a bin's sequences under the policy and an in-step reference.
void Trainer::forward_bin(const StepWork& work, const BinView& view, DeviceBin& bin, bool keep) {
    if (work.loss.needs_reference() && computes_reference()) {
        // A model of another shape prepares the bin for itself. Below an adapter is the start model, or it is that
        // with the adapter training started from.
        Transformer& transformer = reference_ ? reference_->transformer() : transformer_;
        const auto own = &transformer == &transformer_ ? nullptr : transformer.prepare(view);
        const ModelView model =
            reference_ ? ModelView(reference_->parameters()) : ModelView(policy_.base, reference_adapter());
        add_reference(view, transformer.forward(model, own ? *own : bin, false), lengths_, sequences_);
    }
    TargetLogps values;
    values.logps = transformer_.forward(policy_.view(), bin, keep,
                                  work.loss.options().use_weighting ? &values.log_sum_squares : nullptr);
    add_policy(view, values, lengths_, sequences_);
}

StepResult Trainer::loss_and_gradient(const Plan& plan, std::int64_t step) {
    StepWork work = begin(plan, step, loss_of(step), reference_logps_);
    // Where a pair lies in two bins, or the loss looks at the whole step, no bin's gradient can be computed
    // before every bin of the step has been evaluated once.
    if (!work.bins_are_independent) {
        for (std::int64_t b = work.bins.begin; b < work.bins.end; ++b) {
            const BinView view = plan.bin(b);
            forward_bin(work, view, *transformer_.prepare(view), false);
        }
        evaluate_pairs(work, -1);
    }

    backend_.zero(gradients().flat());
    StepResult result;
    std::vector<float> weight;
    for (std::int64_t b = work.bins.begin; b < work.bins.end; ++b) {
        const BinView view = plan.bin(b);
        const auto device = transformer_.prepare(view);
        if (work.bins_are_independent) {
            forward_bin(work, view, *device, true);
            evaluate_pairs(work, b);
        } else {
            transformer_.forward(policy_.view(), *device, true);
        }
        target_weights(view, lengths_, sequences_, weight);
        transformer_.backward(policy_.view(), gradient_view(), *device, weight);
        result.tokens += static_cast<std::int64_t>(view.tokens.size());
        // The weights below an adapter need no gradient.
        const int passes = policy_.adapter != nullptr ? 2 : 3;
        result.flops += view.flops * (passes + (work.loss.needs_reference() && computes_reference() ? 1 : 0));
    }

    result.pairs = work.size.pairs;
    result.mean = work.all.mean();
    result.sources = std::move(work.sources);
    result.grad_norm = std::sqrt(backend_.sum_of_squares(gradients().flat()));
    if (!std::isfinite(result.grad_norm)) throw not_finite("gradient", step);
    return result;
}

std::optional<EvalResult> Trainer::evaluate(const Plan& plan, const PlanReference& reference,
                                            const StopRequested& stop) {
    EvalResult result;
    result.sources.resize(plan.sources.size());
    for (std::int64_t step = 0; step < plan.steps(); ++step) {
        StepWork work = begin(plan, step, preference_, reference);
        for (std::int64_t b = work.bins.begin; b < work.bins.end; ++b) {
            if (stop()) return std::nullopt;
            const BinView view = plan.bin(b);
            forward_bin(work, view, *transformer_.prepare(view), false);
        }
        evaluate_pairs(work, -1);
        result.all.add(work.all);
        for (std::size_t i = 0; i < result.sources.size(); ++i) result.sources[i].add(work.sources[i]);
    }
    return result;
}

StepResult Trainer::step(const Plan& plan, std::int64_t step, double learning_rate) {
    StepResult result = loss_and_gradient(plan, step);
    update(learning_rate, result.grad_norm);
    if (options_.sync_ref_model && updates_ % options_.ref_model_sync_steps == 0) follow_policy();
    backend_.synchronize();
    return result;
}

/// Losses and gradients of the pairs in `bin`, or of all pairs of the step when -1.
void Trainer::evaluate_pairs(StepWork& work, std::int64_t bin) {
    const Plan& plan = work.plan;
    std::vector<std::size_t> which;
    std::vector<PairLogps> logps;
    for (std::int64_t p = work.pairs.begin; p < work.pairs.end; ++p) {
        const std::int32_t chosen = plan.pair_chosen[index(p)], rejected = plan.pair_rejected[index(p)];
        if (bin >= 0 && plan.bin_of_sequence(chosen) != bin) continue;
        which.push_back(index(p));
        logps.push_back({sequences_[index(chosen)].logps, sequences_[index(rejected)].logps});
    }
    std::vector<PairGradient> gradients(logps.size());
    std::vector<PreferenceMetrics> each(work.sources.empty() ? 0 : logps.size());
    const PreferenceMetrics sum = work.loss.evaluate(logps, work.size, gradients, each);
    work.all.add({static_cast<std::int64_t>(logps.size()), sum});
    for (std::size_t i = 0; i < each.size(); ++i) work.sources[index(plan.pair_source[which[i]])].add({1, each[i]});
    for (std::size_t i = 0; i < which.size(); ++i) {
        const auto add = [&](std::int32_t sequence, const ResponseGradient& gradient) {
            ResponseGradient& own = sequences_[index(sequence)].gradient;
            own.logp += gradient.logp;
            own.plain += gradient.plain;
        };
        add(plan.pair_chosen[which[i]], gradients[i].chosen);
        add(plan.pair_rejected[which[i]], gradients[i].rejected);
    }
    if (!std::isfinite(work.all.sum.loss)) throw not_finite("loss", work.step);
}

void Trainer::update(double learning_rate, double grad_norm) {
    double scale = 1;
    if (options_.max_grad_norm > 0)
        scale = std::min(1.0, options_.max_grad_norm / (grad_norm + clip_epsilon));
    ++updates_;
    for (const OptimizerGroup& group : groups_) {
        const AdamW adamw = {static_cast<float>(learning_rate * group.learning_rate_factor),
                             static_cast<float>(options_.adam_beta1),
                             static_cast<float>(options_.adam_beta2),
                             static_cast<float>(options_.adam_epsilon),
                             static_cast<float>(group.weight_decay),
                             updates_,
                             group.begin};
        backend_.adamw(elements(policy_.trained(), group.begin, group.end),
                       master_ ? elements(*master_, group.begin, group.end) : Tensor(),
                       elements(gradients(), group.begin, group.end),
                       elements(first_moment_, group.begin, group.end),
                       elements(second_moment_, group.begin, group.end), static_cast<float>(scale), adamw);
    }
}

/// TR-DPO (arXiv 2404.09656): the reference moves towards the policy.
void Trainer::follow_policy() {
    if (reference_)
        backend_.mix(reference_->parameters().flat(), master().flat(),
                     static_cast<float>(options_.ref_model_mixup_alpha));
}

void Trainer::master_changed() {
    if (master_) backend_.copy(policy_.trained().flat(), master_->flat());
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

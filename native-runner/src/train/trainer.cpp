#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/one_behind.h"
#include "core/stopwatch.h"
#include "train/ranks/dealt_bins.h"
#include "train/ranks/shared_logps.h"
#include "train/reference/reference_pass.h"

namespace wishbone {

namespace {

LossOptions sft_alone() {
    LossOptions options;
    options.terms = {{&loss_named("sft"), 1}};
    return options;
}

}  // namespace

Trainer::Trainer(Backend& backend, Transformer& transformer, Policy policy, const TrainingOptions& options,
                 Communicator& ranks, Sharding sharding, Offload offload)
    : backend_(backend),
      ranks_(ranks),
      transformer_(transformer),
      policy_(policy),
      options_(options),
      preference_(options.loss),
      warm_up_(sft_alone()),
      lengths_(options.loss.ld_alpha),
      exposed_(backend),
      gradients_(backend, transformer.config(), policy, ranks, sharding, exposed_),
      optimizer_(
          backend, policy.trained(), options, ranks, sharding,
          [supply = policy.supply] {
              if (supply != nullptr) supply->changed();
          },
          offload),
      ahead_(transformer) {
    if (options_.reference != ReferenceMode::in_step || !needs_reference()) return;
    if (policy.adapter == nullptr && options_.reference_model.empty())
        reference_ = std::make_unique<ReferenceModel>(backend, transformer, policy);
    if (policy.adapter != nullptr && options_.reference_is_start_adapter())
        reference_adapter_.emplace(backend, transformer.config(), policy.adapter->modules(),
                                   policy.adapter->flat().dtype, policy.adapter->parts());
}

void Trainer::take_reference() {
    update_.settle();
    if (reference_ && options_.reference_model.empty())
        copy_weights(backend_, reference_->parameters(), policy_);
    if (reference_adapter_) backend_.copy(reference_adapter_->flat(), policy_.adapter->flat());
}

bool Trainer::compute_reference(const Plan& plan, PlanReference& reference, Transformer& transformer,
                                const ModelView& model, const BinProgress& progress,
                                const StopRequested& stop) {
    update_.settle();
    return wishbone::compute_reference(plan, reference, lengths_, transformer, model, progress, stop, ranks_);
}

StepState Trainer::begin(const Plan& plan, std::int64_t step, const PreferenceLoss& loss,
                         const PlanReference& reference) {
    const bool reads = loss.needs_reference() && !computes_reference();
    return StepState(plan, step, loss, lengths_, reads ? &reference : nullptr, sequences_);
}

Trainer::BinPass Trainer::begin_pass(const Plan& plan, StepState& state, std::int64_t bin, DeviceBin& device,
                                     bool keep) {
    BinPass pass = {&state, bin, std::nullopt, {}};
    if (state.loss().needs_reference() && computes_reference()) {
        // A model of another shape prepares the bin for itself. Below an adapter is the start model, or it is that
        // with the adapter training started from.
        Transformer& transformer = reference_ ? reference_->transformer() : transformer_;
        const auto own = &transformer == &transformer_ ? nullptr : transformer.prepare(plan.bin(bin));
        const ModelView model =
            reference_ ? ModelView(reference_->parameters()) : policy_.view_with(reference_adapter());
        pass.reference = transformer.begin_forward(model, own ? *own : device, false);
    }
    pass.policy =
        transformer_.begin_forward(policy_view(), device, keep, state.loss().options().use_weighting);
    return pass;
}

void Trainer::finish_pass(const Plan& plan, const BinPass& pass) {
    const BinView view = plan.bin(pass.bin);
    if (pass.reference) pass.state->add_reference(view, pass.reference->logps());
    pass.state->add_policy(view, {pass.policy.logps(), pass.policy.log_sum_squares()});
}

std::optional<std::int64_t> Trainer::first_bin(const Plan& plan, std::int64_t step) const {
    if (step >= plan.steps()) return std::nullopt;
    const auto dealt = dealt_bins(plan, plan.bins_of_step(step), ranks_.size());
    const std::vector<std::int64_t>& own = dealt[static_cast<std::size_t>(ranks_.rank())];
    return own.empty() ? std::nullopt : std::optional(own.front());
}

StepResult Trainer::loss_and_gradient(const Plan& plan, std::int64_t step) {
    const Stopwatch watch;
    exposed_.take();
    StepState state = begin(plan, step, loss_of(step), reference_logps_);
    const auto dealt = dealt_bins(plan, state.bins(), ranks_.size());
    const std::vector<std::int64_t>& own_bins = dealt[static_cast<std::size_t>(ranks_.rank())];
    if (!state.bins_are_independent()) {
        OneBehind<BinPass> passes([&plan](const BinPass& pass) { finish_pass(plan, pass); });
        for (const std::int64_t b : own_bins) {
            const auto device = ahead_.take(plan.bin(b));
            passes.add(begin_pass(plan, state, b, *device, false));
        }
        passes.end();
        exposed_.blocking([&] { state.share(ranks_, own_bins); });
        state.evaluate_all();
    }

    gradients_.begin_step(own_bins.size(),
                          std::ranges::max(dealt, {}, &std::vector<std::int64_t>::size).size());
    StepResult result;
    std::vector<float> weight;
    // The weights below an adapter need no gradient.
    const int passes = (policy_.adapter != nullptr ? 2 : 3) +
                       (state.loss().needs_reference() && computes_reference() ? 1 : 0);
    for (const std::int64_t b : own_bins) {
        const BinView view = plan.bin(b);
        const auto device = ahead_.take(view);
        if (state.bins_are_independent()) {
            finish_pass(plan, begin_pass(plan, state, b, *device, true));
            state.evaluate_bin(b);
        } else {
            transformer_.begin_forward(policy_view(), *device, true);
        }
        state.target_weights(view, weight);
        update_.settle();  // a bin without targets reads no layers
        gradients_.begin_bin(!view.target_row.empty());
        transformer_.backward(policy_.view(), gradients_.view(), *device, weight, gradients_.progress());
        gradients_.end_bin();
    }
    update_.settle();  // nor does a step without bins
    if (const auto next = first_bin(plan, step + 1)) ahead_.prepare(plan.bin(*next));
    gradients_.finish();
    if (ranks_.size() > 1 && state.bins_are_independent()) {
        exposed_.blocking([&] { state.share(ranks_, own_bins); });
        state.evaluate_every_bin();
    }
    compare_times(result, watch.seconds() - exposed_.seconds());
    for (std::int64_t b = state.bins().begin; b < state.bins().end; ++b) {
        const BinView view = plan.bin(b);
        result.tokens += static_cast<std::int64_t>(view.tokens.size());
        result.flops += view.flops * passes;
    }

    result.pairs = state.pairs();
    result.mean = state.metrics().mean();
    result.sources = state.sources();
    result.values = state.values();
    result.grad_norm = gradients_.norm();
    ranks_.check();
    if (!std::isfinite(result.grad_norm)) throw not_finite("gradient", step);
    return result;
}

std::optional<EvalResult> Trainer::evaluate(const Plan& plan, const PlanReference& reference,
                                            const StopRequested& stop) {
    // Bins are dealt out over all steps: one alone may have fewer than there are ranks.
    std::vector<StepState> steps;
    for (std::int64_t step = 0; step < plan.steps(); ++step)
        steps.push_back(begin(plan, step, preference_, reference));
    const Plan::Range bins = {0, steps.empty() ? 0 : steps.back().bins().end};
    const std::vector<std::int64_t> own_bins =
        dealt_bins(plan, bins, ranks_.size())[static_cast<std::size_t>(ranks_.rank())];
    auto step = steps.begin();
    OneBehind<BinPass> passes([&plan](const BinPass& pass) { finish_pass(plan, pass); });
    bool stopped = false;
    for (const std::int64_t b : own_bins) {
        if ((stopped = stop())) break;
        while (b >= step->bins().end) ++step;
        const auto device = transformer_.prepare(plan.bin(b));
        passes.add(begin_pass(plan, *step, b, *device, false));
    }
    passes.end();
    if (any_rank(ranks_, stopped)) return std::nullopt;

    EvalResult result;
    result.sources.resize(plan.sources.size());
    share_logps(ranks_, plan, bins, own_bins, sequences_);
    for (StepState& state : steps) {
        state.evaluate_all();
        result.all.add(state.metrics());
        for (std::size_t i = 0; i < result.sources.size(); ++i) result.sources[i].add(state.sources()[i]);
        result.values.insert(result.values.end(), state.values().begin(), state.values().end());
    }
    return result;
}

ModelView Trainer::policy_view() {
    if (policy_.supply != nullptr) return policy_.view();
    update_.begin_pass();
    return {policy_.base, policy_.adapter, &update_};
}

bool Trainer::may_update_beside() const {
    return ranks_.size() == 1 && policy_.adapter == nullptr && optimizer_.may_update_beside() &&
           !options_.sync_ref_model;
}

StepResult Trainer::step(const Plan& plan, std::int64_t step, double learning_rate, bool beside) {
    StepResult result = loss_and_gradient(plan, step);
    before_update_();
    if (beside && may_update_beside())
        update_.begin(optimizer_.update_beside(gradients(), learning_rate, result.grad_norm));
    else
        optimizer_.update(gradients(), learning_rate, result.grad_norm, exposed_);
    if (options_.sync_ref_model && updates() % options_.ref_model_sync_steps == 0) follow_policy();
    if (ranks_.size() > 1) {
        backend_.synchronize();
        ranks_.check();
    }
    if (result.ranks) result.ranks->communication = exposed_.take();
    return result;
}

/// `computing`: seconds of this rank.
void Trainer::compare_times(StepResult& result, double computing) {
    if (ranks_.size() == 1) return;
    std::vector<double> seconds(static_cast<std::size_t>(ranks_.size()), 0.0);
    seconds[static_cast<std::size_t>(ranks_.rank())] = computing;
    ranks_.sum(seconds);
    const double sum = std::accumulate(seconds.begin(), seconds.end(), 0.0);
    result.ranks.emplace();
    if (sum > 0)
        result.ranks->slowest = std::ranges::max(seconds) * static_cast<double>(seconds.size()) / sum;
    result.ranks->computing = std::move(seconds);
}

/// TR-DPO (arXiv 2404.09656): the reference moves towards the policy.
void Trainer::follow_policy() {
    if (!reference_) return;
    const Parameters& reference = reference_->parameters();
    const auto share = static_cast<float>(options_.ref_model_mixup_alpha);
    optimizer_.read_master([&](std::int64_t begin, Tensor master) {
        backend_.mix(reference.flat().slice(begin, begin + master.size()), master, share);
    });
    if (!optimizer_.first_moment().is_shard()) return;
    for (const Bucket& bucket : reference.buckets())
        ranks_.all_gather(reference.of(bucket), reference.part_of(bucket, ranks_.part()));
}

}  // namespace wishbone

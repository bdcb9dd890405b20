#include "run/config/training_config.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "pretrained/adapter.h"
#include "pretrained/lora_fields.h"
#include "train/loss/conflicts.h"
#include "train/loss/losses.h"

namespace wishbone {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
constexpr double most_learning_rate = 1, most_weight_decay = 10;
/// Still below 1 in f32; at 1 the bias correction divides by zero.
constexpr double most_adam_beta = 0.9999999;
/// A normal number in f32; at 0 a parameter that has had no gradient yet divides zero by zero.
constexpr double least_adam_epsilon = 1e-30;

const Loss* read_loss_type(const Json& name, const std::string& where) {
    std::string known;
    for (const Loss& loss : all_losses()) {
        if (name.is_string() && name == loss.name) return &loss;
        known += (known.empty() ? "\"" : ", \"") + std::string(loss.name) + "\"";
    }
    throw bad_input(
        (name.is_string() ? "\"" + name.get<std::string>() + "\"" : name.dump()) + " is not a loss", where,
        "Use one of " + known + ", or a list of them.");
}

/// `loss_type` is one name or a list of names with `loss_weights`.
std::vector<LossOptions::Term> read_terms(JsonFields& fields) {
    const Json names = fields.any("loss_type");
    const std::string where = fields.where("loss_type");
    std::vector<LossOptions::Term> terms;
    if (names.is_array()) {
        for (const Json& name : names) terms.push_back({read_loss_type(name, where), 1});
        if (terms.empty())
            throw bad_input("The list is empty", where, "Name at least one loss, for example \"sigmoid\".");
    } else {
        terms.push_back({read_loss_type(names, where), 1});
    }
    const Json weights = fields.any("loss_weights");
    if (weights.is_null() || weights == Json::array()) return terms;
    if (!weights.is_array() || weights.size() != terms.size() ||
        !std::ranges::all_of(weights, [](const Json& weight) { return weight.is_number(); }))
        throw bad_input(
            "Expected a list of as many numbers as there are losses (" + std::to_string(terms.size()) + ")",
            fields.where("loss_weights"), "Give one weight a loss, or leave loss_weights out: all 1.");
    for (std::size_t i = 0; i < terms.size(); ++i) {
        terms[i].weight = weights[i].get<double>();
        if (terms[i].weight < 0 || terms[i].weight > 1e6)
            throw bad_input("A weight is not between 0 and 1000000", fields.where("loss_weights"),
                            "Correct the weight.");
    }
    return terms;
}

LossOptions read_loss(JsonFields& fields) {
    LossOptions loss;
    loss.terms = read_terms(fields);
    loss.beta = fields.number("beta", above(0, 1e3));
    loss.label_smoothing = fields.number("label_smoothing", below(0, 1), 0);
    loss.f_divergence_type = fields.choice<Divergence>("f_divergence_type",
                                                       {{"reverse_kl", Divergence::reverse_kl},
                                                        {"forward_kl", Divergence::forward_kl},
                                                        {"js_divergence", Divergence::js_divergence},
                                                        {"alpha_divergence", Divergence::alpha_divergence}},
                                                       Divergence::reverse_kl);
    loss.f_alpha_divergence_coef = fields.number("f_alpha_divergence_coef", -1e3, 1e3, 0.5);
    // 1 is what no weights are.
    if (const double ld_alpha = fields.number("ld_alpha", 0, 1, 1); ld_alpha != 1) loss.ld_alpha = ld_alpha;
    loss.use_weighting = fields.boolean("use_weighting", false);
    loss.discopop_tau = fields.number("discopop_tau", above(0, 1e9), 0.05);
    loss.simpo_gamma = fields.number("simpo_gamma", -1e9, 1e9, 0.5);
    loss.cpo_alpha = fields.number("cpo_alpha", 0, 1e9, 1);
    if (const auto conflict = conflict_of(loss))
        throw bad_input(conflict->what, fields.where(conflict->option), conflict->advice);
    return loss;
}

std::vector<ParameterGroup> read_groups(JsonFields& fields) {
    std::vector<ParameterGroup> groups;
    if (!fields.has("parameter_groups")) return groups;
    const Json list = fields.any("parameter_groups");
    const std::string where = fields.where("parameter_groups");
    if (!list.is_array())
        throw bad_input("Expected a list", where,
                        "Give objects with \"pattern\", \"learning_rate\", \"weight_decay\".");
    for (std::size_t i = 0; i < list.size(); ++i) {
        JsonFields group(list[i], where, std::to_string(i));
        ParameterGroup& added = groups.emplace_back();
        added.pattern = group.text("pattern");
        if (group.has("learning_rate"))
            added.learning_rate = group.number("learning_rate", 0, most_learning_rate);
        if (group.has("weight_decay"))
            added.weight_decay = group.number("weight_decay", 0, most_weight_decay);
        group.no_others();
    }
    return groups;
}

void read_optimizer(JsonFields& fields, TrainingOptions& options) {
    options.learning_rate = fields.number("learning_rate", 0, most_learning_rate);
    options.schedule = fields.choice<Schedule>("lr_scheduler_type",
                                               {{"constant", Schedule::constant},
                                                {"linear", Schedule::linear},
                                                {"cosine", Schedule::cosine},
                                                {"warmup_stable_decay", Schedule::warmup_stable_decay}});
    options.warmup_ratio = fields.number("warmup_ratio", 0, 1);
    options.warmup_steps = fields.integer("warmup_steps", -1, most, -1);
    options.decay_steps = fields.integer("num_decay_steps", 0, most, 0);
    options.decay_type = fields.choice<DecayType>(
        "decay_type",
        {{"linear", DecayType::linear}, {"cosine", DecayType::cosine}, {"1-sqrt", DecayType::one_minus_sqrt}},
        DecayType::cosine);
    options.min_lr_ratio = fields.number("min_lr_ratio", 0, 1, 0);
    options.weight_decay = fields.number("weight_decay", 0, most_weight_decay);
    options.adam_beta1 = fields.number("adam_beta1", 0, most_adam_beta);
    options.adam_beta2 = fields.number("adam_beta2", 0, most_adam_beta);
    options.adam_epsilon = fields.number("adam_epsilon", least_adam_epsilon, 1);
    options.parameter_groups = read_groups(fields);
    options.max_grad_norm = fields.number("max_grad_norm", 0, 1e9);
    options.moments = fields.choice<Moments>(
        "adam_moments", {{"float32", Moments::f32}, {"bfloat16", Moments::bf16}}, Moments::f32);
}

void read_lora(JsonFields& fields, const std::filesystem::path& run_folder, TrainingOptions& options) {
    const bool use_peft = fields.boolean("use_peft", false);
    const LoraConfig lora = read_lora_fields(
        fields, {"lora_r", "lora_alpha", "lora_target_modules", "lora_rank_pattern", "lora_alpha_pattern"});
    const std::string adapter = fields.text("adapter_name_or_path", "");
    const bool merge = fields.boolean("merge_adapter", false);
    if (!use_peft && (merge || !adapter.empty()))
        throw bad_input("There is no adapter without use_peft",
                        fields.where(merge ? "merge_adapter" : "adapter_name_or_path"),
                        "Set use_peft to true, or leave this out.");
    if (!use_peft) return;
    options.merge_adapter = merge;
    options.lora = lora;
    if (adapter.empty()) return;
    options.adapter = run_folder / adapter;
    options.lora = read_adapter_config(options.adapter);
}

void read_reference(JsonFields& fields, const std::filesystem::path& run_folder, TrainingOptions& options) {
    options.reference = fields.choice<ReferenceMode>(
        "reference", {{"precompute", ReferenceMode::precompute}, {"in_step", ReferenceMode::in_step}});
    options.adapter_reference = fields.choice<AdapterReference>(
        "adapter_reference", {{"adapter", AdapterReference::adapter}, {"base", AdapterReference::base}},
        AdapterReference::base);
    if (const std::string model = fields.text("reference_model", ""); !model.empty())
        options.reference_model = run_folder / model;
    options.sync_ref_model = fields.boolean("sync_ref_model", false);
    options.ref_model_mixup_alpha = fields.number("ref_model_mixup_alpha", 0, 1, 0.6);
    options.ref_model_sync_steps = fields.integer("ref_model_sync_steps", 1, most, 512);
    options.sft_steps = fields.integer("sft_steps", 0, most, 0);
}

/// "auto": the dtype of the model's weights. Run folders that do not say are from before there was a choice.
void read_export(JsonFields& fields, TrainingOptions& options) {
    using Dtype = std::optional<FileDType>;
    options.export_dtype = fields.choice<Dtype>("export_dtype",
                                                {{"auto", Dtype()},
                                                 {"float32", Dtype(FileDType::f32)},
                                                 {"bfloat16", Dtype(FileDType::bf16)},
                                                 {"float16", Dtype(FileDType::f16)}},
                                                Dtype(FileDType::f32));
}

void read_eval(JsonFields& fields, TrainingOptions& options) {
    options.eval_steps = fields.integer("eval_steps", 0, most, 0);
    options.load_best_model_at_end = fields.boolean("load_best_model_at_end", false);
    options.metric_for_best_model = fields.text("metric_for_best_model", "eval_loss");
    const bool is_loss = options.metric_for_best_model.ends_with("loss");
    options.greater_is_better = fields.boolean("greater_is_better", !is_loss);
    options.early_stopping_patience = fields.integer("early_stopping_patience", 0, most, 0);
    options.early_stopping_threshold = fields.number("early_stopping_threshold", 0, 1e9, 0);
    options.sample_steps = fields.integer("sample_steps", 0, most, 0);
    options.sample_count = fields.integer("sample_count", 1, 64, 4);
    options.sample_max_new_tokens = fields.integer("sample_max_new_tokens", 1, 4096, 64);
    options.sample_temperature = fields.number("sample_temperature", 0, 1000, 0);
    options.save_steps = fields.integer("save_steps", 0, most);
    options.save_minutes = fields.number("save_minutes", 0, 1e6, 0);
    options.save_final = fields.boolean("save_final", true);
    options.save_total_limit = fields.integer("save_total_limit", 0, 10000);
}

/// Options that are each good but do not go together.
void check_together(const JsonFields& fields, const TrainingOptions& options) {
    const auto refuse = [&](const char* option, const char* what, const char* advice) {
        throw bad_input(what, fields.where(option), advice);
    };
    const bool compares = needs_reference(options.loss);
    if (options.sync_ref_model && !compares)
        refuse("sync_ref_model", "The loss uses no reference, so there is none to move towards the policy",
               "Set sync_ref_model to false, or use a loss with a reference, for example sigmoid.");
    if (options.sync_ref_model && options.reference == ReferenceMode::precompute)
        refuse("sync_ref_model", "A reference that follows the policy cannot be computed up front",
               "Set reference to \"in_step\".");
    if (options.lora && options.sync_ref_model)
        refuse("sync_ref_model", "The model below an adapter is the reference and does not change",
               "Set sync_ref_model to false, or use_peft to false.");
    if (options.lora && options.sft_steps > 0 && compares && options.reference == ReferenceMode::in_step &&
        options.reference_model.empty())
        refuse("sft_steps",
               "With an adapter, the reference after supervised steps must be computed before the others",
               "Set reference to \"precompute\".");
    if (!options.reference_model.empty() && !compares)
        refuse("reference_model", "The loss uses no reference",
               "Leave reference_model out, or use a loss with a reference, for example sigmoid.");
    if (options.schedule == Schedule::warmup_stable_decay ? options.decay_steps == 0
                                                          : options.decay_steps != 0)
        refuse("num_decay_steps", "num_decay_steps and lr_scheduler_type \"warmup_stable_decay\" go together",
               "Give both, or neither.");
    if (options.eval_steps == 0 && options.load_best_model_at_end)
        refuse("load_best_model_at_end", "Without evaluation no model is the best",
               "Set eval_steps and give an eval dataset.");
    if (options.eval_steps == 0 && options.early_stopping_patience > 0)
        refuse("early_stopping_patience", "Without evaluation nothing says when to stop",
               "Set eval_steps and give an eval dataset.");
    if (options.learning_rate == 0 && std::ranges::any_of(options.parameter_groups, [](const auto& group) {
            return group.learning_rate > 0.0;
        }))
        refuse("learning_rate", "A learning rate of 0 cannot be scaled to those of parameter_groups",
               "Set it above 0, and give a group \"*\" with learning rate 0 to freeze the rest.");
    if (options.sft_steps > 0 && std::ranges::all_of(options.loss.terms, [](const auto& term) {
            return term.loss == &loss_named("sft");
        }))
        refuse("sft_steps", "The whole run is supervised already",
               "Leave sft_steps out, or add a preference loss.");
}

}  // namespace

TrainingOptions read_training(JsonFields fields, const std::filesystem::path& run_folder) {
    TrainingOptions options;
    options.loss = read_loss(fields);
    read_optimizer(fields, options);
    read_lora(fields, run_folder, options);
    read_reference(fields, run_folder, options);
    read_export(fields, options);
    read_eval(fields, options);
    fields.no_others();
    check_together(fields, options);
    return options;
}

}  // namespace wishbone

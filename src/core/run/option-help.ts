import type { LossType, OptionPath, PlanOptions, RunnerOptions, TrainingOptions } from './config.js';

// A line about each option: help of the command line, hovers in run configs.

export const PLAN_HELP: Readonly<Record<keyof PlanOptions, string>> = {
  format: 'form of the rows; auto: detected from the first row',
  pairing: 'for rows with several responses; all: every better one with every worse one; best: the best with each other one',
  min_margin: 'smallest score difference that makes a pair; equal scores never make one',
  sharing:
    'pair: compute the common prefix of a pair once; tree: compute every common prefix of a step once; none: every ' +
    'response carries its own prompt',
  capacity: 'maximum tokens in one bin',
  batch_size: 'pairs in one optimizer step',
  epochs: 'passes over the dataset',
  max_steps: 'total optimizer steps, whatever the number of epochs; 0: decided by epochs',
  seed: 'decides the order of the pairs',
  max_length: 'maximum tokens of a sequence (prompt and response); the end of longer ones is cut off',
  max_prompt_length: 'maximum tokens of a prompt; the start of longer ones is cut off; 0: no separate limit',
  columns: 'columns of the files that hold the fields: prompt=question,chosen=good,rejected=bad',
  chat_template: "template that renders messages: the model folder's own, or a named one for models without",
  on_bad_row: 'rows that cannot be used; stop: fail at the first; skip: leave them out and count them',
  eval_fraction: 'fraction of the pairs held out for evaluation; pairs with the same prompt stay together',
};

export const TRAINING_HELP: Readonly<Record<keyof TrainingOptions, string>> = {
  loss_type: 'the preference loss, or several, whose weighted sum is minimised',
  loss_weights: 'one weight per loss; without them all losses count equally',
  label_smoothing: 'probability that a label is wrong; for robust, exo_pair, aot, aot_unpaired, simpo, cpo',
  f_divergence_type: 'measures how far the policy is from the reference',
  f_alpha_divergence_coef: 'alpha for alpha_divergence',
  ld_alpha: 'LD-DPO: weight of tokens past the length of the shorter response; 1: same as the others',
  use_weighting: 'WPO: weight pairs by how likely the policy is to write them',
  discopop_tau: 'temperature for discopop',
  simpo_gamma: 'reward margin for simpo',
  cpo_alpha: 'weight of the negative log-likelihood in cpo',
  beta: 'how strongly the trained model is kept close to the reference',
  learning_rate: 'peak learning rate, reached after warm-up',
  lr_scheduler_type: 'how the learning rate decays after warm-up',
  warmup_ratio: 'fraction of the steps spent raising the learning rate',
  warmup_steps: 'warm-up steps, overriding warmup_ratio; 0: no warm-up; -1: use the ratio',
  num_decay_steps: 'warmup_stable_decay: length of the final decay',
  decay_type: 'warmup_stable_decay: shape of the decay',
  min_lr_ratio: 'warmup_stable_decay: final rate as a fraction of the peak',
  parameter_groups: 'separate learning rates and weight decay by parameter name',
  weight_decay: 'AdamW weight decay',
  adam_beta1: 'AdamW beta1',
  adam_beta2: 'AdamW beta2',
  adam_epsilon: 'AdamW epsilon',
  max_grad_norm: 'gradients are clipped to this norm; 0: no clipping',
  adam_moments: 'number format of the AdamW moments; bfloat16: half the memory, GPU only',
  use_peft: 'train a LoRA adapter instead of all parameters',
  lora_r: 'rank of the adapters',
  lora_alpha: "an adapter's output is multiplied by alpha / rank",
  use_rslora: 'scale by alpha / sqrt(rank) instead',
  lora_target_modules: 'linear layers that get an adapter: their names, all-linear, or a regular expression',
  lora_rank_pattern: 'other ranks, by regular expression of a layer or the end of its name',
  lora_alpha_pattern: 'other alphas, by regular expression of a layer or the end of its name',
  adapter_name_or_path: 'PEFT folder of an adapter to continue from; it decides rank, alpha and layers',
  merge_adapter: 'export the whole model with the adapter merged into it',
  reference: 'precompute: reference log-probabilities before the first step; in_step: in every step',
  adapter_reference: 'for a run that continues from an adapter: a frozen copy of it, as in TRL, or the base model without it',
  reference_model: 'Hugging Face folder of the reference; default: the model itself before training',
  sync_ref_model: 'TR-DPO: move the reference towards the policy during training; needs reference in_step',
  ref_model_mixup_alpha: 'TR-DPO: how far it moves each time',
  ref_model_sync_steps: 'TR-DPO: steps between moves',
  sft_steps: 'steps on the chosen responses only, before preference training',
  eval_steps: 'steps between evaluations; 0: never',
  load_best_model_at_end: 'export the model of the best evaluation instead of the last',
  metric_for_best_model: 'metric that decides which evaluation is the best',
  early_stopping_patience: 'stop after this many evaluations without improvement; 0: never',
  early_stopping_threshold: 'smaller gains do not count as an improvement',
  sample_steps: 'steps between samples (completions to read); 0: never',
  sample_count: 'how many prompts are sampled',
  sample_max_new_tokens: 'maximum tokens in a completion',
  sample_temperature: '0: always the most likely token',
  save_steps: 'steps between checkpoints; 0: by time only',
  save_minutes: 'minutes between checkpoints; 0: by steps only',
  save_final: 'also write a checkpoint after the last step',
  save_total_limit: 'number of checkpoints to keep; 0: all',
};

export const RUNNER_HELP: Readonly<Record<keyof RunnerOptions, string>> = {
  backend: 'where to compute; auto: a GPU if the runner can use one, otherwise the CPU',
  threads: 'threads on the CPU; 0: all cores',
  recompute: 'part of each layer that is computed twice to save memory: nothing, its MLP, or all of it',
  deterministic: 'make identical runs bit-identical on a GPU too; slower there',
  device: 'number of the GPU to use',
  cublaslt: 'path of the cuBLASLt library; default: search the usual places. It is code, so run configs may not name it',
};

/** A line about each loss; docs/methods.md has the formulas. */
export const LOSS_HELP: Readonly<Record<LossType, string>> = {
  sigmoid: 'DPO, arXiv 2305.18290',
  hinge: 'SLiC and RSO: stops pushing at a margin of 1/beta, 2305.10425',
  ipo: 'IPO: regression to a margin, per token, 2310.12036',
  exo_pair: 'EXO: reverse KL to the preference, 2402.00856; needs label_smoothing',
  nca_pair: 'NCA: keeps chosen responses likely, 2402.05369',
  robust: 'Robust DPO: unbiased when labels are flipped, 2403.00409; needs label_smoothing',
  bco_pair: 'BCO: judges chosen and rejected separately, 2404.04656',
  sppo_hard: 'SPPO: pushes rewards to plus and minus one half, 2405.00675',
  aot: 'AOT: stochastic dominance within each pair, sorted over the step, 2406.05882',
  aot_unpaired: 'AOT: the same for all chosen against all rejected',
  apo_zero: 'APO: makes chosen more likely and rejected less; for models worse than the data, 2408.06266',
  apo_down: 'APO: makes both less likely, rejected more so; for models better than the data',
  discopop: 'DiscoPOP: a loss found by search, 2406.08414',
  sft: 'negative log-likelihood of the chosen responses; for sums with other losses',
  sigmoid_norm: 'DPO normalised by length, 2411.15124',
  simpo: 'SimPO: mean log-probabilities with a margin, 2405.14734; no reference',
  orpo: 'ORPO: likelihood and odds ratio, 2403.07691; no reference',
  cpo: 'CPO: contrast and likelihood, 2401.08417; no reference',
};

/** The line about an option. */
export function optionHelp(option: OptionPath): string {
  const [section, name] = option.split('.') as ['plan' | 'training' | 'runner', string];
  const texts: Readonly<Record<string, string>> = { plan: PLAN_HELP, training: TRAINING_HELP, runner: RUNNER_HELP }[section];
  return texts[name] ?? '';
}

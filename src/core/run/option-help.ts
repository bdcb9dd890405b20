import type { LossType, OptionPath, PlanOptions, RunnerOptions, TrainingOptions } from './config.js';

// A line about each option: help of the command line, hovers in run configs.

export const PLAN_HELP: Readonly<Record<keyof PlanOptions, string>> = {
  format: "what the dataset's rows are; auto: told by the first",
  pairing: 'rows with several responses; all: each better one over each worse; best: the best over each other',
  min_margin: 'least difference of two scores that makes a pair; equal scores never do',
  sharing:
    "pair: compute a pair's common prefix once; tree: every common prefix of a step once; none: every response with its " +
    'own prompt',
  capacity: 'most tokens in one bin',
  batch_size: 'pairs in one optimizer step',
  epochs: 'times the whole dataset is trained on',
  max_steps: 'optimizer steps in all, however many epochs that is; 0: as epochs says',
  seed: 'decides the order of the pairs',
  max_length: 'most tokens of one sequence, prompt and response; the end is cut off',
  max_prompt_length: 'most tokens of a prompt; its start is cut off; 0: no limit of its own',
  columns: "names that the files have for the form's fields: prompt=question,chosen=good,rejected=bad",
  chat_template: "what messages are rendered with: the model folder's own template, or one that stands in for it",
  on_bad_row: 'a row that cannot be used; stop: end with its error; skip: leave it out and count it',
  eval_fraction: 'share of the pairs held out for evaluation; pairs with the same prompt stay together',
};

export const TRAINING_HELP: Readonly<Record<keyof TrainingOptions, string>> = {
  loss_type: 'the preference loss, or several whose weighted sum is trained',
  loss_weights: 'one weight a loss; without them all count the same',
  label_smoothing: 'chance that a label is wrong; for robust, exo_pair, aot, aot_unpaired, simpo, cpo',
  f_divergence_type: 'how far policy and reference are apart',
  f_alpha_divergence_coef: 'alpha of alpha_divergence',
  ld_alpha: 'LD-DPO: weight of tokens beyond the length of the shorter response; 1: as the others',
  use_weighting: 'WPO: weight pairs by how likely the policy is to write them',
  discopop_tau: 'temperature of discopop',
  simpo_gamma: 'reward margin of simpo',
  cpo_alpha: 'weight of the negative log-likelihood in cpo',
  beta: 'how strongly the trained model is held to the start model',
  learning_rate: 'highest learning rate',
  lr_scheduler_type: 'how the learning rate falls after warm-up',
  warmup_ratio: 'fraction of the steps with a rising learning rate',
  warmup_steps: 'steps with a rising learning rate instead of the ratio; 0: none; -1: as the ratio says',
  num_decay_steps: 'warmup_stable_decay: steps of the fall at the end',
  decay_type: 'warmup_stable_decay: shape of the fall',
  min_lr_ratio: 'warmup_stable_decay: where the fall ends, as a fraction of the learning rate',
  parameter_groups: 'other learning rates and weight decay by parameter name',
  weight_decay: 'AdamW weight decay',
  adam_beta1: 'AdamW beta1',
  adam_beta2: 'AdamW beta2',
  adam_epsilon: 'AdamW epsilon',
  max_grad_norm: 'gradients are clipped to this norm; 0: not at all',
  adam_moments: 'how AdamW keeps its moments; bfloat16: half the memory, on a GPU only',
  use_peft: 'train a LoRA adapter instead of all parameters',
  lora_r: 'rank of the adapters',
  lora_alpha: "an adapter's output is multiplied by alpha / rank",
  use_rslora: 'multiply by alpha / sqrt(rank) instead',
  lora_target_modules: 'linear layers with an adapter: their names, all-linear, or a regular expression',
  lora_rank_pattern: 'other ranks by regular expression of a layer or the end of its name',
  lora_alpha_pattern: 'other alphas by regular expression of a layer or the end of its name',
  adapter_name_or_path: 'PEFT folder of an adapter to go on from; it decides rank, alpha and layers',
  merge_adapter: 'export the whole model with the adapter merged into it',
  reference: 'precompute: reference log-probabilities before the first step; in_step: in every step',
  adapter_reference: 'of a run that goes on from an adapter: a frozen copy of it, as TRL, or the model below it',
  reference_model: 'Hugging Face folder of the reference; without it the start model',
  sync_ref_model: 'TR-DPO: the reference moves towards the policy; needs reference in_step',
  ref_model_mixup_alpha: 'TR-DPO: how far it moves',
  ref_model_sync_steps: 'TR-DPO: steps between its moves',
  sft_steps: 'steps on the chosen responses alone before preference training',
  eval_steps: 'steps between evaluations; 0: none',
  load_best_model_at_end: 'export the model of the best evaluation',
  metric_for_best_model: 'what the best evaluation is judged by',
  early_stopping_patience: 'evaluations without a better one after which training stops; 0: never',
  early_stopping_threshold: 'a better one counts when it is better by more than this',
  sample_steps: 'steps between samples, completions to read; 0: none',
  sample_count: 'prompts that are completed',
  sample_max_new_tokens: 'most tokens of a completion',
  sample_temperature: '0: always the likeliest token',
  save_steps: 'steps between checkpoints; 0: by time alone',
  save_minutes: 'minutes between checkpoints; 0: by steps alone',
  save_final: 'also write a checkpoint after the last step, which nothing goes on from',
  save_total_limit: 'checkpoints kept; 0: all',
};

export const RUNNER_HELP: Readonly<Record<keyof RunnerOptions, string>> = {
  backend: 'what computes; auto: a GPU when the runner can use one, else the CPU',
  threads: 'threads on the CPU; 0: all cores',
  recompute: 'what of a layer is computed twice to save memory: nothing, its MLP, or all of it',
  deterministic: 'equal runs give equal bits on a GPU too; slower there',
  device: 'number of the GPU to use',
  cublaslt: 'cuBLASLt library to use; without it the usual places are searched. It is code: in run configs it is refused',
};

/** A line about each loss; docs/methods.md has the formulas. */
export const LOSS_HELP: Readonly<Record<LossType, string>> = {
  sigmoid: 'DPO, arXiv 2305.18290',
  hinge: 'SLiC and RSO: a margin of 1/beta is enough, 2305.10425',
  ipo: 'IPO: regression to a margin, per token, 2310.12036',
  exo_pair: 'EXO: reverse KL to the preference, 2402.00856; needs label_smoothing',
  nca_pair: 'NCA: keeps the likelihood of chosen responses up, 2402.05369',
  robust: 'Robust DPO: unbiased for flipped labels, 2403.00409; with label_smoothing',
  bco_pair: 'BCO: chosen and rejected judged apart, 2404.04656',
  sppo_hard: 'SPPO: pushes rewards to plus and minus one half, 2405.00675',
  aot: 'AOT: stochastic dominance within each pair, sorted over the step, 2406.05882',
  aot_unpaired: 'AOT: the same of all chosen against all rejected',
  apo_zero: 'APO: chosen more likely, rejected less; for models worse than the data, 2408.06266',
  apo_down: 'APO: both less likely, rejected more so; for models better than the data',
  discopop: 'DiscoPOP: a loss found by search, 2406.08414',
  sft: 'negative log-likelihood of the chosen responses; in a sum with others',
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

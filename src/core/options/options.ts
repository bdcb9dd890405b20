import { badRowChoices, type OnBadRow } from '../dataset/left-out.js';
import { pairings, type PairingOptions } from '../dataset/pairing.js';
import { datasetForms, type DatasetForm } from '../dataset/types.js';
import { templateNames, type TemplateName } from '../tokenizer/fallback-templates.js';
import { valueProblem, type Rule } from './rule.js';

/** How the plan is made: how rows become pairs, and how these are laid out. */
export interface PlanOptions extends LayoutOptions {
  readonly max_steps: number;
  /** What the dataset's rows are; `auto`: told by the first. */
  readonly format: 'auto' | DatasetForm;
  /** Of a row with several responses: `all` that differ, each better over each worse; `best`: the best over each other. */
  readonly pairing: PairingOptions['pairing'];
  /** Least difference of two scores that makes a pair; equal scores never make one. */
  readonly min_margin: number;
  /** Most tokens of the prompt, whose start is cut; 0: no limit of its own. */
  readonly max_prompt_length: number;
  /** Names that the files have for the form's fields, as `prompt=question,chosen=good`; empty: the form's own. */
  readonly columns: string;
  /** What messages are rendered with: the model folder's own chat template, or one by name. */
  readonly chat_template: TemplateName;
  /** Share of the pairs that is held out for evaluation. */
  readonly eval_fraction: number;
  /** A row that cannot be used ends the work, or is left out and counted. */
  readonly on_bad_row: OnBadRow;
}

/** How pairs are laid out: what is shared, how pairs become steps, how steps become bins. */
export interface LayoutOptions {
  /**
   * `none`: every response carries its own prompt (naive). `pair`: the pair's common prefix once. `tree`: every common
   * prefix of the sequences of one step once.
   */
  readonly sharing: Sharing;
  /** Most tokens in one bin. */
  readonly capacity: number;
  /** Pairs in one optimizer step. */
  readonly batch_size: number;
  readonly epochs: number;
  /** Above 0: optimizer steps in all, however many epochs that is; 0 or absent: as `epochs` says. */
  readonly max_steps?: number;
  /** Decides the order of the pairs. */
  readonly seed: number;
  /** Most tokens of one sequence, prompt and response together. */
  readonly max_length: number;
}

/** How the weights are trained. Names follow TRL's `DPOConfig` where a thing is the same. */
export interface TrainingOptions {
  /** One loss, or several whose weighted sum is trained (docs/methods.md). */
  readonly loss_type: LossType | readonly LossType[];
  /** One number a loss; empty: all 1. */
  readonly loss_weights: readonly number[];
  readonly beta: number;
  /** Chance that a label is wrong; for the losses that take it. */
  readonly label_smoothing: number;
  readonly f_divergence_type: 'reverse_kl' | 'forward_kl' | 'js_divergence' | 'alpha_divergence';
  readonly f_alpha_divergence_coef: number;
  /** LD-DPO: weight of a response's tokens beyond the length of the shorter one; 1: as the others. */
  readonly ld_alpha: number;
  /** WPO: pairs weighted by how likely the policy is to write them. */
  readonly use_weighting: boolean;
  readonly discopop_tau: number;
  /** Reward margin of `simpo`. */
  readonly simpo_gamma: number;
  /** Weight of the negative log-likelihood in `cpo`. */
  readonly cpo_alpha: number;
  readonly learning_rate: number;
  readonly lr_scheduler_type: LearningRateSchedule;
  /** Fraction of all steps spent on linear warm-up. */
  readonly warmup_ratio: number;
  /** From 0 on it counts instead of `warmup_ratio`; -1: as that says. */
  readonly warmup_steps: number;
  /** Of `warmup_stable_decay`: steps of the fall at the end, its shape, and where it ends (fraction of the rate). */
  readonly num_decay_steps: number;
  readonly decay_type: 'linear' | 'cosine' | '1-sqrt';
  readonly min_lr_ratio: number;
  readonly weight_decay: number;
  readonly adam_beta1: number;
  readonly adam_beta2: number;
  readonly adam_epsilon: number;
  /** Gradients are scaled down to this norm; 0 means no clipping. */
  readonly max_grad_norm: number;
  /** How AdamW's moments are kept. `bfloat16` is half the memory and rounds stochastically; on a GPU only. */
  readonly adam_moments: 'float32' | 'bfloat16';
  /** Other settings for parameters whose Hugging Face names match; `*` stands for any text. The first match counts. */
  readonly parameter_groups: readonly ParameterGroup[];
  /** LoRA: a low-rank adapter is trained, the model below it stays as it is and is the reference. */
  readonly use_peft: boolean;
  readonly lora_r: number;
  /** An adapter's output is multiplied by `lora_alpha / lora_r`, or with `use_rslora` by `lora_alpha / sqrt(lora_r)`. */
  readonly lora_alpha: number;
  readonly use_rslora: boolean;
  /** Names of linear layers (or their ends), `all-linear`, or one regular expression of whole names; as PEFT's. */
  readonly lora_target_modules: string | readonly string[];
  /** Other ranks and alphas by regular expression of a layer's name or its end; the first match counts. */
  readonly lora_rank_pattern: Readonly<Record<string, number>>;
  readonly lora_alpha_pattern: Readonly<Record<string, number>>;
  /** PEFT folder of an adapter to go on from, which then decides all of the above; empty: a new one. */
  readonly adapter_name_or_path: string;
  /** The export is the whole model with the adapter merged into it; the adapter lies beside it. */
  readonly merge_adapter: boolean;
  /** `precompute`: one forward pass over everything first. `in_step`: the start model stays in memory. */
  readonly reference: 'precompute' | 'in_step';
  /** Of a run that goes on from an adapter: the reference is a frozen copy of that adapter, as TRL's, or the model below it. */
  readonly adapter_reference: 'adapter' | 'base';
  /** Model folder of the reference; empty: the start model. */
  readonly reference_model: string;
  /** TR-DPO: the reference moves towards the policy. */
  readonly sync_ref_model: boolean;
  readonly ref_model_mixup_alpha: number;
  readonly ref_model_sync_steps: number;
  /** Steps at the beginning that train on the chosen responses alone; what they lead to is the reference. */
  readonly sft_steps: number;
  /** Steps between evaluations; 0: none. */
  readonly eval_steps: number;
  /** The exported model is that of the best evaluation. */
  readonly load_best_model_at_end: boolean;
  readonly metric_for_best_model: EvalMetric;
  /** Evaluations without a better one after which training stops; 0: never. */
  readonly early_stopping_patience: number;
  /** A better one counts when it is better by more than this. */
  readonly early_stopping_threshold: number;
  /** Steps between samples, completions by the policy for people to read; 0: none. */
  readonly sample_steps: number;
  /** Prompts that are completed: the first different ones of what is evaluated on, else trained on. */
  readonly sample_count: number;
  readonly sample_max_new_tokens: number;
  /** 0: always the likeliest token. */
  readonly sample_temperature: number;
  /** Steps between checkpoints; 0: not by steps. A stop before the end writes one whatever these say. */
  readonly save_steps: number;
  /** Minutes between checkpoints; 0: not by time. */
  readonly save_minutes: number;
  /** Whether the last step has a checkpoint too. The exported model is written anyway, and nothing goes on from there. */
  readonly save_final: boolean;
  /** Checkpoints kept; 0 means all of them. */
  readonly save_total_limit: number;
}

/** What carries the run out. */
export interface RunnerOptions {
  /** `auto`: CUDA where it works, else the CPU. The `start` event says which it was. */
  readonly backend: 'auto' | 'cpu' | 'cuda';
  /** CPU threads; 0 means all cores. */
  readonly threads: number;
  /** What of a layer the backward pass computes again instead of keeping it: less memory, more work. */
  readonly recompute: 'none' | 'mlp' | 'block';
  /** Sums whose order is fixed, so that equal runs give equal bits on a GPU too; slower there. */
  readonly deterministic: boolean;
  /** Which GPU, as CUDA counts them. */
  readonly device: number;
  /** Absolute path of the cuBLASLt library to use; empty: the usual places are searched. */
  readonly cublaslt: string;
}

export type Sharing = 'none' | 'pair' | 'tree';
export type LearningRateSchedule = 'constant' | 'linear' | 'cosine' | 'warmup_stable_decay';

/** In the runner's order (native-runner/src/train/loss/loss_options.h). */
export const LOSS_TYPES = [
  'sigmoid',
  'hinge',
  'ipo',
  'exo_pair',
  'nca_pair',
  'robust',
  'bco_pair',
  'sppo_hard',
  'aot',
  'aot_unpaired',
  'apo_zero',
  'apo_down',
  'discopop',
  'sft',
  'sigmoid_norm',
  'simpo',
  'orpo',
  'cpo',
] as const;
export type LossType = (typeof LOSS_TYPES)[number];

export const EVAL_METRICS = ['eval_loss', 'eval_rewards/accuracies', 'eval_rewards/margins', 'eval_rewards/chosen'] as const;
export type EvalMetric = (typeof EVAL_METRICS)[number];

export interface ParameterGroup {
  readonly pattern: string;
  readonly learning_rate?: number;
  readonly weight_decay?: number;
}

export const DEFAULT_PLAN: PlanOptions = {
  sharing: 'pair',
  capacity: 2048,
  batch_size: 32,
  epochs: 1,
  max_steps: 0,
  seed: 42,
  max_length: 1024,
  format: 'auto',
  pairing: 'all',
  min_margin: 0,
  max_prompt_length: 0,
  eval_fraction: 0,
  columns: '',
  chat_template: 'model',
  on_bad_row: 'stop',
};

/** TRL's defaults where TRL has the option. */
export const DEFAULT_TRAINING: TrainingOptions = {
  loss_type: 'sigmoid',
  loss_weights: [],
  beta: 0.1,
  label_smoothing: 0,
  f_divergence_type: 'reverse_kl',
  f_alpha_divergence_coef: 0.5,
  ld_alpha: 1,
  use_weighting: false,
  discopop_tau: 0.05,
  simpo_gamma: 0.5,
  cpo_alpha: 1,
  learning_rate: 1e-6,
  lr_scheduler_type: 'linear',
  warmup_ratio: 0.1,
  warmup_steps: -1,
  num_decay_steps: 0,
  decay_type: 'cosine',
  min_lr_ratio: 0,
  weight_decay: 0,
  adam_beta1: 0.9,
  adam_beta2: 0.999,
  adam_epsilon: 1e-8,
  max_grad_norm: 1,
  adam_moments: 'float32',
  parameter_groups: [],
  use_peft: false,
  lora_r: 16,
  lora_alpha: 32,
  use_rslora: false,
  lora_target_modules: 'all-linear',
  lora_rank_pattern: {},
  lora_alpha_pattern: {},
  adapter_name_or_path: '',
  merge_adapter: false,
  reference: 'precompute',
  adapter_reference: 'adapter',
  reference_model: '',
  sync_ref_model: false,
  ref_model_mixup_alpha: 0.6,
  ref_model_sync_steps: 512,
  sft_steps: 0,
  eval_steps: 0,
  load_best_model_at_end: false,
  metric_for_best_model: 'eval_loss',
  early_stopping_patience: 0,
  early_stopping_threshold: 0,
  sample_steps: 0,
  sample_count: 4,
  sample_max_new_tokens: 64,
  sample_temperature: 0,
  save_steps: 0,
  save_minutes: 10,
  save_final: false,
  save_total_limit: 2,
};

export const DEFAULT_RUNNER: RunnerOptions = {
  backend: 'auto',
  threads: 0,
  recompute: 'none',
  deterministic: false,
  device: 0,
  cublaslt: '',
};

const MAX_INT32 = 2 ** 31 - 1;

export const PLAN_FIELDS: Readonly<Record<keyof PlanOptions, Rule>> = {
  sharing: { kind: 'choice', choices: ['none', 'pair', 'tree'] },
  capacity: { kind: 'integer', min: 16, max: 2 ** 20 },
  batch_size: { kind: 'integer', min: 1, max: 65536 },
  epochs: { kind: 'integer', min: 1, max: 1000 },
  max_steps: { kind: 'integer', min: 0, max: MAX_INT32, absent: 0 },
  seed: { kind: 'integer', min: 0, max: MAX_INT32 },
  max_length: { kind: 'integer', min: 4, max: 2 ** 20 },
  format: { kind: 'choice', choices: ['auto', ...datasetForms], absent: 'auto' },
  pairing: { kind: 'choice', choices: pairings, absent: 'all' },
  min_margin: { kind: 'number', min: 0, max: 1e9, absent: 0 },
  max_prompt_length: { kind: 'integer', min: 0, max: 2 ** 20, absent: 0 },
  eval_fraction: { kind: 'number', min: 0, max: 0.9, absent: 0 },
  columns: { kind: 'string', absent: '' },
  chat_template: { kind: 'choice', choices: templateNames, absent: 'model' },
  on_bad_row: { kind: 'choice', choices: badRowChoices, absent: 'stop' },
};

export const TRAINING_FIELDS: Readonly<Record<keyof TrainingOptions, Rule>> = {
  loss_type: { kind: 'list', item: { kind: 'choice', choices: LOSS_TYPES }, orItem: true },
  loss_weights: { kind: 'list', item: { kind: 'number', min: 0, max: 1e6 }, absent: [] },
  beta: { kind: 'number', min: 0, max: 1000, open: 'min' },
  label_smoothing: { kind: 'number', min: 0, max: 1, open: 'max', absent: 0 },
  f_divergence_type: {
    kind: 'choice',
    choices: ['reverse_kl', 'forward_kl', 'js_divergence', 'alpha_divergence'],
    absent: 'reverse_kl',
  },
  f_alpha_divergence_coef: { kind: 'number', min: -1000, max: 1000, absent: 0.5 },
  ld_alpha: { kind: 'number', min: 0, max: 1, absent: 1 },
  use_weighting: { kind: 'flag', absent: false },
  discopop_tau: { kind: 'number', min: 0, max: 1e9, open: 'min', absent: 0.05 },
  simpo_gamma: { kind: 'number', min: -1e9, max: 1e9, absent: 0.5 },
  cpo_alpha: { kind: 'number', min: 0, max: 1e9, absent: 1 },
  learning_rate: { kind: 'number', min: 0, max: 1 },
  lr_scheduler_type: { kind: 'choice', choices: ['constant', 'linear', 'cosine', 'warmup_stable_decay'] },
  warmup_ratio: { kind: 'number', min: 0, max: 1 },
  warmup_steps: { kind: 'integer', min: -1, max: MAX_INT32, absent: -1 },
  num_decay_steps: { kind: 'integer', min: 0, max: MAX_INT32, absent: 0 },
  decay_type: { kind: 'choice', choices: ['linear', 'cosine', '1-sqrt'], absent: 'cosine' },
  min_lr_ratio: { kind: 'number', min: 0, max: 1, absent: 0 },
  weight_decay: { kind: 'number', min: 0, max: 10 },
  adam_beta1: { kind: 'number', min: 0, max: 1, open: 'max' },
  adam_beta2: { kind: 'number', min: 0, max: 1, open: 'max' },
  adam_epsilon: { kind: 'number', min: 0, max: 1, open: 'min' },
  max_grad_norm: { kind: 'number', min: 0, max: 1e9 },
  adam_moments: { kind: 'choice', choices: ['float32', 'bfloat16'], absent: 'float32' },
  parameter_groups: {
    kind: 'list',
    item: {
      kind: 'object',
      fields: {
        pattern: { kind: 'string', pattern: /\S/, expected: 'a pattern of parameter names' },
        learning_rate: { kind: 'number', min: 0, max: 1, optional: true },
        weight_decay: { kind: 'number', min: 0, max: 10, optional: true },
      },
    },
    absent: [],
  },
  use_peft: { kind: 'flag', absent: false },
  lora_r: { kind: 'integer', min: 1, max: 4096, absent: 16 },
  lora_alpha: { kind: 'number', min: 0, max: 1e6, open: 'min', absent: 32 },
  use_rslora: { kind: 'flag', absent: false },
  lora_target_modules: {
    kind: 'list',
    item: { kind: 'string', pattern: /\S/, expected: 'the name of a linear layer, "all-linear" or a regular expression' },
    orItem: true,
    absent: 'all-linear',
  },
  lora_rank_pattern: { kind: 'map', item: { kind: 'integer', min: 1, max: 4096 }, absent: {} },
  lora_alpha_pattern: { kind: 'map', item: { kind: 'number', min: 0, max: 1e6, open: 'min' }, absent: {} },
  adapter_name_or_path: { kind: 'string', pattern: /^(\/[^\0]*)?$/, expected: 'an absolute path, or an empty text', absent: '' },
  merge_adapter: { kind: 'flag', absent: false },
  reference: { kind: 'choice', choices: ['precompute', 'in_step'] },
  adapter_reference: { kind: 'choice', choices: ['adapter', 'base'], absent: 'base' },
  reference_model: { kind: 'string', pattern: /^(\/[^\0]*)?$/, expected: 'an absolute path, or an empty text', absent: '' },
  sync_ref_model: { kind: 'flag', absent: false },
  ref_model_mixup_alpha: { kind: 'number', min: 0, max: 1, absent: 0.6 },
  ref_model_sync_steps: { kind: 'integer', min: 1, max: MAX_INT32, absent: 512 },
  sft_steps: { kind: 'integer', min: 0, max: MAX_INT32, absent: 0 },
  eval_steps: { kind: 'integer', min: 0, max: MAX_INT32, absent: 0 },
  load_best_model_at_end: { kind: 'flag', absent: false },
  metric_for_best_model: { kind: 'choice', choices: EVAL_METRICS, absent: 'eval_loss' },
  early_stopping_patience: { kind: 'integer', min: 0, max: MAX_INT32, absent: 0 },
  early_stopping_threshold: { kind: 'number', min: 0, max: 1e9, absent: 0 },
  sample_steps: { kind: 'integer', min: 0, max: MAX_INT32, absent: 0 },
  sample_count: { kind: 'integer', min: 1, max: 64, absent: 4 },
  sample_max_new_tokens: { kind: 'integer', min: 1, max: 4096, absent: 64 },
  sample_temperature: { kind: 'number', min: 0, max: 1000, absent: 0 },
  save_steps: { kind: 'integer', min: 0, max: MAX_INT32 },
  save_minutes: { kind: 'number', min: 0, max: 1e6, absent: 0 },
  save_final: { kind: 'flag', absent: true },
  save_total_limit: { kind: 'integer', min: 0, max: 10000 },
};

export const RUNNER_FIELDS: Readonly<Record<keyof RunnerOptions, Rule>> = {
  backend: { kind: 'choice', choices: ['auto', 'cpu', 'cuda'] },
  threads: { kind: 'integer', min: 0, max: 4096 },
  recompute: { kind: 'choice', choices: ['none', 'mlp', 'block'], absent: 'none' },
  deterministic: { kind: 'flag', absent: false },
  device: { kind: 'integer', min: 0, max: 1023, absent: 0 },
  cublaslt: { kind: 'string', pattern: /^(\/[^\0]*)?$/, expected: 'an absolute path, or an empty text', absent: '' },
};

/** An option of a run by its path in `run.json`, for example `training.beta`. */
export type OptionPath =
  `plan.${keyof PlanOptions}` | `training.${keyof TrainingOptions}` | `runner.${keyof RunnerOptions}`;

/** Options that name a file or folder: absolute in `run.json`, elsewhere relative to where they are given. */
export const PATH_OPTIONS: ReadonlySet<OptionPath> = new Set<OptionPath>([
  'runner.cublaslt',
  'training.reference_model',
  'training.adapter_name_or_path',
]);

/**
 * What is wrong with a value for an option, in words for a person, or undefined when it is good.
 * The same rules as {@link parseRunConfig}, for dialogs and command-line flags.
 */
export function optionProblem(option: OptionPath, value: unknown): string | undefined {
  const rule = ruleOf(option);
  return rule === undefined ? `there is no option "${option}"` : valueProblem(rule, value);
}

/** How the value of an option is written. */
export function optionKind(option: OptionPath): 'choice' | 'flag' | 'number' | 'text' | 'list' | 'map' {
  const kind = ruleOf(option)?.kind;
  if (kind === 'list' || kind === 'map') return kind;
  return kind === 'choice' || kind === 'flag' ? kind : kind === 'string' ? 'text' : 'number';
}

function ruleOf(option: OptionPath): Rule | undefined {
  const [group, name] = option.split('.') as [string, string];
  const groups: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
    plan: PLAN_FIELDS,
    training: TRAINING_FIELDS,
    runner: RUNNER_FIELDS,
  };
  return groups[group]?.[name];
}

/** The values an option may have when it is a choice, or undefined when it is none. */
export function optionChoices(option: OptionPath): readonly string[] | undefined {
  const rule = ruleOf(option);
  const one = rule?.kind === 'list' && rule.orItem ? rule.item : rule;
  return one?.kind === 'choice' ? one.choices.map(String) : undefined;
}

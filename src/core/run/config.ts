import { badRowChoices, datasetForms, pairings, type DatasetForm, type OnBadRow, type PairingOptions } from '../dataset/index.js';
import { WishboneError } from '../errors.js';
import { nearestName } from '../nearest-name.js';
import { templateNames, type TemplateName } from '../tokenizer/fallback-templates.js';
import type { MadeWith } from './provenance.js';

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
  /** Absolute path of the cuBLASLt library to use, from a flag alone; empty: the usual places are searched. */
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

/**
 * Where the pairs came from. `path` is absolute, `sha256` is of the file's bytes; of several files they are the first
 * one's path and a hash of all.
 */
export interface DatasetReference {
  readonly path: string;
  readonly sha256: string;
  readonly format: string;
  /** Pairs trained on in an epoch, or evaluated on. */
  readonly pairs: number;
  /** What it was named as, absolute (`findSources`); absent for one file by its name. */
  readonly names?: readonly string[] | undefined;
  /** All files, unless there is one that is taken as it is. */
  readonly files?: readonly DatasetFileReference[] | undefined;
  /** Files with rows that could not be used and were left out. */
  readonly left_out?: readonly LeftOutReference[] | undefined;
  /** Files with columns that their form does not read. */
  readonly unread_columns?: readonly UnreadReference[] | undefined;
}

/** Rows of a file that were left out: how many, and the first lines (in a file without lines: rows, from 1). */
export interface LeftOutReference {
  readonly path: string;
  readonly rows: number;
  readonly lines: readonly number[];
}

/** Columns of a file that were not read. */
export interface UnreadReference {
  readonly path: string;
  readonly columns: readonly string[];
}

/** One file of a dataset. Rows are counted through the files in their order. */
export interface DatasetFileReference {
  readonly path: string;
  readonly sha256: string;
  readonly format: string;
  readonly rows: number;
  /** How often each of its pairs is taken in an epoch. */
  readonly weight: number;
}

/** `run.json`, version 1 (docs/formats.md): everything needed to repeat a run. */
export interface RunConfig {
  readonly format: 'wishbone-run';
  readonly version: 1;
  /** Also the name of the run's folder. */
  readonly id: string;
  readonly name: string;
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly dataset: DatasetReference;
  /** What `eval_steps` evaluates on: a dataset of its own, or the share of the other one that is held out. */
  readonly eval_dataset?: DatasetReference;
  readonly model: { readonly path: string };
  readonly plan: PlanOptions;
  readonly training: TrainingOptions;
  readonly runner: RunnerOptions;
  /** What it was made with; runs that an older Wishbone made do not say. */
  readonly made_with?: MadeWith;
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

/**
 * What a value of `run.json` may be. Bounds are inclusive unless `open` names the side that is not. A field with an
 * `absent` value came later than the format: in older files it is missing and means that. An `optional` one may be missing
 * in any.
 */
export type Rule = { readonly absent?: OptionValue | readonly never[] | Readonly<Record<string, never>>; readonly optional?: true } & (
  | {
      readonly kind: 'number' | 'integer';
      readonly min: number;
      readonly max: number;
      readonly open?: 'min' | 'max' | 'both';
    }
  | { readonly kind: 'string'; readonly pattern?: RegExp; readonly expected?: string }
  | { readonly kind: 'choice'; readonly choices: readonly (string | number)[] }
  | { readonly kind: 'flag' }
  /** `orItem`: an item may stand for a list of one. */
  | { readonly kind: 'list'; readonly item: Rule; readonly orItem?: true }
  | { readonly kind: 'object'; readonly fields: Readonly<Record<string, Rule>> }
  /** An object with any keys. */
  | { readonly kind: 'map'; readonly item: Rule }
);

/** A value of an option of a run. */
export type OptionValue = string | number | boolean;

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

const ABSOLUTE_PATH: Rule = { kind: 'string', pattern: /^\/[^\0]*$/, expected: 'an absolute path' };

const DATASET_FILE_FIELDS: Readonly<Record<keyof DatasetFileReference, Rule>> = {
  path: ABSOLUTE_PATH,
  sha256: { kind: 'string', pattern: /^[0-9a-f]{64}$/, expected: '64 hexadecimal digits' },
  format: { kind: 'string', pattern: /\S/, expected: 'the name of a dataset format' },
  rows: { kind: 'integer', min: 1, max: MAX_INT32 },
  weight: { kind: 'number', min: 0, max: 1e6, open: 'min' },
};

const LEFT_OUT_FIELDS: Readonly<Record<keyof LeftOutReference, Rule>> = {
  path: ABSOLUTE_PATH,
  rows: { kind: 'integer', min: 1, max: MAX_INT32 },
  lines: { kind: 'list', item: { kind: 'integer', min: 1, max: MAX_INT32 } },
};

const UNREAD_FIELDS: Readonly<Record<keyof UnreadReference, Rule>> = {
  path: ABSOLUTE_PATH,
  columns: { kind: 'list', item: { kind: 'string' } },
};

const DATASET = {
  kind: 'object',
  fields: {
    path: ABSOLUTE_PATH,
    sha256: { kind: 'string', pattern: /^[0-9a-f]{64}$/, expected: '64 hexadecimal digits' },
    format: { kind: 'string', pattern: /\S/, expected: 'the name of a dataset format' },
    pairs: { kind: 'integer', min: 1, max: MAX_INT32 },
    names: { kind: 'list', item: ABSOLUTE_PATH, optional: true },
    files: { kind: 'list', item: { kind: 'object', fields: DATASET_FILE_FIELDS }, optional: true },
    left_out: { kind: 'list', item: { kind: 'object', fields: LEFT_OUT_FIELDS }, optional: true },
    unread_columns: { kind: 'list', item: { kind: 'object', fields: UNREAD_FIELDS }, optional: true },
  },
} as const satisfies Rule;

const RUN_FIELDS: Readonly<Record<keyof RunConfig, Rule>> = {
  format: { kind: 'choice', choices: ['wishbone-run'] },
  version: { kind: 'choice', choices: [1] },
  id: { kind: 'string', pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, expected: 'letters, digits, ".", "_" and "-"' },
  name: { kind: 'string', pattern: /\S/, expected: 'a name that is not empty' },
  created: {
    kind: 'string',
    pattern: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/,
    expected: 'a UTC time like 2026-01-02T15:04:05.000Z',
  },
  dataset: DATASET,
  eval_dataset: { ...DATASET, optional: true },
  model: { kind: 'object', fields: { path: ABSOLUTE_PATH } },
  plan: { kind: 'object', fields: PLAN_FIELDS },
  training: { kind: 'object', fields: TRAINING_FIELDS },
  runner: { kind: 'object', fields: RUNNER_FIELDS },
  made_with: {
    kind: 'object',
    optional: true,
    fields: {
      wishbone: { kind: 'string', pattern: /\S/, expected: 'a version' },
      git: {
        kind: 'object',
        optional: true,
        fields: {
          commit: { kind: 'string', pattern: /^[0-9a-f]{40,64}$/, expected: 'the hash of a commit' },
          dirty: { kind: 'flag' },
        },
      },
    },
  },
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

/**
 * Reads the text of a `run.json`. Strict: every key must be known and every value of the right type and in range.
 * What an older Wishbone did not write yet gets the value it meant.
 *
 * @param file named in errors; never opened
 * @throws WishboneError naming the file and the field
 */
export function parseRunConfig(json: string, file: string): RunConfig {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new WishboneError(
      `not valid JSON: ${(error as Error).message}`,
      file,
      'fix the file, or launch the run again to get a new one',
    );
  }
  checkFields(RUN_FIELDS, value, '', file);
  const whole = completed(RUN_FIELDS, value as Readonly<Record<string, unknown>>) as unknown as RunConfig;
  // Older runs name a library to load there. It is code, and a run folder may come from anywhere.
  const read = { ...whole, runner: { ...whole.runner, cublaslt: '' } };
  const { warmup_ratio, warmup_steps } = read.training;
  // Before 0 steps meant no warm-up, they left it to the ratio.
  return warmup_steps === 0 && warmup_ratio > 0 ? { ...read, training: { ...read.training, warmup_steps: -1 } } : read;
}

/** The same value with what was absent. */
function completed(
  fields: Readonly<Record<string, Rule>>,
  value: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const entries = Object.entries(fields).flatMap(([name, rule]) => {
    const field = value[name] ?? rule.absent;
    if (field === undefined) return [];
    return [[name, rule.kind === 'object' ? completed(rule.fields, field as Record<string, unknown>) : field]];
  });
  return Object.fromEntries(entries) as Record<string, unknown>;
}

/**
 * Checks a config made in memory by the same rules as a file's.
 *
 * @throws WishboneError naming the field
 */
export function checkRunConfig(config: RunConfig, where = 'run config'): void {
  checkFields(RUN_FIELDS, config, '', where);
}

function checkFields(fields: Readonly<Record<string, Rule>>, value: unknown, path: string, file: string): void {
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
  const where = path === '' ? file : `${file}, field ${path}`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new WishboneError(`expected an object, found ${describe(value)}`, where, 'see docs/formats.md for run.json');
  }
  const known = Object.keys(fields);
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(fields, name)) continue;
    const near = nearestName(name, known);
    throw new WishboneError(
      `unknown field "${at(name)}"`,
      `${file}, field ${at(name)}`,
      near === undefined ? `remove it; valid names: ${known.join(', ')}` : `did you mean "${at(near)}"?`,
    );
  }
  for (const [name, rule] of Object.entries(fields)) {
    const field = (value as Record<string, unknown>)[name];
    if (field === undefined) {
      if (rule.absent !== undefined || rule.optional) continue;
      throw new WishboneError(
        `field "${at(name)}" is missing`,
        `${file}, field ${at(name)}`,
        `add ${at(name)}: ${ruleText(rule)}`,
      );
    }
    if (rule.kind === 'object') {
      checkFields(rule.fields, field, at(name), file);
      continue;
    }
    if (rule.kind === 'list' && rule.item.kind === 'object' && Array.isArray(field)) {
      const { fields: ofItem } = rule.item;
      field.forEach((item, index) => checkFields(ofItem, item, `${at(name)}.${index}`, file));
      continue;
    }
    const problem = valueProblem(rule, field);
    if (problem !== undefined) {
      throw new WishboneError(
        `${at(name)}: ${problem}`,
        `${file}, field ${at(name)}`,
        `set ${at(name)} to ${ruleText(rule)}`,
      );
    }
  }
}

/** What is wrong with a value, in words for a person, or undefined when the rule allows it. */
export function valueProblem(rule: Rule, value: unknown): string | undefined {
  const wrong = `expected ${ruleText(rule)}, found ${describe(value)}`;
  switch (rule.kind) {
    case 'choice':
      return rule.choices.includes(value as string | number) ? undefined : wrong;
    case 'string':
      return typeof value === 'string' && (rule.pattern === undefined || rule.pattern.test(value)) ? undefined : wrong;
    case 'flag':
      return typeof value === 'boolean' ? undefined : wrong;
    case 'list': {
      const items: readonly unknown[] | undefined = Array.isArray(value) ? value : rule.orItem ? [value] : undefined;
      if (items === undefined || (rule.orItem && items.length === 0)) return wrong;
      return items.map((item) => valueProblem(rule.item, item)).find((problem) => problem !== undefined);
    }
    case 'object':
      return typeof value === 'object' && value !== null ? undefined : wrong;
    case 'map':
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong;
      return Object.values(value)
        .map((item: unknown) => valueProblem(rule.item, item))
        .find((problem) => problem !== undefined);
    default: {
      if (typeof value !== 'number' || !Number.isFinite(value)) return wrong;
      if (rule.kind === 'integer' && !Number.isInteger(value)) return wrong;
      const low = rule.open === 'min' || rule.open === 'both' ? value > rule.min : value >= rule.min;
      const high = rule.open === 'max' || rule.open === 'both' ? value < rule.max : value <= rule.max;
      return low && high ? undefined : wrong;
    }
  }
}

/** What a rule allows, to follow "expected". */
export function ruleText(rule: Rule): string {
  switch (rule.kind) {
    case 'choice':
      return rule.choices.map((choice) => JSON.stringify(choice)).join(' or ');
    case 'string':
      return rule.expected ?? 'a text';
    case 'flag':
      return 'true or false';
    case 'list':
      return rule.orItem ? `${ruleText(rule.item)}, or a list of these` : `a list, each ${ruleText(rule.item)}`;
    case 'object':
      return `an object with ${Object.keys(rule.fields).join(', ')}`;
    case 'map':
      return `an object, each value ${ruleText(rule.item)}`;
    default: {
      const what = rule.kind === 'integer' ? 'a whole number' : 'a number';
      const low = rule.open === 'min' || rule.open === 'both' ? `above ${rule.min}` : `of at least ${rule.min}`;
      const high = rule.open === 'max' || rule.open === 'both' ? `below ${rule.max}` : `at most ${rule.max}`;
      return `${what} ${low} and ${high}`;
    }
  }
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

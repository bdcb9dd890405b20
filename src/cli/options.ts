import path from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  DEFAULT_PLAN,
  DEFAULT_RUNNER,
  DEFAULT_TRAINING,
  optionChoices,
  optionKind,
  optionProblem,
  type OptionPath,
  type OptionValue,
  type PlanOptions,
  type RunnerOptions,
  type TrainingOptions,
} from '../core/run/config.js';
import type { Preset } from '../core/run/presets.js';

const planHelp: Readonly<Record<keyof PlanOptions, string>> = {
  format: "what the dataset's rows are; auto: told by the first",
  pairing: 'rows with several responses; all: each better one over each worse; best: the best over each other',
  min_margin: 'least difference of two scores that makes a pair; equal scores never do',
  sharing:
    "pair: compute a pair's common prefix once; tree: every common prefix of a step once; none: every response with its " +
    'own prompt',
  capacity: 'most tokens in one bin',
  batch_size: 'pairs in one optimizer step',
  epochs: 'times the whole dataset is trained on',
  seed: 'decides the order of the pairs',
  max_length: 'most tokens of one sequence, prompt and response; the end is cut off',
};

const trainingHelp: Readonly<Record<keyof TrainingOptions, string>> = {
  loss_type: 'the preference loss; several with commas between',
  loss_weights: 'one weight a loss, with commas between',
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
  warmup_steps: 'steps with a rising learning rate; above 0 they count instead of the ratio',
  num_decay_steps: 'warmup_stable_decay: steps of the fall at the end',
  decay_type: 'warmup_stable_decay: shape of the fall',
  min_lr_ratio: 'warmup_stable_decay: where the fall ends, as a fraction of the learning rate',
  parameter_groups: 'other learning rates and weight decay by parameter name; in run.json only',
  weight_decay: 'AdamW weight decay',
  adam_beta1: 'AdamW beta1',
  adam_beta2: 'AdamW beta2',
  adam_epsilon: 'AdamW epsilon',
  max_grad_norm: 'gradients are clipped to this norm; 0: not at all',
  adam_moments: 'how AdamW keeps its moments; bfloat16: half the memory, on a GPU only',
  reference: 'precompute: reference log-probabilities before the first step; in_step: in every step',
  reference_model: 'Hugging Face folder of the reference; without it the start model',
  sync_ref_model: 'TR-DPO: the reference moves towards the policy; needs --reference in_step',
  ref_model_mixup_alpha: 'TR-DPO: how far it moves',
  ref_model_sync_steps: 'TR-DPO: steps between its moves',
  sft_steps: 'steps on the chosen responses alone before preference training',
  eval_steps: 'steps between evaluations; 0: none',
  load_best_model_at_end: 'export the model of the best evaluation',
  metric_for_best_model: 'what the best evaluation is judged by',
  early_stopping_patience: 'evaluations without a better one after which training stops; 0: never',
  early_stopping_threshold: 'a better one counts when it is better by more than this',
  save_steps: 'steps between checkpoints; 0: only the last',
  save_total_limit: 'checkpoints kept; 0: all',
};

const runnerHelp: Readonly<Record<keyof RunnerOptions, string>> = {
  backend: 'what computes; auto: a GPU when the runner can use one, else the CPU',
  threads: 'threads on the CPU; 0: all cores',
  recompute: 'what of a layer is computed twice to save memory: nothing, its MLP, or all of it',
  deterministic: 'equal runs give equal bits on a GPU too; slower there',
  device: 'number of the GPU to use',
  cublaslt: 'cuBLASLt library to use; without it the usual places are searched',
};

const groups = {
  plan: { help: planHelp, defaults: DEFAULT_PLAN },
  training: { help: trainingHelp, defaults: DEFAULT_TRAINING },
  runner: { help: runnerHelp, defaults: DEFAULT_RUNNER },
} as const;
type Group = keyof typeof groups;

/** Adds `--batch-size` and the like for options of a group. `showDefaults`: false where a preset decides them. */
export function addOptions(command: Command, group: Group, names: readonly string[], showDefaults: boolean): void {
  const help = groups[group].help as Readonly<Record<string, string>>;
  const defaults = groups[group].defaults as unknown as Readonly<Record<string, OptionValue>>;
  for (const name of names) {
    const option = `${group}.${name}` as OptionPath;
    const kind = optionKind(option);
    const flag = `--${name.replaceAll('_', '-')}`;
    if (kind === 'flag') {
      command.option(flag, help[name]);
      continue;
    }
    const shown =
      kind === 'list' ? 'list' : kind === 'choice' ? optionChoices(option)!.join('|') : PATHS.has(option) ? 'file' : kind;
    const byDefault = showDefaults && defaults[name] !== '' ? ` (default: ${String(defaults[name])})` : '';
    const description = `${help[name] ?? ''}${byDefault}`;
    command.addOption(
      new Option(`${flag} <${shown}>`, description).argParser((text: string) => parseOption(option, text)),
    );
  }
}

export const planOptionNames = Object.keys(planHelp) as (keyof PlanOptions)[];
/** Lists of objects have no flag. */
export const trainingOptionNames = (Object.keys(trainingHelp) as (keyof TrainingOptions)[]).filter(
  (name) => name !== 'parameter_groups',
);
export const runnerOptionNames = Object.keys(runnerHelp) as (keyof RunnerOptions)[];

/** Options that name a file: relative to where the command is given. */
const PATHS: ReadonlySet<OptionPath> = new Set<OptionPath>(['runner.cublaslt', 'training.reference_model']);

function parseOption(option: OptionPath, text: string): OptionValue | readonly OptionValue[] {
  if (optionKind(option) === 'list') return parseList(option, text);
  const number = optionKind(option) === 'number' && text.trim() !== '' ? Number(text) : NaN;
  // What is no number is shown as it was written.
  const value = !Number.isNaN(number) ? number : PATHS.has(option) && text !== '' ? path.resolve(text) : text;
  const problem = optionProblem(option, value);
  if (problem !== undefined) throw new InvalidArgumentError(problem);
  return value;
}

function parseList(option: OptionPath, text: string): OptionValue | readonly OptionValue[] {
  const words = text.split(',').map((word) => word.trim());
  const value = optionChoices(option) ? words : words.map((word) => (word === '' ? word : Number(word)));
  const problem = optionProblem(option, value);
  if (problem !== undefined) throw new InvalidArgumentError(problem);
  return optionChoices(option) && value.length === 1 ? value[0]! : value;
}

/** What every command says of its dataset argument. */
export const datasetHelp = 'preference file: .jsonl, .json, .csv or .tsv, also gzipped, or .parquet';

/** A group's options: what was given, else the preset's, else the default. */
export function resolvePlan(given: Readonly<Record<string, unknown>>, preset?: Preset): PlanOptions {
  return resolve({ ...DEFAULT_PLAN, ...preset?.plan }, given);
}

export function resolveTraining(given: Readonly<Record<string, unknown>>, preset?: Preset): TrainingOptions {
  return resolve({ ...DEFAULT_TRAINING, ...preset?.training }, given);
}

export function resolveRunner(given: Readonly<Record<string, unknown>>): RunnerOptions {
  return resolve(DEFAULT_RUNNER, given);
}

function resolve<T extends object>(base: T, given: Readonly<Record<string, unknown>>): T {
  const entries = Object.entries(base).map(([name, value]) => {
    const camel = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    return [name, given[camel] ?? (value as unknown)];
  });
  return Object.fromEntries(entries) as T;
}

/** A whole number of at least 1, for options that are none of a run's. */
export function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError(`expected a whole number above 0, found ${text}`);
  return value;
}

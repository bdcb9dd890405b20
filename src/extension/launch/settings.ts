import {
  autoBackend,
  type BackendInfo,
  optionChoices,
  optionKind,
  type OptionPath,
  type OptionValue,
  type PlanOptions,
  type RunnerOptions,
  type TrainingOptions,
} from '../../core/run/index.js';
import { formatOption } from '../../format.js';

/** The options of a run about to be launched, as `run.json` groups them. */
export interface LaunchOptions {
  readonly plan: PlanOptions;
  readonly training: TrainingOptions;
  readonly runner: RunnerOptions;
}

export interface Setting {
  readonly option: OptionPath;
  readonly label: string;
  readonly help: string;
}

/** Those that people change, the weightiest first. */
export const KEY_SETTINGS: readonly Setting[] = [
  { option: 'training.learning_rate', label: 'Learning rate', help: 'The highest, reached after warm-up' },
  { option: 'training.beta', label: 'Beta', help: 'How strongly the model is held to where it started' },
  { option: 'plan.epochs', label: 'Epochs', help: 'Times every pair is trained on' },
  { option: 'plan.batch_size', label: 'Batch size', help: 'Pairs in one optimizer step' },
  {
    option: 'plan.sharing',
    label: 'Sharing',
    help: 'pair: a common prompt is computed once; tree: so is what pairs of a step share; none: nothing is',
  },
  { option: 'plan.capacity', label: 'Bin capacity', help: 'Most tokens in one forward pass; lower needs less memory' },
  { option: 'plan.max_length', label: 'Longest sequence', help: 'Tokens of prompt and response; the rest is cut off' },
];

export const MORE_SETTINGS: readonly Setting[] = [
  { option: 'training.lr_scheduler_type', label: 'Schedule', help: 'How the learning rate falls after warm-up' },
  { option: 'training.warmup_ratio', label: 'Warm-up', help: 'Fraction of the steps with a rising learning rate' },
  { option: 'training.weight_decay', label: 'Weight decay', help: 'Of AdamW' },
  { option: 'training.max_grad_norm', label: 'Gradient norm limit', help: 'Longer gradients are scaled down to it; 0: never' },
  {
    option: 'training.adam_moments',
    label: 'AdamW moments',
    help: 'bfloat16: half the memory, rounded stochastically; on a GPU only',
  },
  {
    option: 'training.reference',
    label: 'Reference',
    help: 'precompute: one pass before the first step; in_step: the start model stays in memory',
  },
  { option: 'training.save_steps', label: 'Checkpoint every', help: 'Steps; 0: only at the end' },
  { option: 'training.save_total_limit', label: 'Checkpoints kept', help: 'Older ones are removed; 0: none is' },
  { option: 'plan.format', label: 'Dataset format', help: "What the dataset's rows are; auto: told by the first" },
  {
    option: 'plan.pairing',
    label: 'Pairing',
    help: 'Rows with several responses. all: each better one over each worse; best: the best over each other',
  },
  {
    option: 'plan.min_margin',
    label: 'Least margin',
    help: 'Least difference of two scores that makes a pair; equal scores never do',
  },
  { option: 'plan.seed', label: 'Seed', help: 'Decides the order of the pairs' },
  { option: 'runner.backend', label: 'Backend', help: 'auto: a GPU when the runner can use one, else the CPU' },
  { option: 'runner.threads', label: 'Threads', help: 'On the CPU; 0: all cores' },
  {
    option: 'runner.recompute',
    label: 'Recompute',
    help: 'What of a layer is computed twice to save memory: nothing, its MLP, or all of it',
  },
  { option: 'runner.deterministic', label: 'Deterministic', help: 'Equal runs give equal bits on a GPU too; slower there' },
  { option: 'runner.device', label: 'GPU', help: 'Its number, from 0' },
  { option: 'runner.cublaslt', label: 'cuBLASLt', help: 'Path of the library; empty: the usual places are searched' },
];

export function valueOf(options: LaunchOptions, option: OptionPath): OptionValue {
  const [group, name] = option.split('.') as [keyof LaunchOptions, string];
  return (options[group] as unknown as Readonly<Record<string, OptionValue>>)[name]!;
}

export function withValue(options: LaunchOptions, option: OptionPath, value: OptionValue): LaunchOptions {
  const [group, name] = option.split('.') as [keyof LaunchOptions, string];
  return { ...options, [group]: { ...options[group], [name]: value } };
}

/** What somebody typed for an option, as far as it is that: a number where one is wanted, else the text. */
export function parseTyped(option: OptionPath, text: string): string | number {
  return optionKind(option) === 'number' ? (parseNumber(text) ?? text) : text.trim();
}

/** What an option may be chosen from: value, name and, for a backend, what it would run on. */
export function choicesOf(option: OptionPath, backends: readonly BackendInfo[]): readonly Choice[] | undefined {
  if (optionKind(option) === 'flag') return [false, true].map((value) => ({ value, label: formatOption(value) }));
  return optionChoices(option)?.map((value) => ({
    value,
    label: value,
    ...(option === 'runner.backend' ? backendText(value, backends) : {}),
  }));
}

interface Choice {
  readonly value: OptionValue;
  readonly label: string;
  readonly description?: string;
}

/** What a choice of backend comes to on this machine; nothing when that is not known. */
export function backendText(choice: string, backends: readonly BackendInfo[]): { readonly description?: string } {
  const info = backends.find(({ name }) => name === (choice === 'auto' ? autoBackend(backends) : choice));
  if (info === undefined) return {};
  const devices = info.devices.map(({ name }) => name).join(', ');
  return { description: info.available ? devices : `not available: ${info.problem ?? 'the runner does not say why'}` };
}

/** The number somebody typed, or undefined when it is none. */
export function parseNumber(text: string): number | undefined {
  const number = Number(text.trim());
  return text.trim() === '' || Number.isNaN(number) ? undefined : number;
}

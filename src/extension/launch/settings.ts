import type { OptionPath, PlanOptions, RunnerOptions, TrainingOptions } from '../../core/run/index.js';

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
    help: 'pair: a common prompt is computed once; none: once for each response',
  },
  { option: 'plan.capacity', label: 'Bin capacity', help: 'Most tokens in one forward pass; lower needs less memory' },
  { option: 'plan.max_length', label: 'Longest sequence', help: 'Tokens of prompt and response; the rest is cut off' },
];

export const MORE_SETTINGS: readonly Setting[] = [
  { option: 'training.lr_scheduler_type', label: 'Schedule', help: 'How the learning rate falls after warm-up' },
  { option: 'training.warmup_ratio', label: 'Warm-up', help: 'Fraction of the steps with a rising learning rate' },
  { option: 'training.weight_decay', label: 'Weight decay', help: 'Of AdamW' },
  { option: 'training.max_grad_norm', label: 'Gradient norm limit', help: 'Longer gradients are scaled down to it' },
  {
    option: 'training.reference',
    label: 'Reference',
    help: 'precompute: one pass before the first step; in_step: the start model stays in memory',
  },
  { option: 'training.save_steps', label: 'Checkpoint every', help: 'Steps; 0: only at the end' },
  { option: 'training.save_total_limit', label: 'Checkpoints kept', help: 'Older ones are removed' },
  { option: 'plan.seed', label: 'Seed', help: 'Decides the order of the pairs' },
  { option: 'runner.threads', label: 'Threads', help: '0: all cores' },
];

export function valueOf(options: LaunchOptions, option: OptionPath): string | number {
  const [group, name] = option.split('.') as [keyof LaunchOptions, string];
  return (options[group] as unknown as Readonly<Record<string, string | number>>)[name]!;
}

export function withValue(options: LaunchOptions, option: OptionPath, value: string | number): LaunchOptions {
  const [group, name] = option.split('.') as [keyof LaunchOptions, string];
  return { ...options, [group]: { ...options[group], [name]: value } };
}

/** The number somebody typed, or undefined when it is none. */
export function parseNumber(text: string): number | undefined {
  const number = Number(text.trim());
  return text.trim() === '' || Number.isNaN(number) ? undefined : number;
}

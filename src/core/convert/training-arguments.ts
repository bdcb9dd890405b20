import { BEST_METRICS } from '../../metrics.js';

import { REPORT_TO, type ReportTo, TRACKERS, trackersOf } from '../trackers/report-to.js';
import type { Conversion } from './conversion.js';

/** transformers' `TrainingArguments` where its default is not Wishbone's. */
const DEFAULTS = { epochs: 3, batch: 8, saveSteps: 500 };

/** What the tools' configs have as defaults of the same settings. */
const TOOLS = {
  trl: { rate: 1e-6, logging: 10, bf16: true },
  simpo: { rate: 5e-5, logging: 500, bf16: false },
  'llama-factory': { rate: 5e-5, logging: 500, bf16: false },
} as const;

/** Those settings of `TrainingArguments` that are carried over, for slips of the pen. */
export const TRAINING_ARGUMENTS: readonly string[] = [
  ...['per_device_train_batch_size', 'gradient_accumulation_steps', 'num_train_epochs', 'max_steps', 'learning_rate'],
  ...['lr_scheduler_type', 'lr_scheduler_kwargs', 'warmup_ratio', 'warmup_steps', 'weight_decay', 'adam_beta1', 'adam_beta2'],
  ...['adam_epsilon', 'max_grad_norm', 'optim', 'eval_strategy', 'eval_steps', 'save_strategy', 'save_steps', 'save_total_limit'],
  ...['load_best_model_at_end', 'metric_for_best_model', 'seed', 'run_name', 'output_dir', 'report_to', 'bf16', 'gradient_checkpointing'],
];

/** What TRL's and LLaMA-Factory's configs have in common: the settings of transformers' `TrainingArguments`. */
export function convertTrainingArguments(conversion: Conversion, tool: keyof typeof TOOLS): void {
  const { rate, logging, bf16 } = TOOLS[tool];
  batch(conversion);
  length(conversion);
  schedule(conversion, rate);
  optimizer(conversion);
  evaluation(conversion, logging);
  checkpoints(conversion);
  device(conversion, bf16);
  order(conversion);
  conversion.carry('seed', 'plan.seed');
  // transformers takes null as 0: no clipping.
  if (conversion.isNull('max_grad_norm')) {
    conversion.set('training.max_grad_norm', 0, 'max_grad_norm');
    conversion.changed('max_grad_norm', '0: no clipping');
  }
  conversion.carry('max_grad_norm', 'training.max_grad_norm');
  const name = conversion.takeText('run_name');
  if (name !== undefined) conversion.set('name', name, 'run_name');
  trackers(conversion);
}

/** Those that a run can be sent to; TensorBoard's files are always there. */
function trackers(conversion: Conversion): void {
  const named = [conversion.take('report_to') ?? []].flat().map((name) => String(name).toLowerCase());
  const known = trackersOf(named as ReportTo[]);
  const others = named.filter((name) => !(REPORT_TO as readonly string[]).includes(name));
  if (known.length > 0) conversion.set('report_to', known, 'report_to');
  if (others.length > 0)
    conversion.lost(
      'report_to',
      others.includes('all') ? `name those that are meant: ${TRACKERS.join(', ')}` : `a run cannot be sent to ${others.join(', ')}`,
    );
  if (!known.includes('trackio')) return;
  const project = conversion.takeText('project');
  if (project !== undefined) conversion.lost('project', `set the environment variable TRACKIO_PROJECT to ${project}`);
  if (conversion.takeText('trackio_space_id') !== undefined)
    conversion.lost('trackio_space_id', 'the run goes to Trackio on this machine; `trackio sync` puts it on a Space');
}

/** The pairs of an optimizer step are one number here: a step accumulates over its bins anyway. */
function batch(conversion: Conversion): void {
  const name = 'per_device_train_batch_size';
  const each = conversion.takeNumber(name) ?? DEFAULTS.batch;
  const accumulation = conversion.takeNumber('gradient_accumulation_steps') ?? 1;
  const { devices } = conversion;
  conversion.set('plan.batch_size', each * accumulation * devices, name);
  if (conversion.get('plan.batch_size') === undefined) return;
  conversion.changed(
    name,
    `plan.batch_size ${each * accumulation * devices}: ${each} per device × ${accumulation} accumulated × ${devices} ` +
      `device${devices === 1 ? '' : 's'}${devices === 1 ? ' (--devices says how many)' : ''}`,
  );
}

function length(conversion: Conversion): void {
  const steps = conversion.takeNumber('max_steps');
  const epochs = conversion.takeNumber('num_train_epochs') ?? DEFAULTS.epochs;
  if (steps !== undefined && steps > 0) conversion.set('plan.max_steps', steps, 'max_steps');
  else if (Number.isInteger(epochs)) conversion.set('plan.epochs', epochs, 'num_train_epochs');
  else
    conversion.lost(
      'num_train_epochs',
      `epochs are whole numbers in Wishbone, so there is one: set plan.epochs, or plan.max_steps to end within an epoch`,
    );
}

function schedule(conversion: Conversion, defaultRate: number): void {
  const rate = conversion.takeNumber('learning_rate') ?? defaultRate;
  conversion.set('training.learning_rate', rate, 'learning_rate');
  const type = conversion.take('lr_scheduler_type') ?? 'linear';
  let ratio = conversion.takeNumber('warmup_ratio') ?? 0;
  let steps = conversion.takeNumber('warmup_steps') ?? 0;
  // transformers 5 takes a fraction as `warmup_steps`, and rounds what is above 1.
  if (steps > 0 && steps < 1) [ratio, steps] = [steps, 0];
  else if (steps > 0) [ratio, steps] = [0, Math.floor(steps)];
  if (type === 'constant') {
    // transformers has no warm-up there, whatever is asked for.
    for (const name of ['warmup_ratio', 'warmup_steps'] as const)
      if (conversion.has(name)) conversion.needless(name, 'transformers has no warm-up with "constant"');
    [ratio, steps] = [0, 0];
    conversion.set('training.lr_scheduler_type', 'constant', 'lr_scheduler_type');
  } else if (type === 'constant_with_warmup') {
    conversion.set('training.lr_scheduler_type', 'constant', 'lr_scheduler_type');
  } else conversion.set('training.lr_scheduler_type', type, 'lr_scheduler_type');
  conversion.set('training.warmup_ratio', ratio, 'warmup_ratio');
  if (steps > 0) conversion.set('training.warmup_steps', steps, 'warmup_steps');
  const given = conversion.take('lr_scheduler_kwargs');
  if (given === undefined) return;
  const kwargs = typeof given === 'string' ? parsed(given) : given;
  if (typeof kwargs !== 'object' || kwargs === null || Array.isArray(kwargs))
    return conversion.lost('lr_scheduler_kwargs', 'it is not a list of settings');
  for (const [name, value] of Object.entries(kwargs)) {
    const known = ['num_decay_steps', 'decay_type', 'min_lr_ratio'].find((option) => option === name);
    if (type === 'warmup_stable_decay' && known !== undefined)
      conversion.set(`training.${known as 'decay_type'}`, value, 'lr_scheduler_kwargs');
    else conversion.lost('lr_scheduler_kwargs', `${name} has no counterpart`);
  }
}

/** TRL takes JSON in a text for what is a mapping. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function optimizer(conversion: Conversion): void {
  for (const name of ['weight_decay', 'adam_beta1', 'adam_beta2', 'adam_epsilon'] as const) conversion.carry(name, `training.${name}`);
  const optim = conversion.take('optim');
  if (/^paged_adamw(_32bit)?$|^adamw_(apex_fused|torch_xla|torch_npu_fused|bnb_32bit|anyprecision)$/.test(String(optim)))
    conversion.changed('optim', 'AdamW as in torch (adamw_torch)');
  else if (optim !== undefined && !/^adamw_(torch|torch_fused|hf)$/.test(String(optim)))
    conversion.lost('optim', 'the optimizer is AdamW (adamw_torch); training.adam_moments "bfloat16" halves its memory');
}

/** @param logging the tool's `logging_steps`, which stands in for `eval_steps` */
function evaluation(conversion: Conversion, logging: number): void {
  const strategy = conversion.take('eval_strategy') ?? conversion.take('evaluation_strategy');
  const name = conversion.has('eval_strategy') ? 'eval_strategy' : 'evaluation_strategy';
  const given = conversion.takeNumber('eval_steps');
  const asked = strategy === 'steps' || strategy === 'epoch';
  const steps = given === undefined || given === 0 ? (conversion.takeNumber('logging_steps') ?? logging) : given;
  if (strategy === 'steps' && steps !== given) conversion.changed(name, `every ${steps} steps: without eval_steps, TRL uses logging_steps`);
  if (strategy === 'epoch') conversion.lost(name, 'evaluation happens every so many steps: set training.eval_steps');
  else if (asked && steps < 1) conversion.lost('eval_steps', 'a fraction of the run; give a number of steps');
  else if (asked) conversion.set('training.eval_steps', steps, 'eval_steps');
  else if (strategy !== undefined && strategy !== 'no') conversion.lost(name, 'unknown strategy');
  conversion.carry('load_best_model_at_end', 'training.load_best_model_at_end');
  const metric = conversion.take('metric_for_best_model');
  if (metric !== undefined) {
    const ours = BEST_METRICS.find((known) => known === metric || known === `eval_${String(metric)}`);
    if (ours === undefined) conversion.lost('metric_for_best_model', `supported: ${BEST_METRICS.join(', ')}`);
    else conversion.set('training.metric_for_best_model', ours, 'metric_for_best_model');
  }
  const greater = conversion.take('greater_is_better');
  if (typeof greater === 'boolean' && greater === /loss$/.test(String(metric ?? 'loss')))
    conversion.lost('greater_is_better', 'for the loss, lower is better; for everything else, higher');
  const batch = conversion.take('per_device_eval_batch_size');
  if (batch !== undefined) conversion.needless('per_device_eval_batch_size', 'the mean over the eval dataset does not depend on it');
}

function checkpoints(conversion: Conversion): void {
  const strategy = conversion.take('save_strategy') ?? 'steps';
  const steps = conversion.takeNumber('save_steps') ?? DEFAULTS.saveSteps;
  // Not by time there, and with one after the last step unless there are none at all.
  conversion.set('training.save_minutes', 0, 'save_strategy');
  conversion.set('training.save_final', strategy !== 'no', 'save_strategy');
  if (strategy === 'no') conversion.set('training.save_steps', 0, 'save_strategy');
  else if (strategy !== 'steps') conversion.lost('save_strategy', 'checkpoints are written every so many steps: set training.save_steps');
  else if (steps < 1) conversion.lost('save_steps', 'a fraction of the run; give a number of steps');
  else conversion.set('training.save_steps', steps, 'save_steps');
  const limit = conversion.takeNumber('save_total_limit') ?? 0;
  conversion.set('training.save_total_limit', limit, 'save_total_limit');
}

/** @param byDefault whether the tool computes in bf16 when the file does not say */
function device(conversion: Conversion, byDefault: boolean): void {
  const cpu = conversion.takeFlag('use_cpu');
  if (cpu) conversion.set('runner.backend', 'cpu', 'use_cpu');
  if (conversion.takeFlag('full_determinism')) conversion.set('runner.deterministic', true, 'full_determinism');
  if (conversion.takeFlag('gradient_checkpointing')) conversion.set('runner.recompute', 'block', 'gradient_checkpointing');
  const number = 'a GPU computes in bf16 with fp32 master weights, a CPU in fp32';
  const half = conversion.has('fp16') && conversion.takeFlag('fp16');
  if (conversion.has('bf16') ? conversion.takeFlag('bf16') : byDefault) {
    if (conversion.has('bf16')) conversion.needless('bf16', number);
  } else if (half) conversion.lost('fp16', number);
  else if (conversion.has('pure_bf16') && conversion.takeFlag('pure_bf16')) conversion.changed('pure_bf16', number);
  else if (!cpu) conversion.changed('bf16', `fp32 there; ${number} in Wishbone (runner.backend "cpu" gives fp32)`);
}

/** Every epoch has an order of its own, decided by the seed. */
function order(conversion: Conversion): void {
  const sampling = conversion.take('train_sampling_strategy') ?? 'random';
  if (sampling !== 'random') conversion.lost('train_sampling_strategy', 'the pairs are shuffled in every epoch, by plan.seed');
}

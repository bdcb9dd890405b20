import path from 'node:path';

import { WishboneError } from '../../core/errors.js';
import {
  checkOptions,
  anyLoss,
  LORA_OPTIONS,
  lossRow,
  type LossType,
  OPTION_PATHS,
  type OptionPath,
  optionProblem,
  type PlanOptions,
  type RunnerOptions,
  type TrainingOptions,
} from '../../core/options/index.js';
import { sentence } from '../../format.js';
import { parseText, textOf } from './option-text.js';
import { readSeveral, type SweepDraft, sweepOf, variants } from './sweep-draft.js';

/** The options of a run, as `run.json` groups them. */
export interface LaunchOptions {
  readonly plan: PlanOptions;
  readonly training: TrainingOptions;
  readonly runner: RunnerOptions;
}

/** What the fields of the form hold, as text, by the field's id. */
export type Values = Readonly<Record<string, string>>;

/** What the texts mean, and what is wrong with them by field. */
export interface ReadDraft {
  /** Undefined while an option is invalid. Of several values the first. */
  readonly options: LaunchOptions | undefined;
  readonly problems: Readonly<Record<string, string>>;
  /** The runs that several values come to; undefined where one run is being set up, or something is wrong. */
  readonly sweep?: SweepDraft | undefined;
}

/** Options as the texts of their fields. */
export function optionTexts(options: LaunchOptions): Values {
  return Object.fromEntries(OPTION_PATHS.map((option) => [option, textOf(valueOf(options, option), option)]));
}

function valueOf(options: LaunchOptions, option: OptionPath): unknown {
  const [group, name] = option.split('.') as [keyof LaunchOptions, string];
  return (options[group] as unknown as Readonly<Record<string, unknown>>)[name];
}

const KNOWN = new WeakMap<Values, ReadDraft>();

/** Reads the fields' texts by the rules of `run.json`, contradictions between options included, in every run of a sweep. */
export function readDraft(values: Values): ReadDraft {
  // Asked often, of the same texts.
  const known = KNOWN.get(values);
  if (known !== undefined) return known;
  const read = readTexts(values);
  KNOWN.set(values, read);
  return read;
}

function readTexts(values: Values): ReadDraft {
  const { several, problems: wrong } = readSeveral(values);
  const problems: Record<string, string> = { ...wrong };
  const groups: Record<string, Record<string, unknown>> = { plan: {}, training: {}, runner: {} };
  for (const option of OPTION_PATHS) {
    const [group, name] = option.split('.') as [string, string];
    const items = several.get(option);
    const value = items === undefined ? parseText(option, values[option] ?? '') : items[0];
    groups[group]![name] = value;
    if (items !== undefined) continue;
    const problem = optionProblem(option, value);
    if (problem !== undefined) problems[option] = sentence(problem);
  }
  if (Object.keys(problems).length > 0) return { options: undefined, problems };
  const options = groups as unknown as LaunchOptions;
  const hasEvaluation = (values['evalDataset'] ?? '').trim() !== '';
  try {
    const sweep = sweepOf(values, options, several, hasEvaluation);
    if (sweep === undefined) checkOptions(options, hasEvaluation || options.plan.eval_fraction > 0);
    return { options, problems, ...(sweep && { sweep }) };
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    // Weights have no field of their own.
    const field = error.where === 'training.loss_weights' ? 'training.loss_type' : error.where;
    return { options: undefined, problems: { [field]: `${sentence(error.what)}: ${error.advice}` } };
  }
}

/** What of the fields decides which learning rate suits, as far as it can be read. */
export function rateOptions(values: Values): Pick<TrainingOptions, 'loss_type' | 'use_peft'> {
  const losses = (values['training.loss_type'] ?? '').split(',').map((loss) => loss.trim()) as LossType[];
  return { loss_type: losses, use_peft: values['training.use_peft'] === 'true' };
}

/** Options that do nothing for these losses, or for any of them: shown only where somebody changed them. */
export function idleFields(values: Values): string[] {
  const [first = [], ...others] = variants(values).map(idleIn);
  return first.filter((field) => others.every((idle) => idle.includes(field)));
}

function idleIn(values: Values): string[] {
  const losses = (values['training.loss_type'] ?? '').split(',').map((loss) => loss.trim()) as LossType[];
  const compares = losses.some((loss) => lossRow(loss)?.reference !== false);
  const wsd = values['training.lr_scheduler_type'] === 'warmup_stable_decay';
  const follows = values['training.sync_ref_model'] === 'true';
  const idle = (when: boolean, ...options: string[]): string[] => (when ? options.map((name) => `training.${name}`) : []);
  return [
    ...idle(!anyLoss(losses, 'labelSmoothing'), 'label_smoothing'),
    ...idle(!losses.includes('simpo'), 'simpo_gamma'),
    ...idle(!losses.includes('cpo'), 'cpo_alpha'),
    ...idle(!losses.includes('discopop'), 'discopop_tau'),
    ...idle(!compares, 'reference', 'reference_model', 'f_divergence_type', 'ld_alpha', 'sync_ref_model'),
    ...idle(values['training.f_divergence_type'] !== 'alpha_divergence', 'f_alpha_divergence_coef'),
    ...idle(!follows, 'ref_model_mixup_alpha', 'ref_model_sync_steps'),
    ...idle(values['training.use_peft'] !== 'true', ...LORA_OPTIONS),
    ...idle((values['training.adapter_name_or_path'] ?? '') === '', 'adapter_reference'),
    ...idle(!wsd, 'num_decay_steps', 'decay_type', 'min_lr_ratio'),
    ...idle(
      values['training.load_best_model_at_end'] !== 'true' && values['training.early_stopping_patience'] === '0',
      'metric_for_best_model',
    ),
    ...idle(values['training.early_stopping_patience'] === '0', 'early_stopping_threshold'),
  ];
}

/** What a field holds that names several files, one a line: what was left empty counts for nothing. */
export function pathLines(typed: string): string[] {
  return typed.split('\n').filter((line) => line.trim() !== '');
}

/** A path that somebody typed, `~` and the workspace folder's own being what they mean there; empty stays empty. */
export function resolvePath(typed: string, folder: string | undefined, home: string): string {
  const text = typed.trim();
  if (text === '') return '';
  if (text === '~' || text.startsWith('~/')) return path.join(home, text.slice(1));
  return path.isAbsolute(text) ? path.normalize(text) : path.resolve(folder ?? home, text);
}

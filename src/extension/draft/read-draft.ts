import path from 'node:path';

import { WishboneError } from '../../core/errors.js';
import {
  checkOptions,
  anyLoss,
  LORA_OPTIONS,
  lossRow,
  type LossType,
  OPTION_PATHS,
  optionChoices,
  optionKind,
  type OptionPath,
  optionProblem,
  numbersText,
  parseNumbers,
  parseTargetModules,
  type PlanOptions,
  type RunnerOptions,
  type TrainingOptions,
} from '../../core/options/index.js';
import { formatOption, sentence } from '../../format.js';

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
  /** Undefined while an option is invalid. */
  readonly options: LaunchOptions | undefined;
  readonly problems: Readonly<Record<string, string>>;
}

/** Options as the texts of their fields. */
export function optionTexts(options: LaunchOptions): Values {
  return Object.fromEntries(OPTION_PATHS.map((option) => [option, textOf(valueOf(options, option), option)]));
}

function valueOf(options: LaunchOptions, option: OptionPath): unknown {
  const [group, name] = option.split('.') as [keyof LaunchOptions, string];
  return (options[group] as unknown as Readonly<Record<string, unknown>>)[name];
}

function textOf(value: unknown, option: OptionPath): string {
  if (optionKind(option) === 'numbers') return numbersText(value);
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'string' || typeof value === 'number') return formatOption(value);
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return value.map(String).join(', ');
  return JSON.stringify(value);
}

/** Reads the fields' texts by the rules of `run.json`, contradictions between options included. */
export function readDraft(values: Values): ReadDraft {
  const problems: Record<string, string> = {};
  const groups: Record<string, Record<string, unknown>> = { plan: {}, training: {}, runner: {} };
  for (const option of OPTION_PATHS) {
    const value = parseText(option, values[option] ?? '');
    const problem = optionProblem(option, value);
    if (problem !== undefined) problems[option] = sentence(problem);
    const [group, name] = option.split('.') as [string, string];
    groups[group]![name] = value;
  }
  if (Object.keys(problems).length > 0) return { options: undefined, problems };
  const options = groups as unknown as LaunchOptions;
  try {
    checkOptions(options, (values['evalDataset'] ?? '').trim() !== '' || options.plan.eval_fraction > 0);
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    // Weights have no field of their own.
    const field = error.where === 'training.loss_weights' ? 'training.loss_type' : error.where;
    return { options: undefined, problems: { [field]: `${sentence(error.what)}: ${error.advice}` } };
  }
  return { options, problems };
}

/** What somebody typed, as far as it is what the option wants: else the text itself, for the message. */
export function parseText(option: OptionPath, text: string): unknown {
  const typed = text.trim();
  switch (optionKind(option)) {
    case 'number':
      return numberOr(typed);
    case 'numbers':
      return parseNumbers(typed);
    case 'flag':
      return typed === 'true' ? true : typed === 'false' ? false : typed;
    case 'list':
      return parseList(option, typed);
    case 'map':
      return typed === '' ? {} : parseJson(typed);
    default:
      return typed;
  }
}

function parseList(option: OptionPath, typed: string): unknown {
  if (typed.startsWith('[') || typed.startsWith('{')) return parseJson(typed);
  if (option === 'training.lora_target_modules') return parseTargetModules(typed);
  const words = typed === '' ? [] : typed.split(',').map((word) => word.trim());
  if (optionChoices(option) === undefined) return words.map(numberOr);
  return words.length === 1 ? words[0] : words;
}

/** The text itself when it is no JSON. */
function parseJson(typed: string): unknown {
  try {
    return JSON.parse(typed) as unknown;
  } catch {
    return typed;
  }
}

function numberOr(text: string): number | string {
  const number = Number(text);
  return text === '' || Number.isNaN(number) ? text : number;
}

/** What of the fields decides which learning rate suits, as far as it can be read. */
export function rateOptions(values: Values): Pick<TrainingOptions, 'loss_type' | 'use_peft'> {
  const losses = (values['training.loss_type'] ?? '').split(',').map((loss) => loss.trim()) as LossType[];
  return { loss_type: losses, use_peft: values['training.use_peft'] === 'true' };
}

/** Options that do nothing for these losses: shown only where somebody changed them. */
export function idleFields(values: Values): string[] {
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

import path from 'node:path';
import { WishboneError } from '../errors.js';
import { mostBytes, readWrittenText } from '../files/plain-file.js';
import {
  checkOptions,
  DEFAULTS,
  OPTIONS,
  type PlanOptions,
  presetById,
  type RunnerOptions,
  type TrainingOptions,
} from '../options/index.js';
import { CONFIG_SUFFIX, type Sections } from './fields.js';
import type { ReportTo } from '../trackers/report-to.js';
import type { SweepBlock } from './sweep-fields.js';
import { type ConfigProblem, type JudgedConfig, judgeConfig } from './problems.js';

/** A run config, read. What the file does not say is undefined, or missing in its section. */
export interface ConfigFile extends Sections {
  /** Absolute. */
  readonly file: string;
  readonly name?: string | undefined;
  readonly preset?: string | undefined;
  /** Absolute, as all paths here, unless it is an id on the hub. */
  readonly model?: string | undefined;
  readonly dataset?: readonly string[] | undefined;
  readonly evalDataset?: readonly string[] | undefined;
  readonly runs?: string | undefined;
  /** `report_to` */
  readonly reportTo?: readonly ReportTo[] | undefined;
  readonly sweep?: SweepBlock | undefined;
  /** `file:line, field x` of a field, or without the line when the file does not have it. */
  readonly where: (field: string) => string;
}

/** Whether a file's name is that of a run config. */
export function isConfigFile(file: string): boolean {
  return file.toLowerCase().endsWith(CONFIG_SUFFIX);
}

/** Reads a run config. @throws WishboneError for the first thing that is wrong, with file, line and field */
export async function readConfigFile(file: string): Promise<ConfigFile> {
  const absolute = path.resolve(file);
  let text;
  try {
    text = await readWrittenText(absolute, mostBytes.settings);
  } catch (error) {
    if (error instanceof WishboneError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const what = code === 'ENOENT' ? 'no such file' : `cannot be read (${message})`;
    throw new WishboneError(what, absolute, 'check the path and your read permission');
  }
  return parseConfigFile(text, absolute);
}

/** The same of a text. @param file absolute; never opened */
export function parseConfigFile(text: string, file: string): ConfigFile {
  const judged = judgeConfig(text, path.dirname(file));
  const [first] = judged.problems;
  if (first !== undefined) throw problemError(first, text, file);
  return configOf(judged, text, file);
}

/**
 * All that is wrong with a config as it stands, contradictions among its options too.
 *
 * @param file absolute; never opened
 */
export function configProblems(text: string, file: string): readonly ConfigProblem[] {
  const judged = judgeConfig(text, path.dirname(file));
  if (judged.problems.length > 0) return judged.problems;
  const config = configOf(judged, text, file);
  try {
    const options = resolveConfig(config);
    checkOptions(options, config.evalDataset !== undefined || options.plan.eval_fraction > 0);
    return [];
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    const field = error.where;
    const place = judged.places.get(field) ?? judged.places.get(field.split('.')[0] as string) ?? { offset: 0, length: 1 };
    const { what, advice } = error;
    return [{ field, offset: place.offset, length: place.length, what, advice, bySchema: false }];
  }
}

/** Every option of a run. */
export interface RunOptions {
  readonly plan: PlanOptions;
  readonly training: TrainingOptions;
  readonly runner: RunnerOptions;
}

/** Every option of a config: what it says, else its preset's, else the default. */
export function resolveConfig({ preset, plan, training, runner }: Partial<ConfigFile>): RunOptions {
  const from = preset === undefined ? undefined : presetById(preset);
  return {
    plan: { ...DEFAULTS.plan, ...from?.plan, ...plan },
    training: { ...DEFAULTS.training, ...from?.training, ...training },
    runner: { ...DEFAULTS.runner, ...runner },
  };
}

/**
 * Gives errors about options of a run (`where` is `training.beta` and the like) the place in the file that says it.
 *
 * @throws what `check` throws
 */
export function locating<T>(config: ConfigFile | undefined, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof WishboneError) || config === undefined) throw error;
    if (!Object.keys(OPTIONS).includes(error.where.split('.')[0] as string)) throw error;
    throw new WishboneError(error.what, config.where(error.where), error.advice, error.exitCode);
  }
}

function configOf({ values, places }: JudgedConfig, text: string, file: string): ConfigFile {
  const top = (name: string): string | undefined => values.get(name) as string | undefined;
  const list = (name: string): readonly string[] | undefined => {
    const value = values.get(name) as string | readonly string[] | undefined;
    return value === undefined ? undefined : [value].flat();
  };
  const section = (name: string): object =>
    Object.fromEntries(
      [...values].flatMap(([field, value]) => {
        const [group, option, ...deeper] = field.split('.');
        return group === name && option !== undefined && deeper.length === 0 ? [[option, value]] : [];
      }),
    );
  return {
    file,
    name: top('name'),
    preset: top('preset'),
    model: top('model'),
    dataset: list('dataset'),
    evalDataset: list('eval_dataset'),
    runs: top('runs'),
    ...(values.has('report_to') ? { reportTo: list('report_to') as readonly ReportTo[] } : {}),
    ...(values.has('sweep') ? { sweep: values.get('sweep') as SweepBlock } : {}),
    plan: section('plan'),
    training: section('training'),
    runner: section('runner'),
    where: (field) => whereOf(field, places.get(field)?.offset, text, file),
  };
}

function problemError({ field, offset, what, advice }: ConfigProblem, text: string, file: string): WishboneError {
  return new WishboneError(what, whereOf(field, offset, text, file), advice);
}

function whereOf(field: string, offset: number | undefined, text: string, file: string): string {
  const line = offset === undefined ? '' : `:${text.slice(0, offset).split('\n').length}`;
  return `${file}${line}${field === '' ? '' : `, field ${field}`}`;
}

import path from 'node:path';
import { ExitCode, WishboneError } from '../errors.js';
import { CONFIG_SUFFIX, CONFIG_VERSION, isPath, type Sections } from './fields.js';
import { isConfigFile, type RunOptions, resolveConfig } from './read.js';
import type { SweepBlock } from './sweep-fields.js';

/** What a run config is to say. Paths are absolute, or already relative to where the file will be. */
export interface ConfigSettings extends Partial<Sections> {
  readonly name?: string | undefined;
  readonly preset?: string | undefined;
  readonly model?: string | undefined;
  readonly dataset?: string | readonly string[] | undefined;
  readonly eval_dataset?: string | readonly string[] | undefined;
  readonly runs?: string | undefined;
  readonly report_to?: string | readonly string[] | undefined;
  readonly sweep?: SweepBlock | undefined;
}

/** @throws WishboneError for a file name that would not be taken for a run config's */
export function checkConfigName(file: string): void {
  if (isConfigFile(file)) return;
  const what = `the name of a run config ends with ${CONFIG_SUFFIX}`;
  throw new WishboneError(what, file, `choose a name like run${CONFIG_SUFFIX}`, ExitCode.usage);
}

/** What a config has to say for these options: those that are not the preset's, or by default. */
export function sectionsOf(options: RunOptions, preset?: string): Sections {
  const base = resolveConfig({ preset });
  const differing = <T extends object>(own: T, theirs: T): Partial<T> =>
    Object.fromEntries(
      Object.entries(own).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(theirs[name as keyof T])),
    ) as Partial<T>;
  return {
    plan: differing(options.plan, base.plan),
    training: differing(options.training, base.training),
    runner: differing(options.runner, base.runner),
  };
}

/**
 * The text of a `*.wishbone.json`.
 *
 * @param folder where the file will be; paths in or beside it become relative to it, others stay as they are
 * @param comments lines to stand above a field, by its path; under '' above all
 */
export function configText(settings: ConfigSettings, folder: string, comments: ReadonlyMap<string, readonly string[]> = new Map()): string {
  const { name, preset, model, dataset, eval_dataset, runs, report_to, plan, training, runner, sweep } = settings;
  const fields = { version: CONFIG_VERSION, name, preset, model, dataset, eval_dataset, runs, report_to, plan, training, runner, sweep };
  const about = (field: string, indent: string): string[] =>
    (comments.get(field) ?? []).map((line) => `${indent}// ${line.replace(/[\r\n]+/g, ' ')}`);
  const object = (value: object, at: string, indent: string): string => {
    const present = Object.entries(value).filter(([, field]) => field !== undefined && !isEmpty(field));
    const lines = present.flatMap(([key, field], index) => {
      const full = at === '' ? key : `${at}.${key}`;
      const inner = `${indent}  `;
      const text = isSection(field) ? object(field, full, inner) : JSON.stringify(portable(full, field, folder));
      return [...about(full, inner), `${inner}${JSON.stringify(key)}: ${text}${index < present.length - 1 ? ',' : ''}`];
    });
    return `{\n${lines.join('\n')}\n${indent}}`;
  };
  return [...about('', ''), object(fields, '', ''), ''].join('\n');
}

const isSection = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);
const isEmpty = (value: unknown): boolean => isSection(value) && Object.keys(value).length === 0;

/** A path near the config is written relative to it, so that both can be moved together. */
function portable(field: string, value: unknown, folder: string): unknown {
  if (isPath(field) && Array.isArray(value)) return value.map((item) => portable(field, item, folder));
  if (!isPath(field) || typeof value !== 'string' || !path.isAbsolute(value)) return value;
  const relative = path.relative(folder, value);
  return relative.startsWith(path.join('..', '..', '..')) ? value : relative || '.';
}

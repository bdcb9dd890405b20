import { WishboneError } from '../errors.js';
import { nearestName } from '../nearest-name.js';
import { type DecidedPlan, type DecidedRunner, RUN_RULES, type TrainingOptions } from '../options/index.js';
import {
  absolutePath,
  choice,
  describe,
  FLAG,
  integer,
  list,
  number,
  object,
  optional,
  type Rule,
  ruleText,
  text,
  valueProblem,
} from '../options/rule.js';
import type { MadeWith } from './provenance.js';

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
  /** Where the files are from, when they are of a cache of the hub: each repository once. */
  readonly hub?: readonly HubReference[] | undefined;
}

/** A repository of the Hugging Face hub that something was taken from. */
export interface HubReference {
  /** `org/name` */
  readonly id: string;
  /** The commit. */
  readonly revision: string;
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
  /** `hub`: where it is from, when it is of a cache of the hub. */
  readonly model: { readonly path: string; readonly hub?: HubReference | undefined };
  readonly plan: DecidedPlan;
  readonly training: TrainingOptions;
  readonly runner: DecidedRunner;
  /** What it was made with; runs that an older Wishbone made do not say. */
  readonly made_with?: MadeWith;
}

const SHA256 = text(/^[0-9a-f]{64}$/, '64 hexadecimal digits');
const FORMAT = text(/\S/, 'the name of a dataset format');
const COUNT = integer(1);

const DATASET_FILE: Readonly<Record<keyof DatasetFileReference, Rule>> = {
  path: absolutePath,
  sha256: SHA256,
  format: FORMAT,
  rows: COUNT,
  weight: number(0, 1e6, 'min'),
};

const LEFT_OUT: Readonly<Record<keyof LeftOutReference, Rule>> = { path: absolutePath, rows: COUNT, lines: list(COUNT) };

const UNREAD: Readonly<Record<keyof UnreadReference, Rule>> = { path: absolutePath, columns: list(text()) };

const HUB: Readonly<Record<keyof HubReference, Rule>> = {
  id: text(/\S/, 'a name on the hub'),
  revision: text(/^[0-9a-f]{40}$/, 'the hash of a commit'),
};

const DATASET: Readonly<Record<keyof DatasetReference, Rule>> = {
  path: absolutePath,
  sha256: SHA256,
  format: FORMAT,
  pairs: COUNT,
  names: optional(list(absolutePath)),
  files: optional(list(object(DATASET_FILE))),
  left_out: optional(list(object(LEFT_OUT))),
  unread_columns: optional(list(object(UNREAD))),
  hub: optional(list(object(HUB))),
};

const GIT = { commit: text(/^[0-9a-f]{40,64}$/, 'the hash of a commit'), dirty: FLAG };

const RUN_FIELDS: Readonly<Record<keyof RunConfig, Rule>> = {
  format: choice(['wishbone-run']),
  version: choice([1]),
  id: text(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'letters, digits, ".", "_" and "-"'),
  name: text(/\S/, 'a name that is not empty'),
  created: text(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, 'a UTC time like 2026-01-02T15:04:05.000Z'),
  dataset: object(DATASET),
  eval_dataset: optional(object(DATASET)),
  model: object({ path: absolutePath, hub: optional(object(HUB)) }),
  plan: object(RUN_RULES.plan),
  training: object(RUN_RULES.training),
  runner: object(RUN_RULES.runner),
  made_with: optional(object({ wishbone: text(/\S/, 'a version'), git: optional(object(GIT)) })),
};

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
    throw new WishboneError(`not valid JSON: ${(error as Error).message}`, file, 'fix the file, or launch the run again to get a new one');
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
function completed(fields: Readonly<Record<string, Rule>>, value: Readonly<Record<string, unknown>>): Record<string, unknown> {
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
      throw new WishboneError(`field "${at(name)}" is missing`, `${file}, field ${at(name)}`, `add ${at(name)}: ${ruleText(rule)}`);
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
      throw new WishboneError(`${at(name)}: ${problem}`, `${file}, field ${at(name)}`, `set ${at(name)} to ${ruleText(rule)}`);
    }
  }
}

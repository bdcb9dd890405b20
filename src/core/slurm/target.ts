import path from 'node:path';
import { type ParseError, parse as parseJsonc } from 'jsonc-parser';

import { WishboneError } from '../errors.js';
import { mostBytes, readWrittenText } from '../files/plain-file.js';
import { nearestName } from '../nearest-name.js';
import { type Rule, valueProblem } from '../options/rule.js';

/** A part of a cluster that runs can be given to, as the setting `wishbone.targets` describes it under a name. */
export interface SlurmTarget {
  readonly name: string;
  readonly partition?: string;
  /** Machines, each with one task. */
  readonly nodes: number;
  /** 0: none is asked for, and the run is on the CPU where the nodes have none. */
  readonly gpusPerNode: number;
  readonly cpusPerTask?: number;
  readonly memory?: string;
  readonly timeLimit?: string;
  readonly account?: string;
  readonly qos?: string;
  /** Further options of `sbatch`, such as `--constraint=h100`. */
  readonly options: readonly string[];
  /** Lines of shell before the runner starts: modules, environment. */
  readonly setup: readonly string[];
  /** The runner on the nodes, where it is another file there. */
  readonly runner?: string;
}

export const TARGETS_SETTING = 'wishbone.targets';

const word = (expected: string): Rule => ({ kind: 'string', pattern: /^[\w.,:+@=%/-]+$/, expected });
const line: Rule = { kind: 'string', pattern: /^[^\n\r\0]*$/, expected: 'a line of text' };
const RULES: Readonly<Record<Exclude<keyof SlurmTarget, 'name'>, Rule>> = {
  partition: word('the name of a partition'),
  nodes: { kind: 'integer', min: 1, max: 4096 },
  gpusPerNode: { kind: 'integer', min: 0, max: 64 },
  cpusPerTask: { kind: 'integer', min: 1, max: 4096 },
  memory: { kind: 'string', pattern: /^\d+[KMGT]?$/, expected: 'an amount of memory such as "200G"' },
  timeLimit: {
    kind: 'string',
    pattern: /^(\d+|\d+:\d\d|\d+:\d\d:\d\d|\d+-\d+(:\d\d){0,2})$/,
    expected: 'a time as sbatch takes it, such as "12:00:00" or "2-00:00:00"',
  },
  account: word('the name of an account'),
  qos: word('the name of a QOS'),
  options: {
    kind: 'list',
    item: { kind: 'string', pattern: /^--?[^\n\r\0]+$/, expected: 'an option of sbatch such as "--constraint=h100"' },
  },
  setup: { kind: 'list', item: line },
  runner: { kind: 'string', pattern: /^\/[^\n\r\0]*$/, expected: 'an absolute path' },
};

/**
 * The targets that the setting has, in its order.
 *
 * @param where names the setting's place in errors
 * @throws WishboneError for the first thing that is wrong
 */
export function parseTargets(value: unknown, where: string): readonly SlurmTarget[] {
  if (value === undefined || value === null) return [];
  if (typeof value !== 'object' || Array.isArray(value))
    throw new WishboneError(`${TARGETS_SETTING} is no object`, where, 'give each target a name: { "cluster": { "partition": "gpu" } }');
  return Object.entries(value).map(([name, fields]) => parseTarget(name, fields, where));
}

function parseTarget(name: string, value: unknown, where: string): SlurmTarget {
  const at = `${where}, ${TARGETS_SETTING}.${name}`;
  if (!/^[\w.-]{1,64}$/.test(name))
    throw new WishboneError('this name of a target has other characters than letters, digits, ".", "_" and "-"', at, 'rename it');
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new WishboneError('a target is an object', at, 'give it fields such as partition, nodes and gpusPerNode');
  for (const [field, given] of Object.entries(value)) {
    const rule = Object.hasOwn(RULES, field) ? RULES[field as keyof typeof RULES] : undefined;
    if (rule === undefined) {
      const near = nearestName(field, Object.keys(RULES));
      const advice = near === undefined ? `there are ${Object.keys(RULES).join(', ')}` : `did you mean "${near}"?`;
      throw new WishboneError(`a target has no field "${field}"`, at, advice);
    }
    const problem = valueProblem(rule, given);
    if (problem !== undefined) throw new WishboneError(problem, `${at}.${field}`, 'change it in the settings (docs/slurm.md)');
  }
  return { nodes: 1, gpusPerNode: 0, options: [], setup: [], ...value, name };
}

/** The target of this name. @throws WishboneError saying which there are */
export function findTarget(targets: readonly SlurmTarget[], name: string, where: string): SlurmTarget {
  const target = targets.find((each) => each.name === name);
  if (target !== undefined) return target;
  const there = targets.map((each) => each.name).join(', ');
  const advice = there === '' ? `add it to ${TARGETS_SETTING} (docs/slurm.md)` : `there are: ${there}`;
  throw new WishboneError(`there is no target "${name}"`, where, advice);
}

/**
 * The targets of `.vscode/settings.json` in a folder, or the nearest one above that has such a file.
 *
 * @throws WishboneError when the file or a target in it cannot be read
 */
export async function targetsOfFolder(folder: string): Promise<{ readonly targets: readonly SlurmTarget[]; readonly where: string }> {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    const file = path.join(at, '.vscode', 'settings.json');
    const text = await readWrittenText(file, mostBytes.settings).catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    });
    if (text !== undefined) {
      const errors: ParseError[] = [];
      const settings = parseJsonc(text, errors, { allowTrailingComma: true }) as Readonly<Record<string, unknown>> | undefined;
      if (errors.length > 0 || typeof settings !== 'object' || settings === null)
        throw new WishboneError('these settings are not valid JSON', file, 'fix the file');
      return { targets: parseTargets(settings[TARGETS_SETTING], file), where: file };
    }
    if (at === path.dirname(at)) return { targets: [], where: path.join(path.resolve(folder), '.vscode', 'settings.json') };
  }
}

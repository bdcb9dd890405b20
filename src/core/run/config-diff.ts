import type { RunConfig } from './config.js';

/** A setting that is not the same in all of several runs. */
export interface ConfigDifference {
  /** Its path in `run.json`. */
  readonly setting: string;
  /** One a run; a run that does not have the setting has an empty text. */
  readonly values: readonly string[];
}

/** Parts of a run's config that say what was done, in reading order. */
const COMPARED = ['dataset', 'model', 'plan', 'training', 'runner'] as const;

/** What differs between runs' settings, in the order of the first run that has each. */
export function configDifferences(configs: readonly RunConfig[]): ConfigDifference[] {
  const flat = configs.map((config) => new Map(COMPARED.flatMap((part) => leaves(config[part], part))));
  const settings = new Set(flat.flatMap((config) => [...config.keys()]));
  return [...settings].flatMap((setting) => {
    const values = flat.map((config) => config.get(setting) ?? '');
    return values.every((value) => value === values[0]) ? [] : [{ setting, values }];
  });
}

function leaves(value: unknown, path: string): [string, string][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([name, part]) => leaves(part, `${path}.${name}`));
  }
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  // A hash is told from another by its beginning.
  return [[path, /^[0-9a-f]{64}$/.test(text) ? `${text.slice(0, 12)}…` : text]];
}

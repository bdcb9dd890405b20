import path from 'node:path';
import { isPathOption, OPTION_PATHS, type SectionName } from '../options/index.js';
import type { DatasetReference, RunConfig } from '../run/config.js';
import { hubReference } from '../run/origin.js';
import type { Run } from '../run/folder.js';

/** A run as trackers are told of it. Nothing in it names a folder of this machine: of files it has the names, of the hub's the ids. */
export interface DescribedRun {
  readonly id: string;
  readonly name: string;
  /** ISO 8601, UTC. */
  readonly created: string;
  /** All that decides the run, by path: `training.beta`. */
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  /** What people called it. */
  readonly tags: readonly string[];
  readonly notes: string;
  /** The commit of the folder that it was started in, and whether that had changes. */
  readonly git?: { readonly commit: string; readonly dirty: boolean } | undefined;
  /** Of Wishbone. */
  readonly version?: string | undefined;
}

export function describeRun({ config, tags, notes }: Pick<Run, 'config' | 'tags' | 'notes'>): DescribedRun {
  const { id, name, created, made_with } = config;
  return { id, name, created, parameters: parametersOf(config), tags, notes, git: made_with?.git, version: made_with?.wishbone };
}

function parametersOf(config: RunConfig): DescribedRun['parameters'] {
  const options = OPTION_PATHS.flatMap((option): [string, string | number | boolean][] => {
    const dot = option.indexOf('.');
    const section = config[option.slice(0, dot) as SectionName] as unknown as Readonly<Record<string, unknown>>;
    const value = section[option.slice(dot + 1)];
    // No run folder names a library.
    if (value === undefined || option === 'runner.cublaslt') return [];
    return [[option, isPathOption(option) ? nameOf(String(value)) : scalar(value)]];
  });
  return Object.fromEntries([
    ...options,
    ['model', nameOf(config.model.path)],
    ...datasetOf('dataset', config.dataset),
    ...(config.eval_dataset === undefined ? [] : datasetOf('eval_dataset', config.eval_dataset)),
  ]) as DescribedRun['parameters'];
}

function datasetOf(at: string, dataset: DatasetReference): [string, string | number][] {
  const files = dataset.files ?? [{ path: dataset.path, weight: 1 }];
  const names = files.map(({ path: file, weight }) => `${nameOf(file)}${weight === 1 ? '' : `:${weight}`}`);
  return [
    [at, names.join(', ')],
    [`${at}.pairs`, dataset.pairs],
    [`${at}.format`, dataset.format],
    [`${at}.sha256`, dataset.sha256],
  ];
}

/** What a file is called without where it is: its id on the hub, or its own name. */
function nameOf(file: string): string {
  const hub = hubReference(file);
  return hub === undefined ? path.basename(file) : `${hub.id}@${hub.revision}`;
}

const scalar = (value: unknown): string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : JSON.stringify(value);

import path from 'node:path';
import { modelId, type HubId, weightedDatasetId } from './hub-id.js';
import type { Wanted } from './needed-files.js';
import type { Snapshot } from './cache.js';
import type { HubPlan } from './fetch.js';
import { type Resolved, resolveDataset, resolveModel } from './resolve.js';
import type { HubSettings } from './settings.js';

/** What a text, or several, come to: files and folders as they are, those of the cache in place of ids. */
export interface Named {
  /** Where everything is, or will be once {@link missing} is fetched; a dataset's files in order, with their weights. */
  readonly paths: readonly string[];
  /** What ids mean, in order. */
  readonly snapshots: readonly Snapshot[];
  readonly missing: readonly HubPlan[];
}

/** How names are looked up. */
export interface LookUp {
  /** Asked for when there is an id among the names. */
  readonly settings: () => Promise<HubSettings>;
  /** That relative paths count from. */
  readonly folder?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The folder that a model's, a reference's or an adapter's name means.
 *
 * @throws WishboneError when an id cannot be had; the signal's reason
 */
export async function nameModel(name: string, wanted: Wanted, { settings, folder, signal }: LookUp): Promise<Named> {
  const id = modelId(name, folder);
  if (id === undefined) return { paths: [name], snapshots: [], missing: [] };
  const resolved = await resolveModel(await settings(), id, wanted, signal);
  return { paths: [snapshotOf(resolved).folder], ...hubParts([resolved]) };
}

/** The files that a dataset's names mean; what is no id stays as it is. @throws as {@link nameModel} */
export async function nameDatasets(names: readonly string[], { settings, folder, signal }: LookUp): Promise<Named> {
  const paths: string[] = [];
  const all: Resolved[] = [];
  for (const name of names) {
    const [id, weight] = weightedDatasetId(name, folder);
    if (id === undefined) {
      paths.push(name);
      continue;
    }
    const resolved = await resolveDataset(await settings(), id, signal);
    all.push(resolved);
    const at = snapshotOf(resolved).folder;
    paths.push(...resolved.files.map((file) => path.join(at, ...file.split('/')) + weight));
  }
  return { paths, ...hubParts(all) };
}

/** Whether a name is an id of the hub. */
export function isHubName(name: string, kind: HubId['kind'], folder?: string): boolean {
  return (kind === 'model' ? modelId(name, folder) : weightedDatasetId(name, folder)[0]) !== undefined;
}

const snapshotOf = (resolved: Resolved): Snapshot => (resolved.kind === 'cached' ? resolved.snapshot : resolved.plan.snapshot);

function hubParts(all: readonly Resolved[]): Pick<Named, 'snapshots' | 'missing'> {
  return {
    snapshots: all.map(snapshotOf),
    missing: all.flatMap((resolved) => (resolved.kind === 'missing' ? [resolved.plan] : [])),
  };
}

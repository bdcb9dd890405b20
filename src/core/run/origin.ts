import { originOf } from '../hub/cache.js';
import type { DatasetReference, HubReference } from './config.js';

/** Where a file or folder is from, when it is of a cache of the hub. */
export function hubReference(file: string): HubReference | undefined {
  const origin = originOf(file);
  return origin === undefined ? undefined : { id: origin.name, revision: origin.commit };
}

/** A model with where it is from. */
export function pinnedModel(path: string): { readonly path: string; readonly hub?: HubReference } {
  const hub = hubReference(path);
  return hub === undefined ? { path } : { path, hub };
}

/** A dataset with where its files are from, each repository once. */
export function pinnedDataset(dataset: DatasetReference): DatasetReference {
  const files = dataset.files?.map(({ path }) => path) ?? [dataset.path];
  const found = new Map(files.flatMap((file) => hubReference(file) ?? []).map((hub) => [`${hub.id}@${hub.revision}`, hub]));
  return found.size === 0 ? dataset : { ...dataset, hub: [...found.values()] };
}

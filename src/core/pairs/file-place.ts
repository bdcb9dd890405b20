import path from 'node:path';
import type { DatasetReference, RunConfig } from '../run/index.js';

/** Where the rows of a file are among those of a dataset. */
export interface FilePlace {
  /** 0-based row of the dataset that is the file's first. */
  readonly from: number;
  /** Rows; undefined where that is not known: the dataset is this file alone. */
  readonly rows: number | undefined;
  /** How often each of its pairs is taken in an epoch. */
  readonly weight: number;
}

/** @returns undefined where the dataset does not have the file */
export function placeOfFile(dataset: DatasetReference | undefined, file: string): FilePlace | undefined {
  if (dataset === undefined) return undefined;
  let from = 0;
  for (const { path: own, rows, weight } of dataset.files ?? []) {
    if (path.resolve(own) === path.resolve(file)) return { from, rows, weight };
    from += rows;
  }
  const isAlone = (dataset.files ?? []).length === 0 && path.resolve(dataset.path) === path.resolve(file);
  return isAlone ? { from: 0, rows: undefined, weight: 1 } : undefined;
}

/** Whether a run trains on a file, or evaluates it. */
export function usesFile(config: Pick<RunConfig, 'dataset' | 'eval_dataset'>, file: string): boolean {
  return placeOfFile(config.dataset, file) !== undefined || placeOfFile(config.eval_dataset, file) !== undefined;
}

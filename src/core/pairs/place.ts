import type { DatasetReference } from '../run/index.js';

/** Where a row of a dataset lies. */
export interface PairPlace {
  /** Undefined where the dataset is not known. */
  readonly file: string | undefined;
  /** Its number in that file, from 1. */
  readonly fileRow: number;
}

/** @param row 0-based, counted through the dataset's files */
export function placeOf(dataset: DatasetReference | undefined, row: number): PairPlace {
  let before = 0;
  for (const file of dataset?.files ?? []) {
    if (row < before + file.rows) return { file: file.path, fileRow: row - before + 1 };
    before += file.rows;
  }
  return { file: dataset?.path, fileRow: row + 1 };
}

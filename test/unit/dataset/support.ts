import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { Dataset, type PairText, type RowOutcome } from '../../../src/core/dataset/index.js';
import { WishboneError } from '../../../src/core/errors.js';

/** Writes a dataset file into a folder that is gone when the test ends. */
export async function datasetFile(t: TestContext, content: string | Uint8Array, name = 'pairs.jsonl'): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-dataset-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = path.join(folder, name);
  await writeFile(file, content);
  return file;
}

export function jsonLines(...rows: readonly unknown[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

export async function readPairs(file: string): Promise<{ dataset: Dataset; pairs: PairText[] }> {
  const dataset = await Dataset.open(file);
  const pairs: PairText[] = [];
  for await (const pair of dataset.pairs()) pairs.push(pair);
  return { dataset, pairs };
}

export async function readOutcomes(file: string): Promise<RowOutcome[]> {
  const dataset = await Dataset.open(file);
  const outcomes: RowOutcome[] = [];
  for await (const outcome of dataset.outcomes()) outcomes.push(outcome);
  return outcomes;
}

/** The one error that reading the file ends with. */
export async function errorOf(file: string): Promise<WishboneError> {
  try {
    await readPairs(file);
  } catch (error) {
    assert.ok(error instanceof WishboneError, String(error));
    return error;
  }
  return assert.fail('the file was read without an error');
}

import { stat } from 'node:fs/promises';
import { isPlainKind } from '../dataset/file-kinds.js';
import { type ColumnReport, Dataset, type DatasetForm, LeftOutList, type LeftOutRows } from '../dataset/index.js';
import { WishboneError } from '../errors.js';
import { Pace } from '../work/pace.js';
import type { WorkOptions } from '../work/progress.js';
import { checkDataset } from './dataset-check.js';
import type { DatasetCheck } from './found.js';
import { LARGE_BYTES } from './large.js';
import type { CheckOptions } from './service/messages.js';
import type { ProblemCounts } from './types.js';

/** A preference file in a few words. */
export interface DatasetSummary {
  readonly form: DatasetForm;
  /** Pairs that its rows make. */
  readonly pairs: number;
  /** Rows that cannot be trained on. */
  readonly badRows: LeftOutRows;
  /** Columns that its form does not read. */
  readonly columns: ColumnReport;
  /** What the checks of the editor find in it; undefined for files that are too large for them. */
  readonly counts: ProblemCounts | undefined;
}

/**
 * Reads a preference file from start to end, and checks it as the editor does with the same options.
 *
 * @throws WishboneError for faults of the file as a whole, the signal's reason
 */
export async function summariseDataset(file: string, options: CheckOptions, work: WorkOptions = {}): Promise<DatasetSummary> {
  work.signal?.throwIfAborted();
  const dataset = await Dataset.open(file);
  const pace = new Pace(work);
  const badRows = new LeftOutList();
  let firstBad: WishboneError | undefined;
  for await (const outcome of dataset.outcomes()) {
    if ('error' in outcome) {
      badRows.add(outcome, outcome.error);
      firstBad ??= outcome.error;
    }
    await pace.item(() => ({ phase: 'read', done: dataset.bytesRead, total: dataset.bytesTotal }));
  }
  if (dataset.form === undefined) {
    throw firstBad ?? new WishboneError('the file holds no preference pairs', file, 'choose another file');
  }
  const checked = await check(file, options, work.signal);
  return {
    form: dataset.form,
    pairs: checked?.pairs ?? dataset.counts.made,
    badRows: badRows.found,
    columns: dataset.columns,
    counts: checked?.counts,
  };
}

async function check(file: string, options: CheckOptions, signal: AbortSignal | undefined): Promise<DatasetCheck | undefined> {
  if (!isPlainKind(file, 'jsonl') && (await stat(file)).size > LARGE_BYTES) return undefined;
  const run = (model: string | undefined): Promise<DatasetCheck> =>
    // Nobody waits for it: the cores are for those who work in the window.
    checkDataset({ path: file }, { ...options, model, streamAbove: LARGE_BYTES, threads: { threads: 0 }, ...(signal ? { signal } : {}) });
  try {
    return await run(options.model);
  } catch (error) {
    if (!(error instanceof WishboneError) || options.model === undefined) throw error;
    // A model folder that cannot be used is no fault of the file: the editor too checks its text without one.
    return run(undefined);
  }
}

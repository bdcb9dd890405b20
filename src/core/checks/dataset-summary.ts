import { stat } from 'node:fs/promises';
import { PreferenceChecker } from './checker.js';
import { type CheckName, checkSeverities } from './index.js';
import { type ColumnReport, Dataset, type DatasetForm, LeftOutList, type LeftOutRows } from '../dataset/index.js';
import { WishboneError } from '../errors.js';
import { readPlainText } from '../files/plain-file.js';
import { Pace } from '../work/pace.js';
import type { WorkOptions } from '../work/progress.js';
import { isPlainKind } from '../dataset/file-kinds.js';

/** A preference file in a few words. */
export interface DatasetSummary {
  readonly form: DatasetForm;
  /** Pairs that its rows make. */
  readonly pairs: number;
  /** Rows that cannot be trained on. */
  readonly badRows: LeftOutRows;
  /** Columns that its form does not read. */
  readonly columns: ColumnReport;
  /** What the checks found, most frequent first; undefined for files that they do not read. */
  readonly problems: readonly { readonly check: CheckName; readonly count: number }[] | undefined;
}

/** Larger files are only read, not checked: the checks hold the whole text. */
const MOST_CHECKED_BYTES = 20_000_000;

/**
 * Reads a preference file from start to end.
 *
 * @throws WishboneError for faults of the file as a whole
 */
export async function summariseDataset(file: string, work: WorkOptions = {}): Promise<DatasetSummary> {
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
  return {
    form: dataset.form,
    pairs: dataset.counts.made,
    badRows: badRows.found,
    columns: dataset.columns,
    problems: await checkedProblems(file, work.signal),
  };
}

async function checkedProblems(file: string, signal: AbortSignal | undefined): Promise<DatasetSummary['problems']> {
  if (!isPlainKind(file, 'jsonl', 'json') || (await stat(file)).size > MOST_CHECKED_BYTES) return undefined;
  const report = await new PreferenceChecker(isPlainKind(file, 'json')).check(await readPlainText(file, MOST_CHECKED_BYTES), signal);
  signal?.throwIfAborted();
  const counts = Object.entries(report?.counts ?? {}) as [CheckName, number][];
  return counts.map(([check, count]) => ({ check, count })).sort((a, b) => b.count - a.count);
}

/** Problems that keep a row from training or make it worse; what is only worth knowing does not count. */
export function problemCount({ badRows, columns, problems }: DatasetSummary): number {
  if (problems === undefined) return badRows.rows + columns.warnings.length;
  return problems.reduce((sum, { check, count }) => sum + (checkSeverities[check] === 'information' ? 0 : count), 0);
}

import { formColumns } from '../dataset/forms.js';
import type { DatasetForm, Remedy } from '../dataset/index.js';
import { readRows } from '../dataset/rows.js';
import { ByteSource } from '../dataset/source.js';
import { isWanted } from '../dataset/unread-columns.js';
import { WishboneError } from '../errors.js';
import { Pace } from '../pace.js';
import type { WorkOptions } from '../progress.js';
import { RowComparer } from './compare-rows.js';
import { ProblemList } from './problem-list.js';
import { checkRow } from './row.js';
import type { CheckName, Finding, RowsByCheck } from './types.js';

/** A problem of a row, or of the file at the first row that has it. */
export interface SurveyProblem extends Finding {
  /** From 1; in a file without lines the row, from 1. */
  readonly line: number;
  readonly remedies?: readonly Remedy[];
}

/** What the checks say of the rows of any preference file. */
export interface Survey {
  readonly form: DatasetForm | undefined;
  readonly rows: number;
  readonly pairs: number;
  /** The weightiest, in the order of the file. */
  readonly problems: readonly SurveyProblem[];
  /** Where all of them are. */
  readonly rowsByCheck: RowsByCheck;
  /** Its rows have lines. */
  readonly hasLines: boolean;
}

/**
 * Checks the rows of a file of any kind (tables, Parquet, gzip) as those of JSON lines are checked in the editor; places
 * are lines, not columns.
 *
 * @throws WishboneError for faults of the file as a whole, a row behind which nothing can be read included
 */
export async function surveyFile(file: string, work: WorkOptions = {}): Promise<Survey> {
  const source = await ByteSource.open(file);
  const comparer = new RowComparer();
  const list = new ProblemList();
  const pace = new Pace(work);
  const lines: number[] = [];
  const add = ({ check, what, advice, remedies }: Finding, row: number, isOfRow: boolean): void => {
    const line = lines[row] ?? row + 1;
    const range = { start: { line: line - 1, character: 0 }, end: { line: line - 1, character: 0 } };
    list.add({ check, what, advice, ...(remedies ? { remedies } : {}), range, row: isOfRow ? row : undefined });
  };
  for await (const row of readRows(source, { used: formColumns, needed: ['chosen', 'rejected'], texts: isWanted })) {
    lines.push(row.line ?? row.row + 1);
    if ('error' in row) {
      if (row.isLast) throw row.error;
      const check: CheckName = row.error.what.startsWith('not UTF-8') ? 'invalid-utf8' : 'malformed-row';
      add({ check, what: row.error.what, advice: row.error.advice }, row.row, true);
      comparer.skip((lines.at(-1) as number) - 1);
    } else {
      const text = JSON.stringify(row.value);
      const check = checkRow(text);
      for (const problem of comparer.add({ check, text, line: (lines.at(-1) as number) - 1 })) add(problem, row.row, true);
    }
    await pace.item(() => ({ phase: 'read', done: source.bytesRead, total: source.size }));
  }
  if (lines.length === 0) throw new WishboneError('the dataset is empty', file, 'give a file with at least one preference pair');
  for (const finding of comparer.leftOut) add(finding, finding.row, false);
  for (const finding of comparer.findings) add(finding, 0, false);
  const { form, pairs } = comparer;
  // Other rows are named by their lines.
  const named = (text: string): string => (source.isParquet ? text.replace(/\bline (?=\d)/g, 'row ') : text);
  return {
    form,
    rows: lines.length,
    pairs,
    problems: list.problems.map(({ check, what, advice, range, remedies }) => {
      return { check, what: named(what), advice: named(advice), line: range.start.line + 1, ...(remedies ? { remedies } : {}) };
    }),
    rowsByCheck: list.rows,
    hasLines: !source.isParquet,
  };
}

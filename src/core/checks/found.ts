import type { Remedy } from '../dataset/index.js';
import type { CheckName, FileSummary, RowsByCheck, Severity } from './types.js';

/** A problem where a terminal or a script can point at it. */
export interface PlacedProblem {
  readonly check: CheckName;
  readonly severity: Severity;
  readonly what: string;
  readonly advice: string;
  /** From 1; undefined in files without lines, whose problems have `row`. */
  readonly line?: number;
  /** From 1, in UTF-16 units, as editors count. */
  readonly column?: number;
  /** From 1; undefined for what the file as a whole tells, but for a place in a file without lines. */
  readonly row?: number;
  /** It is about the file, and the place the first that has it. */
  readonly isOfFile?: true;
  /** Values of the option `columns` that put it right. */
  readonly remedies?: readonly Remedy[];
}

/** Everything the checks find in one file of a dataset. */
export interface DatasetCheck extends FileSummary {
  readonly file: string;
  readonly rows: number;
  readonly problems: readonly PlacedProblem[];
  /** False for a model's tokens that were not looked at, since the file is too large. */
  readonly tokensChecked: boolean;
}

/** The rows, from 0 and ascending, that each check has found something in which is a reason to part with a row. */
export function rowsOf({ problems }: Pick<DatasetCheck, 'problems'>): RowsByCheck {
  const rows = new Map<CheckName, Set<number>>();
  for (const { check, severity, row, isOfFile } of problems) {
    if (severity === 'information' || row === undefined || isOfFile) continue;
    const known = rows.get(check);
    if (known) known.add(row - 1);
    else rows.set(check, new Set([row - 1]));
  }
  return Object.fromEntries([...rows].map(([check, all]) => [check, Uint32Array.from(all).sort()])) as RowsByCheck;
}

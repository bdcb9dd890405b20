import type { CheckName, Trouble } from '../checks/index.js';
import type { Part } from './columns.js';
import type { TextChange } from './edit-row.js';
import type { ColumnHistogram } from './histogram.js';
import type { TableQuery } from './query.js';
import type { PairView, TableLine } from './row-view.js';

/** What a table is of. */
export interface TableSource {
  readonly file: string;
  /** What an editor holds in place of the file (JSON lines or `.json`); undefined: what is on the disk. */
  readonly text?: string | undefined;
  /** Files for evaluation; undefined: told by the names beside the file. */
  readonly evalFiles?: readonly string[] | undefined;
  /** Model folder whose tokenizer counts, and the most tokens of a sequence; undefined: nobody counts. */
  readonly model?: { readonly folder: string; readonly maxLength: number } | undefined;
}

/** How far it is. */
export interface TableState {
  readonly rows: number;
  /** All rows are found. */
  readonly isWhole: boolean;
  /** Fraction of the file in which rows were looked for. */
  readonly found: number;
  /** Rows that columns are known of: what can be filtered and sorted by. */
  readonly known: number;
  /** Lines: pairs, and rows that are none. Rows that nothing is known of yet count as one. */
  readonly lines: number;
  /** Rows whose tokens are known; undefined where nobody counts. */
  readonly counted: number | undefined;
  /** Somebody stopped it before all was known. */
  readonly isStopped: boolean;
  /** Why rows or tokens are missing. */
  readonly troubles: readonly Trouble[];
  readonly sources: readonly string[];
  /** Lines that each check has found something in. */
  readonly problems: Readonly<Partial<Record<CheckName, number>>>;
}

/** What a query has found so far. */
export interface TableFound {
  readonly query: number;
  readonly count: number;
  /** Rows looked through, of all. */
  readonly searched: number;
  readonly total: number;
  readonly isDone: boolean;
}

/** A pair, by its row in the file and its place in the row; from 0. */
export interface PairKey {
  readonly row: number;
  readonly pair: number;
}

/** What a table can be asked. */
export interface TableCalls {
  /** Comes first. Answers when the first rows can be read. */
  open(source: TableSource): TableState;
  /** Looks at the table so from now on; `query` is the caller's number for it. Answers when it is known of all rows. Null: another came. */
  query(asked: { readonly query: number; readonly how: TableQuery }): TableFound | null;
  /** Some lines of what a query has found so far. Null for a query that is not the last. */
  lines(asked: { readonly query: number; readonly from: number; readonly to: number }): readonly TableLine[] | null;
  /** Of what the last query has found so far. */
  histograms(nothing: null): readonly ColumnHistogram[];
  pair(key: PairKey): PairView;
  /** Null for a row that is no pair. */
  texts(key: PairKey): Readonly<Record<Part, string>> | null;
  /** Ends whatever goes on: a search, else finding and counting. What is known stays. */
  stop(nothing: null): void;
  /** Line that a row begins on, from 1; null in files without lines. */
  line(row: number): number | null;
  /** Of a table of a text: the stretch of it that is to be written anew (UTF-16 units), and what is to be there. */
  edit(change: TextChange & { readonly row: number }): { readonly start: number; readonly end: number; readonly text: string };
  /** Sets a run's margins beside the pairs, until the table is opened anew; null: none any more. Answers with the run's name. */
  margins(run: string | null): string | null;
  /** Where a pair is in what the last query has found so far; -1 if it is not. */
  find(key: PairKey): number;
}

export interface TableEvents {
  state: TableState;
  found: TableFound;
}

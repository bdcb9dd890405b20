/** The messages between the extension host and a dataset's table. Both sides check what they receive. */

import type { CheckName } from '../core/checks/index.js';
import type {
  ColumnHistogram,
  DiffPiece,
  Lengths,
  LineMargin,
  NumberColumn,
  PairKey,
  PairView,
  Part,
  ShownTurn,
  SortColumn,
  TableFound,
  TableLine,
  TableQuery,
  Unit,
  WordDiff,
} from '../core/dataset-table/index.js';
import { type Check, fits, type Messages, readMessage } from './shape.js';
import { isCount, isFlag, isNumber, isNumberOrNull, isObject, isText, isTexts } from './values.js';

export const TABLE_PARTS = ['prompt', 'chosen', 'rejected'] as const satisfies readonly Part[];
export const TABLE_UNITS = ['characters', 'tokens'] as const satisfies readonly Unit[];
export const TABLE_NUMBERS = [
  'prompt',
  'chosen',
  'rejected',
  'difference',
  'margin_start',
  'margin',
  'margin_change',
  'seen',
] as const satisfies readonly NumberColumn[];
export const TABLE_SORTS = ['row', ...TABLE_NUMBERS, 'source', 'problems'] as const satisfies readonly SortColumn[];

/** How far the table is, in words of the page. */
export interface ShownState {
  readonly rows: number;
  readonly isWhole: boolean;
  /** Fraction of the file in which rows were looked for. */
  readonly found: number;
  readonly known: number;
  readonly lines: number;
  /** Rows whose tokens are known; null where nobody counts. */
  readonly counted: number | null;
  /** Somebody stopped it before all was known. */
  readonly isStopped: boolean;
  /** What is missing and why, each a sentence. */
  readonly troubles: readonly string[];
  readonly sources: readonly string[];
  /** Lines of each problem. */
  readonly problems: Readonly<Record<string, number>>;
}

/** What a page is told about its table once. */
export interface TableHead {
  readonly name: string;
  /** Texts can be changed. */
  readonly canEdit: boolean;
  /** Name of the model whose tokenizer counts; null: there is none. */
  readonly model: string | null;
  /** Name of the run whose margins are shown; null: of none. */
  readonly run: string | null;
  /** Runs of this dataset that there are in the workspace. */
  readonly runs: number;
}

export type TableHostMessage =
  | { readonly type: 'table'; readonly head: TableHead }
  | { readonly type: 'state'; readonly state: ShownState }
  | { readonly type: 'found'; readonly found: TableFound }
  | { readonly type: 'lines'; readonly query: number; readonly from: number; readonly lines: readonly TableLine[] }
  | { readonly type: 'histograms'; readonly query: number; readonly histograms: readonly ColumnHistogram[] }
  | { readonly type: 'pair'; readonly view: PairView }
  /** A pair is to be shown, wherever it is; whatever hides it is taken away. */
  | { readonly type: 'go-to'; readonly key: PairKey }
  /** Where a pair is in what the query has found; -1: nowhere. */
  | { readonly type: 'place'; readonly query: number; readonly at: number }
  /** The file or its text is another now: everything is asked anew. */
  | { readonly type: 'changed' }
  | { readonly type: 'empty'; readonly reason: string; readonly advice: string };

export const TABLE_REQUESTS = ['ready', 'again', 'choose-model', 'choose-run', 'stop'] as const;
export const TABLE_ACTIONS = ['open-row', 'compare', 'show-tokens', 'show-curve'] as const;

export type TablePageMessage =
  | { readonly type: (typeof TABLE_REQUESTS)[number] }
  | { readonly type: 'query'; readonly query: number; readonly how: TableQuery }
  | { readonly type: 'get-lines'; readonly query: number; readonly from: number; readonly to: number }
  | { readonly type: 'get-histograms'; readonly query: number }
  | { readonly type: 'get-pair'; readonly key: PairKey }
  | { readonly type: 'find'; readonly query: number; readonly key: PairKey }
  | { readonly type: 'act'; readonly action: (typeof TABLE_ACTIONS)[number]; readonly key: PairKey }
  | { readonly type: 'edit'; readonly key: PairKey; readonly part: Part; readonly turn: number; readonly text: string };

/** Kept across a reload of the window. */
export interface TablePageState {
  readonly how: TableQuery;
}

const KEY: Check<PairKey> = { row: isCount, pair: isCount };
const HOW: Check<TableQuery> = {
  filter: isText,
  sort: ['or null', { column: ['one of', TABLE_SORTS], descending: isFlag }],
  unit: ['one of', TABLE_UNITS],
};
const PIECE: Check<DiffPiece> = { kind: ['one of', ['same', 'own', 'cut']], text: isText };
const LENGTHS: Check<Lengths> = { prompt: isNumber, chosen: isNumber, rejected: isNumber };
const isCheckName = (value: unknown): value is CheckName => isText(value);
const isCounts = (value: unknown): value is Readonly<Record<string, number>> => isObject(value) && Object.values(value).every(isCount);
const isNumbers = (value: unknown): value is readonly number[] => Array.isArray(value) && value.every(isNumber);

const MARGIN: Check<LineMargin> = { start: isNumberOrNull, now: isNumberOrNull, change: isNumberOrNull, seen: isCount };
const LINE: Check<TableLine> = {
  row: isCount,
  pair: isCount,
  pairs: isCount,
  line: ['or null', isCount],
  prompt: isText,
  role: ['or null', isText],
  turns: isCount,
  chosen: ['list of', PIECE],
  rejected: ['list of', PIECE],
  source: ['or null', isText],
  lengths: { characters: ['or null', LENGTHS], tokens: ['or null', LENGTHS] },
  problems: ['list of', isCheckName],
  margin: ['or null', MARGIN],
};
const TURN: Check<ShownTurn> = { role: ['or null', isText], text: isText, isCut: isFlag };
const DIFF: Check<WordDiff> = { chosen: ['list of', PIECE], rejected: ['list of', PIECE] };
const PAIR: Check<PairView> = {
  row: isCount,
  pair: isCount,
  pairs: isCount,
  line: ['or null', isCount],
  prompt: ['list of', TURN],
  chosen: ['list of', TURN],
  rejected: ['list of', TURN],
  diff: DIFF,
  problems: ['list of', { check: isCheckName, what: isText, advice: isText }],
  raw: ['or null', isText],
};
const STATE: Check<ShownState> = {
  rows: isCount,
  isWhole: isFlag,
  found: isNumber,
  known: isCount,
  lines: isCount,
  counted: ['or null', isCount],
  isStopped: isFlag,
  troubles: isTexts,
  sources: isTexts,
  problems: isCounts,
};
const FOUND: Check<TableFound> = { query: isNumber, count: isCount, searched: isCount, total: isCount, isDone: isFlag };
const HISTOGRAM: Check<ColumnHistogram> = {
  column: ['one of', TABLE_NUMBERS],
  from: isNumber,
  width: isNumber,
  counts: isNumbers,
  known: isCount,
  least: isNumber,
  median: isNumber,
  most95: isNumber,
  most: isNumber,
};

const PAGE_MESSAGES: Messages<TablePageMessage> = {
  query: { query: isCount, how: HOW },
  'get-lines': { query: isCount, from: isCount, to: isCount },
  'get-histograms': { query: isCount },
  'get-pair': { key: KEY },
  find: { query: isCount, key: KEY },
  act: { action: ['one of', TABLE_ACTIONS], key: KEY },
  edit: { key: KEY, part: ['one of', TABLE_PARTS], turn: isCount, text: isText },
};

export function readTablePageMessage(value: unknown): TablePageMessage | undefined {
  return readMessage(value, TABLE_REQUESTS, PAGE_MESSAGES);
}

const HOST_MESSAGES: Messages<TableHostMessage> = {
  table: { head: { name: isText, canEdit: isFlag, model: ['or null', isText], run: ['or null', isText], runs: isCount } },
  state: { state: STATE },
  found: { found: FOUND },
  lines: { query: isCount, from: isCount, lines: ['list of', LINE] },
  histograms: { query: isCount, histograms: ['list of', HISTOGRAM] },
  pair: { view: PAIR },
  'go-to': { key: KEY },
  place: { query: isCount, at: isNumber },
  empty: { reason: isText, advice: isText },
};

export function readTableHostMessage(value: unknown): TableHostMessage | undefined {
  return readMessage(value, ['changed'], HOST_MESSAGES);
}

const PAGE_STATE: Check<TablePageState> = { how: HOW };

export function readTablePageState(value: unknown): TablePageState | undefined {
  return fits(value, PAGE_STATE) ? value : undefined;
}

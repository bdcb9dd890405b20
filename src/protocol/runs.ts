/** The messages between the extension host and the panel that shows runs as a table. Both sides check what they receive. */

import type { CellValue } from '../core/run-table/index.js';
import { isMarkdown, type MarkNode } from './markdown.js';
import { type Check, fits, type Messages, readMessage } from './shape.js';
import { isFlag, isNumber, isObject, isText, isTexts } from './values.js';

/** A run's cells; those that all runs have alike are sent once, beside them. */
export interface RunsRow {
  readonly folder: string;
  readonly cells: Readonly<Record<string, CellValue>>;
}

/** How the table is looked at; kept with the workspace. */
export interface RunsTableView {
  /** Ids of columns that are shown although they are not usual, and not shown although they are. */
  readonly shown: readonly string[];
  readonly hidden: readonly string[];
  readonly sort: { readonly column: string; readonly descending: boolean } | null;
  /** Id of the column that the runs are grouped by. */
  readonly group: string | null;
  readonly filter: string;
}

export const DEFAULT_RUNS_VIEW: RunsTableView = { shown: [], hidden: [], sort: null, group: null, filter: '' };

export type RunsHostMessage =
  | { readonly type: 'view'; readonly view: RunsTableView }
  /** All runs, newest first. `common`: the cells that each of them has. */
  | { readonly type: 'runs'; readonly common: Readonly<Record<string, CellValue>>; readonly rows: readonly RunsRow[] }
  /** One run has changed; with all of its cells. */
  | { readonly type: 'changed'; readonly row: RunsRow }
  | { readonly type: 'notes'; readonly folder: string; readonly notes: string; readonly read: readonly MarkNode[] };

export const RUNS_REQUESTS = ['ready', 'launch', 'refresh'] as const;
/** What is done with one run or several. */
export const RUNS_ACTIONS = ['open', 'compare', 'tag', 'delete', 'pin', 'unpin'] as const;
export type RunsAction = (typeof RUNS_ACTIONS)[number];

export type RunsPageMessage =
  | { readonly type: (typeof RUNS_REQUESTS)[number] }
  | { readonly type: 'act'; readonly action: RunsAction; readonly folders: readonly string[] }
  | { readonly type: 'keep-view'; readonly view: RunsTableView }
  /** Asks for a run's notes, as they are and rendered. */
  | { readonly type: 'get-notes'; readonly folder: string }
  | { readonly type: 'set-notes'; readonly folder: string; readonly notes: string }
  /** What is shown: ids of columns, and folders in their order. */
  | { readonly type: 'save-csv'; readonly columns: readonly string[]; readonly folders: readonly string[] };

/** Nothing to keep: the host does. */
export interface RunsPageState {
  readonly table: boolean;
}

const isCells = (value: unknown): value is Readonly<Record<string, CellValue>> =>
  isObject(value) && Object.values(value).every((cell) => isText(cell) || isNumber(cell));

const ROW: Check<RunsRow> = { folder: isText, cells: isCells };

const VIEW: Check<RunsTableView> = {
  shown: isTexts,
  hidden: isTexts,
  sort: ['or null', { column: isText, descending: isFlag }],
  group: ['or null', isText],
  filter: isText,
};

export function readRunsTableView(value: unknown): RunsTableView | undefined {
  return fits(value, VIEW) ? value : undefined;
}

const PAGE_MESSAGES: Messages<RunsPageMessage> = {
  act: { action: ['one of', RUNS_ACTIONS], folders: isTexts },
  'keep-view': { view: VIEW },
  'get-notes': { folder: isText },
  'set-notes': { folder: isText, notes: isText },
  'save-csv': { columns: isTexts, folders: isTexts },
};

export function readRunsPageMessage(value: unknown): RunsPageMessage | undefined {
  return readMessage(value, RUNS_REQUESTS, PAGE_MESSAGES);
}

const HOST_MESSAGES: Messages<RunsHostMessage> = {
  view: { view: VIEW },
  runs: { common: isCells, rows: ['list of', ROW] },
  changed: { row: ROW },
  notes: { folder: isText, notes: isText, read: isMarkdown },
};

export function readRunsHostMessage(value: unknown): RunsHostMessage | undefined {
  return readMessage(value, [], HOST_MESSAGES);
}

const PAGE_STATE: Check<RunsPageState> = { table: isFlag };

export function readRunsPageState(value: unknown): RunsPageState | undefined {
  return fits(value, PAGE_STATE) ? value : undefined;
}

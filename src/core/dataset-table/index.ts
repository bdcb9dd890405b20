export { type Lengths, PARTS, type Part, type Unit, UNITS } from './columns.js';
export type { TextChange } from './edit-row.js';
export type { ColumnHistogram } from './histogram.js';
export type { PairKey, TableFound, TableSource, TableState } from './messages.js';
export { NUMBER_COLUMNS, type NumberColumn, SORT_COLUMNS, type SortColumn, type TableQuery } from './query.js';
export type { PairView, ShownTurn, TableLine } from './row-view.js';
export type { TableListener } from './dataset-table.js';
export { TableProcess } from './table-process.js';
export type { DiffPiece, WordDiff } from './word-diff.js';

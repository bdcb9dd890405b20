export { type CellValue, isPinned, type RunRow, UNREADABLE } from './row.js';
export {
  chosenColumns,
  type ColumnChoice,
  type ColumnKind,
  columnsOf,
  findColumn,
  type RunColumns,
  type TableColumn,
} from './columns.js';
export { checkFilter } from './check-filter.js';
export { type FilterProblem, matches, parseFilter, termsOf } from './filter.js';
export { groupedRows, type RowGroup, sortedRows, type TableSort } from './order.js';
export { tableCsv } from './csv.js';

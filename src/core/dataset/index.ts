export { Dataset, type ReadOptions, type RowOutcome } from './read.js';
export { parseColumns, type ColumnMap } from './columns.js';
export { lineOfRow } from './rows.js';
export { savedName } from './saved-folder.js';
export { findSources, readOptionsOf, type DatasetSource } from './sources.js';
export { PAIRINGS, type PairCounts, type PairingOptions } from './pairing.js';
export { datasetForms, formDescriptions, type DatasetForm } from './forms/index.js';
export {
  rowName,
  rowWhere,
  type Message,
  type MessagePair,
  type PairText,
  type RowPlace,
  type TextPair,
} from './types.js';
export { remedyFlag, remedyLabel, unreadSentence, unreadText, warningText } from './column-words.js';
export type { ColumnReport, ColumnWarning, Remedy, UnreadColumn } from './column-report.js';
export {
  BAD_ROW_CHOICES,
  leftOutPlaces,
  leftOutText,
  mostlyLeftOut,
  LeftOutList,
  nothingLeft,
  trainWithoutLabel,
  withWayOut,
  type LeftOutRow,
  type LeftOutRows,
  type OnBadRow,
} from './left-out.js';

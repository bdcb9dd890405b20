export { rowAsLine, rowsDeletion, sideFileName } from './edits.js';
export { writeCleanedCopy, type CleanedCopy } from './cleaned-copy.js';
export { addCounts, bySeverity, countsText, type SeverityCounts } from './counts.js';
export { checkDataset, type DatasetCheckOptions } from './dataset-check.js';
export { type DatasetCheck, type PlacedProblem, rowsOf } from './found.js';
export type { FileReport } from './file-checker.js';
export { HEAD_LENGTH, isPreferenceText } from './recognise.js';
export { rowCharacters, type RowCharacters } from './row-characters.js';
export { rowTurns, type RowTurns, type Turn } from './row-turns.js';
export type { PairTokens, RowTokens } from './row-tokens.js';
export type { CheckOptions, DocumentReport, TokenSums, Trouble } from './service/messages.js';
export { CheckWorker, errorOf } from './service/worker.js';
export {
  CHECK_SEVERITIES,
  type CheckName,
  type FileSummary,
  type Position,
  type Problem,
  type ProblemCounts,
  type Range,
  type RowsByCheck,
  type Severity,
  type SourceCount,
  type Span,
} from './types.js';

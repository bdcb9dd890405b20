export { PreferenceChecker } from './checker.js';
export { rowAsLine, rowDeletion, sideFileName } from './edits.js';
export type { FileReport } from './file-checker.js';
export { headLength, isPreferenceText } from './recognise.js';
export {
  checkSeverities,
  type CheckName,
  type CheckReport,
  type FileSummary,
  type Position,
  type Problem,
  type ProblemCounts,
  type Range,
  type Severity,
  type SourceCount,
  type Span,
} from './types.js';

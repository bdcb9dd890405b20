export { PreferenceChecker } from './checker.js';
export { rowAsLine, rowDeletion, sideFileName } from './edits.js';
export { headLength, isPreferenceText } from './recognise.js';
export {
  checkSeverities,
  type CheckName,
  type CheckReport,
  type Position,
  type Problem,
  type Range,
  type Severity,
  type Span,
} from './types.js';

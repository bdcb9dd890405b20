export type { PairRow } from './pair-row.js';
export { type ListedPair, listPairs, type PairList, type PairListRequest } from './list.js';
export { type PairPlace, placeOf } from './place.js';
export { type PairsOf, type PairTable, readPairTable } from './table.js';
export { PAIR_VIEW_NAMES, PAIR_VIEWS, type PairView, type PairViewName, sorted } from './views.js';
export { PAIR_RECORD_FILE, PairRecord } from './record.js';
export {
  COMPARED_METRICS,
  type ComparedMetric,
  comparePairs,
  differenceText,
  type NotComparable,
  type PairedComparison,
} from './compare.js';
export { type EvaluatedPairs, readLatestEvaluation } from './evaluated.js';
export { type JudgedRun, type SeedGroup, seedGroups } from './seeds.js';
export { compareRuns, type ComparedRun, type RunComparison } from './compare-runs.js';
export { type Verdicts, verdictsOf, type VerdictTable } from './verdicts.js';
export { placeOfFile, usesFile } from './file-place.js';
export { type FileMargins, readFileMargins, type RowMargins } from './margins.js';
export { type CurvePoint, type CurveRequest, type PairCurve, readPairCurve } from './curve.js';

export type { BinCost, BinView } from './bin-view.js';
export type { Histogram } from './histogram.js';
export type {
  BinTotals,
  DatasetState,
  PackedSlice,
  PackingOverview,
  PathPiece,
  PlanCost,
  PlanInfo,
  PlanSide,
} from './messages.js';
export { PlanInspector } from './plan-inspector.js';
export { type PlanSource, readPlanOptions, readPlanSource, sourceKey } from './source.js';

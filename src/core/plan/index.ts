export { leastTokens } from './arrange.js';
export { buildPlan, MOST_SOURCES, NO_SOURCE, type PlanInput } from './build.js';
export { checkPlan } from './check.js';
export { type PlanPairs, readPlan, readPlanFacts, readPlanPairs, writePlan } from './file.js';
export {
  binCount,
  stepCount,
  totalFlops,
  type Plan,
  type PlanArrays,
  type PlanCounts,
  type PlanMetadata,
} from './plan.js';
export { SegmentRole } from './tree.js';

export { decidedPlan, evalPlanFor, planFor } from './dataset-plan.js';
export { type SharingAdvice, sharingAdvice, type SharingOfPlan } from './common-prompts.js';
export { summarise, type PlanSummary } from './summary.js';
export { obtainPlan, type PlannedDataset, type ReadyTokens } from './obtain-plan.js';
export { prepareRun, type RunRequest } from './prepare-run.js';
export { checkInputs, type RunInputs } from './check-inputs.js';
export { writePlanned } from './write-planned.js';
export { trainedOnToo } from './trained-on-too.js';

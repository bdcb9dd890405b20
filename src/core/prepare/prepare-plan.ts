import type { Plan } from '../plan/index.js';
import { tokeniseDataset, type DatasetRequest, type TokenisedDataset } from '../tokenise/index.js';
import type { WorkOptions } from '../work/progress.js';
import { planFor } from './dataset-plan.js';
import { summarise, type PlanSummary } from './summary.js';

/** A plan and its summary, from files. Tokens come from the cache, the plan is made. */
export async function preparePlan(
  request: DatasetRequest,
  work: WorkOptions = {},
): Promise<{ dataset: TokenisedDataset; plan: Plan; summary: PlanSummary }> {
  const dataset = await tokeniseDataset(request, work);
  const plan = await planFor(dataset, request.plan, work);
  return { dataset, plan, summary: await summarise(dataset, plan, work) };
}

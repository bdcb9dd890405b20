import { buildPlan, type Plan } from '../plan/index.js';
import type { PlanOptions } from '../options/index.js';
import type { TokenisedDataset } from '../tokenise/index.js';
import type { WorkOptions } from '../work/progress.js';

/** Builds a plan for a tokenised dataset. @throws WishboneError when a pair does not fit into a bin, or none is left */
export function planFor(dataset: TokenisedDataset, options: PlanOptions, work: WorkOptions = {}): Promise<Plan> {
  return buildPlan(
    {
      pairs: dataset.pairs,
      skipped: dataset.skipped.length,
      truncated: dataset.truncated,
      shape: dataset.model.config,
      sha256: { dataset: dataset.sha256.dataset, tokenizer: dataset.sha256.tokenizer },
      datasetFile: dataset.file,
    },
    options,
    work,
  );
}

/**
 * The plan for a dataset's held-out pairs, or undefined when there are none: each once, in bins like those of training.
 *
 * @throws WishboneError when a pair does not fit into a bin
 */
export async function evalPlanFor(dataset: TokenisedDataset, options: PlanOptions, work: WorkOptions = {}): Promise<Plan | undefined> {
  if (dataset.evalPairs.length === 0) return undefined;
  const { evalPairs: pairs, evalFiles, sha256 } = dataset;
  const file = evalFiles[0]?.path ?? dataset.file;
  const held = { ...dataset, file, pairs, skipped: [], truncated: 0, sha256: { ...sha256, dataset: sha256.evaluation } };
  return planFor(held, { ...options, epochs: 1, max_steps: 0 }, work);
}

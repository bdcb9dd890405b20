import { buildPlan, leastTokens, type Plan } from '../plan/index.js';
import { type DecidedPlan, type LayoutOptions, LEAST_CAPACITY, OPTIONS, type PlanOptions } from '../options/index.js';
import type { TokenisedDataset } from '../tokenise/index.js';
import type { WorkOptions } from '../work/progress.js';

const MOST_CAPACITY = OPTIONS.plan.capacity.rule.max;
/** A bin that is longer for the sake of its longest pair holds a multiple of so many tokens. */
const GRAIN = 256;

/**
 * The options with `capacity` as a number: what is asked for, or what the device has room for, but room for the longest pair.
 *
 * @param ofDevice what the device has room for, where that is known
 */
export function decidedPlan(
  { pairs, evalPairs }: Pick<TokenisedDataset, 'pairs' | 'evalPairs'>,
  options: PlanOptions,
  ofDevice = LEAST_CAPACITY,
): DecidedPlan {
  const { capacity } = options;
  if (capacity !== 'auto') return { ...options, capacity };
  let longest = 0;
  for (const some of [pairs, evalPairs]) for (const pair of some) longest = Math.max(longest, leastTokens(pair, options.sharing));
  const needed = Math.min(MOST_CAPACITY, GRAIN * Math.ceil(longest / GRAIN));
  return { ...options, capacity: Math.max(ofDevice, needed) };
}

/** Builds a plan for a tokenised dataset. @throws WishboneError when a pair does not fit into a bin, or none is left */
export function planFor(
  dataset: TokenisedDataset,
  options: DecidedPlan & Pick<LayoutOptions, 'devices'>,
  work: WorkOptions = {},
): Promise<Plan> {
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
export async function evalPlanFor(
  dataset: TokenisedDataset,
  options: DecidedPlan & Pick<LayoutOptions, 'devices'>,
  work: WorkOptions = {},
): Promise<Plan | undefined> {
  if (dataset.evalPairs.length === 0) return undefined;
  const { evalPairs: pairs, evalFiles, sha256 } = dataset;
  const file = evalFiles[0]?.path ?? dataset.file;
  const held = { ...dataset, file, pairs, skipped: [], truncated: 0, sha256: { ...sha256, dataset: sha256.evaluation } };
  return planFor(held, { ...options, epochs: 1, max_steps: 0 }, work);
}

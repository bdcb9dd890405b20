import { stepCost, sumSteps, type StepCost, type TileCounts } from '../cost/index.js';
import type { DatasetForm } from '../dataset/index.js';
import type { Flops, LlamaShape } from '../model/index.js';
import type { PlanOptions } from '../options/index.js';
import { binCount, NO_SOURCE, stepCount, type Plan } from '../plan/index.js';
import type { DatasetFile, TokenisedDataset } from '../tokenise/index.js';
import { Pace } from '../work/pace.js';
import type { WorkOptions } from '../work/progress.js';
import { type CommonPrompts, commonPrompts } from './common-prompts.js';

/** A plan in numbers. */
export interface PlanSummary {
  /** Of the first file, when there are several. */
  readonly form: DatasetForm;
  readonly files: readonly DatasetFile[];
  /** Those that pairs for evaluation come from, when they are others. */
  readonly evalFiles: readonly DatasetFile[];
  /** Where the pairs of an epoch come from; empty when that is one place. */
  readonly sources: readonly { readonly name: string; readonly pairs: number }[];
  readonly sharing: PlanOptions['sharing'];
  readonly order: PlanOptions['order'];
  /** Of an epoch's pairs. */
  readonly commonPrompts: CommonPrompts;
  /** Most tokens that a bin may hold. */
  readonly capacity: number;
  /** Different pairs trained on. */
  readonly pairs: number;
  /** Times the dataset is gone through; a fraction when `max_steps` ends within one. */
  readonly epochs: number;
  readonly steps: number;
  readonly bins: number;
  /** Tokens of all sequences of all epochs, each counted whole. */
  readonly naiveTokens: number;
  /** Tokens of all bins. */
  readonly planTokens: number;
  /** naiveTokens / planTokens */
  readonly tokenRatio: number;
  /** Required FLOPs of the naive plan over those of this one. */
  readonly flopsRatio: number;
  /** Fewest bins that could hold the tokens: over the steps, the sum of tokens over capacity, rounded up. */
  readonly binsLowerBound: number;
  /** Predicted time of a step's slowest bin over the mean of its bins, the mean over the steps. */
  readonly slowestOverMean: number;
  /** Predicted time of naive pairing with packing over this plan's, on the device of src/core/cost/device.ts. */
  readonly predictedSpeedup: number;
  /** Predicted time of naive pairing without packing over this plan's. */
  readonly predictedSpeedupUnpacked: number;
  /** Required FLOPs of one forward pass over the plan, by part. */
  readonly flops: Flops;
  /** (query, key) pairs that the masks let through. */
  readonly attentionArea: number;
  /** Tiles of 128 × 128 of the masks, at or below the diagonal. */
  readonly tiles: TileCounts;
  /** Mean fraction of the capacity that a bin uses. */
  readonly fill: number;
  /** Pairs that the dataset's rows make; a row with several responses makes several. */
  readonly pairsMade: number;
  /** Pairs that they do not make, because their responses are of equal rank or score, or closer than `min_margin`. */
  readonly droppedByMargin: number;
  /** Rows of `files` that cannot be used and were left out (`on_bad_row`); `files` and `evalFiles` say which. */
  readonly leftOutRows: number;
  /** Pairs left out because `max_length` leaves a side without a response token. */
  readonly skipped: number;
  /** Lines of the first of them (in Parquet: rows, from 1), at most 100. */
  readonly skippedLines: readonly number[];
  /** Pairs of which a side was cut to `max_length`, and how many tokens that took. */
  readonly truncated: number;
  readonly truncatedTokens: number;
  /** Pairs of which the prompt was cut to `max_prompt_length`, and how many tokens that took. */
  readonly promptsCut: number;
  readonly promptTokensCut: number;
  /** Pairs held out for evaluation. */
  readonly evalPairs: number;
  /** Weights of the model. */
  readonly parameters: number;
}

/** @param order that the plan was made with: it does not say */
export async function summarise(
  dataset: TokenisedDataset,
  plan: Plan,
  order: PlanOptions['order'],
  work: WorkOptions = {},
): Promise<PlanSummary> {
  const { counts, capacity, epochs, sharing } = plan.metadata;
  const bins = binCount(plan);
  const cost = await costOf(plan, dataset.model.config, work);
  const pace = new Pace(work);
  const total = stepCount(plan);
  const common = await commonPrompts(dataset.pairs, () => pace.item(() => ({ phase: 'plan', done: total, total })));
  return {
    form: dataset.form,
    files: dataset.files,
    evalFiles: dataset.evalFiles,
    sources: countSources(dataset, plan),
    sharing,
    order,
    commonPrompts: common,
    capacity,
    pairs: counts.pairs,
    epochs,
    steps: stepCount(plan),
    bins,
    naiveTokens: counts.naive_tokens,
    planTokens: counts.plan_tokens,
    tokenRatio: counts.naive_tokens / counts.plan_tokens,
    flopsRatio: cost.flopsRatio,
    binsLowerBound: cost.binsLowerBound,
    slowestOverMean: cost.slowestOverMean,
    predictedSpeedup: cost.predictedSpeedup,
    predictedSpeedupUnpacked: cost.predictedSpeedupUnpacked,
    flops: cost.flops,
    attentionArea: cost.visiblePairs,
    tiles: cost.tiles,
    fill: counts.plan_tokens / (bins * capacity),
    pairsMade: dataset.counts.made,
    droppedByMargin: dataset.counts.dropped,
    leftOutRows: dataset.files.reduce((sum, { leftOut }) => sum + leftOut.rows, 0),
    skipped: counts.skipped,
    skippedLines: dataset.skipped.slice(0, 100).map(({ row, line }) => line ?? row + 1),
    truncated: counts.truncated,
    truncatedTokens: dataset.cuts.truncatedTokens,
    promptsCut: dataset.cuts.promptsCut,
    promptTokensCut: dataset.cuts.promptTokensCut,
    evalPairs: dataset.evalPairs.length,
    parameters: dataset.model.parameters,
  };
}

function countSources({ pairs }: TokenisedDataset, { metadata }: Plan): PlanSummary['sources'] {
  const counts = new Map<string, number>();
  for (const { source = NO_SOURCE } of pairs) counts.set(source, (counts.get(source) ?? 0) + 1);
  return (metadata.sources ?? []).map((name) => ({ name, pairs: counts.get(name) ?? 0 }));
}

/** `planCost` that can be followed and cancelled. */
async function costOf(plan: Plan, shape: LlamaShape, work: WorkOptions): Promise<StepCost> {
  const pace = new Pace(work);
  const total = stepCount(plan);
  const steps: StepCost[] = [];
  for (let step = 0; step < total; step++) {
    steps.push(stepCost(plan, step, shape));
    await pace.item(() => ({ phase: 'plan', done: step, total }));
  }
  return sumSteps(steps);
}

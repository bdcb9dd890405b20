import { createHash } from 'node:crypto';
import path from 'node:path';
import { stepCost, sumSteps, type StepCost, type TileCounts } from './cost/index.js';
import { Dataset, rowWhere, type DatasetForm, type PairCounts, type RowPlace } from './dataset/index.js';
import { ExitCode, WishboneError } from './errors.js';
import { inspectModel, type Flops, type LlamaShape, type ModelInfo } from './model/index.js';
import { Pace } from './pace.js';
import { checkInputs } from './preflight.js';
import { binCount, buildPlan, stepCount, writePlan, type Plan } from './plan/index.js';
import type { Progress, WorkOptions } from './progress.js';
import { checkOptions } from './run/conflicts.js';
import type { PlanOptions, RunnerOptions, TrainingOptions } from './run/config.js';
import { createRunFolder, EVAL_PLAN_FILE, newRunConfig } from './run/folder.js';
import { ModelTokenizer, PairTokenizer, type TokenPair } from './tokenizer/index.js';

/** A dataset tokenised for a model. */
export interface TokenisedDataset {
  /** Absolute path. */
  readonly file: string;
  readonly form: DatasetForm;
  readonly pairs: readonly TokenPair[];
  /** Pairs that the rows made, before any was skipped, and those they did not for want of a margin. */
  readonly counts: PairCounts;
  /** Where the pairs stand that `max_length` leaves without a response. */
  readonly skipped: readonly RowPlace[];
  /** Pairs of which a side was cut to `max_length`. */
  readonly truncated: number;
  readonly sha256: { readonly dataset: string; readonly tokenizer: string };
  readonly model: ModelInfo;
}

/**
 * Reads a preference file and tokenises it with the model folder's own tokenizer.
 *
 * @param request.plan how rows are read and paired; `max_length` is the most tokens of one sequence
 * @throws WishboneError for the first thing that is wrong with the file or the folder
 */
export async function tokeniseDataset(
  request: { readonly dataset: string; readonly model: string; readonly plan: PlanOptions },
  work: WorkOptions = {},
): Promise<TokenisedDataset> {
  const file = path.resolve(request.dataset);
  const { format, pairing, min_margin: minMargin, max_length: maxLength } = request.plan;
  const dataset = await Dataset.open(file, { form: format === 'auto' ? undefined : format, pairing, minMargin });
  const model = await inspectModel(request.model);
  const tokenizer = await ModelTokenizer.load(model.folder);
  const { vocabSize } = model.config;
  const pairTokenizer = new PairTokenizer(tokenizer, { maxLength, file, vocabSize });
  const pairs: TokenPair[] = [];
  const skipped: RowPlace[] = [];
  let truncated = 0;
  const pace = new Pace(work);
  for await (const pair of dataset.pairs()) {
    const outcome = pairTokenizer.tokenize(pair);
    if (outcome.kind === 'pair') {
      checkPositions(outcome.pair, file, model);
      pairs.push(outcome.pair);
      if (outcome.truncated) truncated++;
    } else {
      skipped.push(outcome.place);
    }
    await pace.item(() => ({ phase: 'tokenise', done: dataset.bytesRead, total: dataset.bytesTotal }));
  }
  work.signal?.throwIfAborted();
  const { form, sha256, counts } = dataset;
  if (form === undefined) throw new Error('a dataset with rows has a form');
  const tokenizerHash = createHash('sha256');
  for (const content of tokenizer.contents) tokenizerHash.update(content).update('\0');
  return {
    file,
    form,
    pairs,
    counts,
    skipped,
    truncated,
    sha256: { dataset: sha256, tokenizer: tokenizerHash.digest('hex') },
    model,
  };
}

function checkPositions(pair: TokenPair, file: string, model: ModelInfo): void {
  const { maxPositions } = model.config;
  const longest = Math.max(pair.chosen.length, pair.rejected.length);
  if (longest <= maxPositions) return;
  throw new WishboneError(
    `the pair has a sequence of ${longest} tokens, but the model was made for ${maxPositions} positions`,
    rowWhere(file, pair),
    `set max_length to at most ${maxPositions}`,
  );
}

/** Builds a plan for a tokenised dataset. @throws WishboneError when a pair does not fit into a bin, or none is left */
export function planFor(dataset: TokenisedDataset, options: PlanOptions, work: WorkOptions = {}): Promise<Plan> {
  return buildPlan(
    {
      pairs: dataset.pairs,
      skipped: dataset.skipped.length,
      truncated: dataset.truncated,
      shape: dataset.model.config,
      sha256: dataset.sha256,
      datasetFile: dataset.file,
    },
    options,
    work,
  );
}

/** A plan in numbers. */
export interface PlanSummary {
  readonly form: DatasetForm;
  readonly sharing: PlanOptions['sharing'];
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
  /** Pairs left out because `max_length` leaves a side without a response token. */
  readonly skipped: number;
  /** Lines of the first of them (in Parquet: rows, from 1), at most 100. */
  readonly skippedLines: readonly number[];
  /** Pairs of which a side was cut to `max_length`. */
  readonly truncated: number;
  /** Weights of the model. */
  readonly parameters: number;
}

export async function summarise(
  dataset: TokenisedDataset,
  plan: Plan,
  work: WorkOptions = {},
): Promise<PlanSummary> {
  const { counts, capacity, epochs, sharing } = plan.metadata;
  const bins = binCount(plan);
  const cost = await costOf(plan, dataset.model.config, work);
  return {
    form: dataset.form,
    sharing,
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
    skipped: counts.skipped,
    skippedLines: dataset.skipped.slice(0, 100).map(({ row, line }) => line ?? row + 1),
    truncated: counts.truncated,
    parameters: dataset.model.parameters,
  };
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

/** A plan and its summary, from files. */
export async function preparePlan(
  request: { readonly dataset: string; readonly model: string; readonly plan: PlanOptions },
  work: WorkOptions = {},
): Promise<{ dataset: TokenisedDataset; plan: Plan; summary: PlanSummary }> {
  const dataset = await tokeniseDataset(request, work);
  const plan = await planFor(dataset, request.plan, work);
  return { dataset, plan, summary: await summarise(dataset, plan, work) };
}

/** What a run is made of. */
export interface RunRequest {
  readonly dataset: string;
  /** Preference file to evaluate on every `training.eval_steps`. */
  readonly evalDataset?: string | undefined;
  readonly model: string;
  readonly name?: string | undefined;
  readonly plan: PlanOptions;
  readonly training: TrainingOptions;
  readonly runner: RunnerOptions;
  /** The folder that holds runs; made when it is not there. */
  readonly runsFolder: string;
}

/**
 * Reads the dataset, tokenises it, plans, and makes the run's folder with `run.json` and the plan. Options and models are
 * checked before anything is read. Nothing is written before the plan is complete, and nothing is left when it fails or is cancelled.
 *
 * @throws WishboneError for bad input, or when the folder cannot be written
 */
export async function prepareRun(
  request: RunRequest,
  work: WorkOptions = {},
): Promise<{ folder: string; summary: PlanSummary }> {
  checkOptions(request, request.evalDataset !== undefined);
  await checkInputs(request);
  const { dataset, plan, summary } = await preparePlan(request, work);
  const evaluation =
    request.evalDataset === undefined
      ? undefined
      : await preparePlan({ ...request, dataset: request.evalDataset, plan: { ...request.plan, epochs: 1, max_steps: 0 } }, work);
  const config = newRunConfig({
    name: request.name,
    dataset: { path: dataset.file, sha256: dataset.sha256.dataset, format: dataset.form, pairs: summary.pairs },
    evalDataset: evaluation && {
      path: evaluation.dataset.file,
      sha256: evaluation.dataset.sha256.dataset,
      format: evaluation.dataset.form,
      pairs: evaluation.summary.pairs,
    },
    model: { path: dataset.model.folder },
    plan: request.plan,
    training: request.training,
    runner: request.runner,
  });
  const progress: Progress = { phase: 'write', done: 0, total: 0 };
  work.onProgress?.(progress);
  const folder = await createRunFolder(request.runsFolder, config, async (file) => {
    const writeAll = async (): Promise<void> => {
      await writePlan(file, plan);
      if (evaluation) await writePlan(path.join(path.dirname(file), EVAL_PLAN_FILE), evaluation.plan);
    };
    await writeAll().catch((error: unknown) => {
      // The folder under construction is gone when anyone reads this: name the one that was asked for.
      if (!(error instanceof WishboneError) || error.exitCode !== ExitCode.cannotWrite) throw error;
      throw new WishboneError(error.what, path.resolve(request.runsFolder), error.advice, error.exitCode);
    });
    work.signal?.throwIfAborted();
  });
  return { folder, summary };
}

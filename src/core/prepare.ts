import path from 'node:path';
import type { DatasetForm } from './dataset/index.js';
import { ExitCode, WishboneError } from './errors.js';
import { binCount, buildPlan, naiveFlops, stepCount, totalFlops, type Plan } from './plan/index.js';
import { obtainPlan } from './planned-dataset.js';
import type { WorkOptions } from './progress.js';
import type { PlanOptions, RunnerOptions, TrainingOptions } from './run/config.js';
import { createRunFolder, newRunConfig } from './run/folder.js';
import { tokeniseDataset, type DatasetFile, type DatasetRequest, type TokenisedDataset } from './tokenise/index.js';

export { tokeniseDataset, type DatasetRequest, type TokenisedDataset };

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

/**
 * The plan for a dataset's held-out pairs, or undefined when there are none: each once, in bins like those of training.
 *
 * @throws WishboneError when a pair does not fit into a bin
 */
export async function evalPlanFor(
  dataset: TokenisedDataset,
  options: PlanOptions,
  work: WorkOptions = {},
): Promise<Plan | undefined> {
  if (dataset.evalPairs.length === 0) return undefined;
  const held = { ...dataset, pairs: dataset.evalPairs, skipped: [], truncated: 0 };
  return planFor(held, { ...options, epochs: 1 }, work);
}

/** A plan in numbers. */
export interface PlanSummary {
  /** Of the first file, when there are several. */
  readonly form: DatasetForm;
  readonly files: readonly DatasetFile[];
  readonly sharing: PlanOptions['sharing'];
  /** Different pairs trained on. */
  readonly pairs: number;
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

export function summarise(dataset: TokenisedDataset, plan: Plan): PlanSummary {
  const { counts, capacity, epochs, sharing } = plan.metadata;
  const bins = binCount(plan);
  return {
    form: dataset.form,
    files: dataset.files,
    sharing,
    pairs: counts.pairs,
    epochs,
    steps: stepCount(plan),
    bins,
    naiveTokens: counts.naive_tokens,
    planTokens: counts.plan_tokens,
    tokenRatio: counts.naive_tokens / counts.plan_tokens,
    flopsRatio: naiveFlops(dataset.pairs, dataset.model.config, epochs) / totalFlops(plan),
    fill: counts.plan_tokens / (bins * capacity),
    pairsMade: dataset.counts.made,
    droppedByMargin: dataset.counts.dropped,
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

/** A plan and its summary, from files. Tokens come from the cache, the plan is made. */
export async function preparePlan(
  request: DatasetRequest,
  work: WorkOptions = {},
): Promise<{ dataset: TokenisedDataset; plan: Plan; summary: PlanSummary }> {
  const dataset = await tokeniseDataset(request, work);
  const plan = await planFor(dataset, request.plan, work);
  return { dataset, plan, summary: summarise(dataset, plan) };
}

/** What a run is made of. */
export interface RunRequest extends DatasetRequest {
  readonly name?: string | undefined;
  readonly training: TrainingOptions;
  readonly runner: RunnerOptions;
  /** The folder that holds runs; made when it is not there. */
  readonly runsFolder: string;
}

/**
 * Reads the dataset, tokenises it, plans, and makes the run's folder with `run.json`, the plan and, where pairs are held
 * out, the evaluation's plan. Nothing is written before the plan is complete, and nothing is left when it fails or is
 * cancelled.
 *
 * @throws WishboneError for bad input, or when the folder cannot be written
 */
export async function prepareRun(
  request: RunRequest,
  work: WorkOptions = {},
): Promise<{ folder: string; summary: PlanSummary }> {
  const planned = await obtainPlan(request, work, { files: true });
  const config = newRunConfig({
    name: request.name,
    dataset: planned.reference,
    model: { path: planned.modelFolder },
    plan: request.plan,
    training: request.training,
    runner: request.runner,
  });
  work.onProgress?.({ phase: 'write', done: 0, total: 0 });
  const folder = await createRunFolder(request.runsFolder, config, async (file) => {
    try {
      await planned.write(file);
      await planned.writeEval(path.join(path.dirname(file), EVAL_PLAN_FILE));
    } catch (error) {
      // The folder under construction is gone when anyone reads this: name the one that was asked for.
      if (!(error instanceof WishboneError) || error.exitCode !== ExitCode.cannotWrite) throw error;
      throw new WishboneError(error.what, path.resolve(request.runsFolder), error.advice, error.exitCode);
    }
    work.signal?.throwIfAborted();
  });
  return { folder, summary: planned.summary };
}

/** The plan of the pairs held out for evaluation, beside `plan.safetensors`; there only when there are some. */
export const EVAL_PLAN_FILE = 'eval-plan.safetensors';

import type { TimePhase } from '../history/index.js';
import type { LlamaShape } from '../model/index.js';
import {
  anyLoss,
  forwardAgain,
  lossesOf,
  type PlanOptions,
  type RecomputedLayers,
  type RunnerOptions,
  type TrainingOptions,
} from '../options/index.js';
import type { PlanSummary } from '../prepare/index.js';
import type { EarlierRun } from './earlier-runs.js';
import type { PlanSeconds } from './plan-forecast.js';
import { adapterParameters } from './timed-run.js';

/** What a whole run will take, before it is started. */
export interface RunTime {
  /** Seconds of each phase that takes any. */
  readonly seconds: Readonly<Partial<Record<TimePhase, number>>>;
  readonly total: number;
  /** What this is taken from, as phrases. */
  readonly sources: readonly string[];
}

export interface RunTimeRequest {
  readonly plan: PlanOptions;
  readonly training: TrainingOptions;
  readonly runner: RunnerOptions;
  readonly summary: Pick<PlanSummary, 'planTokens' | 'steps' | 'pairs' | 'evalPairs' | 'parameters'>;
  readonly model: ModelSize;
  /** `cpu` or `cuda`: what it will run on. */
  readonly backend: string;
  /** Predicted by the cost model; where the device's rate is not known (`isRateKnown`), only their ratio means anything. */
  readonly predicted: PlanSeconds;
  readonly isRateKnown: boolean;
  /** What the cost model's times are of, as in "an NVIDIA H200". */
  readonly device: string;
  /** What `recompute` `auto` came to; undefined where that is not known. */
  readonly recomputed?: RecomputedLayers | undefined;
  /** Newest first. */
  readonly earlier: readonly EarlierRun[];
}

/** A model as loading and writing see it. */
export interface ModelSize {
  /** Absolute path of its folder. */
  readonly folder: string;
  readonly shape: LlamaShape;
  readonly parameters: number;
  /** Of its weight files. */
  readonly bytes: number;
}

/** Bytes a second where nothing was measured: what disks of machines with GPUs were found to do (docs/benchmarks.md). */
const READ_RATE = 1.4e9;
const WRITE_RATE = 1.2e9;
/** What a step waits for while a checkpoint is copied out of the way, seconds for each byte of it. */
const SNAPSHOT_RATE: Readonly<Record<string, number>> = { cuda: 50e9, cpu: 5e9 };
/** Bytes a second each way between a GPU and the host's pinned memory, both ways at once. */
const BUS_RATE = 48e9;
/** Bytes a second of the host's memory that the runner finds and pins. */
const PIN_RATE = 3.5e9;
/** Seconds until the runner has its device, and what measuring its rate takes. */
const START: Readonly<Record<string, number>> = { cuda: 1.5, cpu: 0.1 };
const CEILING: Readonly<Record<string, number>> = { cuda: 0.5, cpu: 1 };

/**
 * Predicts a whole run: loading, the reference, steps, evaluations, samples, what is waited for checkpoints, the export. Steps are
 * taken from the pace of an earlier run of the model on this machine, else from the cost model; the rest from what earlier runs on
 * this machine took, else from plain rates of bytes.
 *
 * @returns undefined where nothing is known of how fast the machine computes
 */
export function runTime(request: RunTimeRequest): RunTime | undefined {
  const { plan, training, runner, summary, model, backend, earlier } = request;
  const here = earlier.filter((run) => run.backend === backend);
  const isAlike = (run: EarlierRun): boolean =>
    run.model === model.folder && run.precision === runner.precision && run.adapter === training.use_peft;
  const paced = here.find((run) => isAlike(run) && run.secondsPerToken !== undefined);
  if (paced === undefined && !request.isRateKnown) return undefined;
  const steps = stepsTime(request, paced);
  // One pass over the plan, at the pace of the steps.
  const forward = steps.forward;
  const compares = anyLoss(lossesOf(training.loss_type), 'reference');
  const inStep = compares && training.reference === 'in_step';
  const bytes = writtenBytes(model, training);
  const checkpoints = checkpointCount(training, summary.steps, steps.train);
  const timed = here.filter((run) => run.spent !== undefined);
  // What a small model takes is not in proportion to its size.
  const alike = timed.filter((run) => isAbout(run.parameters, model.parameters));
  const loading = rateOf(
    alike,
    (run) => run.parameters,
    (run) => (run.spent?.start ?? 0) + (run.spent?.load ?? 0),
  );
  const writing = rateOf(
    alike.filter((run) => isAbout(run.exportedBytes ?? 0, bytes.exported)),
    (run) => run.exportedBytes,
    (run) => run.spent?.export ?? 0,
  );
  const ceiling = median(timed.flatMap((run) => run.spent?.ceiling ?? []));
  const evaluations = training.eval_steps > 0 && summary.evalPairs > 0 ? Math.ceil(summary.steps / training.eval_steps) : 0;
  const evalShare = (summary.evalPairs / summary.pairs / plan.epochs) * forward;
  const seconds: Partial<Record<TimePhase, number>> = {
    start: loading === undefined ? (START[backend] ?? 0) : 0,
    load:
      (loading === undefined ? (model.bytes + referenceBytes(model, training)) / READ_RATE : model.parameters / loading) +
      offloadedBytes(backend, request.runner, model, training) / PIN_RATE,
    ceiling: ceiling ?? CEILING[backend] ?? 0,
    reference: compares && !inStep ? forward / plan.epochs + evalShare * Number(evaluations > 0) : 0,
    train: steps.train,
    evaluation: evaluations * evalShare * (inStep ? 2 : 1),
    samples: samplesTime(request, forward),
    checkpoints: (checkpoints * bytes.checkpoint) / (SNAPSHOT_RATE[backend] ?? WRITE_RATE),
    export: (bytes.exported + (training.save_final ? bytes.checkpoint : 0)) / (writing ?? WRITE_RATE),
  };
  const parts = Object.entries(seconds).filter(([, took]) => took > 0);
  const files =
    loading !== undefined || writing !== undefined
      ? 'files as fast as in earlier runs here'
      : `files at ${(READ_RATE / 1e9).toFixed(1)} GB/s`;
  return {
    seconds: Object.fromEntries(parts),
    total: parts.reduce((sum, [, took]) => sum + took, 0),
    sources: [paced === undefined ? `steps as predicted for ${request.device}` : `steps at the pace of ${paced.run}`, files],
  };
}

/** Seconds of all steps, and of one forward pass over the plan at the same pace. */
function stepsTime(
  { training, runner, summary, predicted, backend, model, recomputed }: RunTimeRequest,
  paced: EarlierRun | undefined,
): { readonly train: number; readonly forward: number } {
  const compares = anyLoss(lossesOf(training.loss_type), 'reference');
  const inStep = compares && training.reference === 'in_step' ? 1 : 0;
  const streamed = summary.steps * offloadSeconds(backend, runner, model, training);
  const trainWith = (again: number): number => predicted.training + (inStep + again) * predicted.forward + streamed;
  const again = forwardAgain(runner.recompute, recomputed);
  const train = trainWith(again);
  if (paced?.secondsPerToken === undefined) return { train, forward: predicted.forward };
  // The earlier run may have computed more again, or less.
  const before = trainWith(paced.forwardAgain ?? again);
  const pace = (paced.secondsPerToken * summary.planTokens) / before;
  return { train: train * pace, forward: predicted.forward * pace };
}

/** What of a step the optimizer's state takes to go through the GPU and back, where it is in the host's memory: seconds. */
export function offloadSeconds(
  backend: string,
  runner: Pick<RunnerOptions, 'offload'>,
  model: Pick<ModelSize, 'parameters' | 'shape'>,
  training: TrainingOptions,
): number {
  return offloadedBytes(backend, runner, model, training) / BUS_RATE;
}

/** Master weights and two moments. */
function offloadedBytes(
  backend: string,
  { offload }: Pick<RunnerOptions, 'offload'>,
  model: Pick<ModelSize, 'parameters' | 'shape'>,
  training: TrainingOptions,
): number {
  if (offload === 'none' || backend !== 'cuda') return 0;
  return trainedOf(model, training) * (4 + 2 * (training.adam_moments === 'bfloat16' ? 2 : 4));
}

/** Parameters that are trained. */
export function trainedOf({ parameters, shape }: Pick<ModelSize, 'parameters' | 'shape'>, training: TrainingOptions): number {
  return training.use_peft ? adapterParameters(shape, training.lora_r) : parameters;
}

/** How many checkpoints are written beside the training. */
export function checkpointCount(training: TrainingOptions, steps: number, seconds: number): number {
  const bySteps = training.save_steps > 0 ? Math.floor((steps - 1) / training.save_steps) : 0;
  const byTime = training.save_minutes > 0 ? Math.floor(seconds / 60 / training.save_minutes) : 0;
  return Math.max(bySteps, byTime);
}

/** Bytes of an export, and of a checkpoint: weights and AdamW's two moments. */
export function writtenBytes(
  model: Pick<ModelSize, 'parameters' | 'bytes' | 'shape'>,
  training: TrainingOptions,
): { readonly exported: number; readonly checkpoint: number } {
  const adapter = training.use_peft ? adapterParameters(model.shape, training.lora_r) : 0;
  const bytesEach = { auto: model.bytes / model.parameters, float32: 4, bfloat16: 2, float16: 2 }[training.export_dtype];
  const whole = training.use_peft && !training.merge_adapter ? adapter : model.parameters + adapter;
  return { exported: whole * bytesEach, checkpoint: 12 * (training.use_peft ? adapter : model.parameters) };
}

/** A reference of its own is read too, about as large as the model. */
function referenceBytes({ bytes }: ModelSize, { reference_model: reference }: TrainingOptions): number {
  return reference === '' ? 0 : bytes;
}

/** Passes over one token a prompt: what reading the weights takes, which is about what computing with sixteen tokens does. */
const TOKENS_A_SAMPLED_ONE = 16;

function samplesTime({ training, summary }: RunTimeRequest, forward: number): number {
  const { sample_steps: every, sample_count: prompts, sample_max_new_tokens: length } = training;
  if (every === 0) return 0;
  const rounds = Math.ceil(summary.steps / every) + 1;
  return rounds * prompts * length * TOKENS_A_SAMPLED_ONE * (forward / summary.planTokens);
}

/** Within a factor of four. */
function isAbout(a: number, b: number): boolean {
  return a <= 4 * b && b <= 4 * a;
}

/** Units a second over the earlier runs that say; undefined where none does. */
function rateOf(
  runs: readonly EarlierRun[],
  units: (run: EarlierRun) => number | undefined,
  seconds: (run: EarlierRun) => number,
): number | undefined {
  return median(
    runs.flatMap((run) => {
      const [many, took] = [units(run), seconds(run)];
      return many !== undefined && many > 0 && took > 0 ? [many / took] : [];
    }),
  );
}

function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

import {
  binCost,
  cpu,
  gpu,
  stepCost,
  sumSeconds,
  stepSeconds,
  sumSteps,
  type DeviceSpeed,
  type Passes,
  type StepCost,
} from '../cost/index.js';
import type { LlamaShape } from '../model/flops.js';
import { Pace } from '../work/pace.js';
import { stepCount, type Plan } from '../plan/index.js';
import { obtainPlan, type PlanSummary } from '../prepare/index.js';
import type { WorkOptions } from '../work/progress.js';
import type { PlanOptions, RunnerOptions } from '../options/index.js';
import { type TimedOptions, timedTraining, type TimedRun } from './timed-run.js';

/**
 * The device of the run: a GPU by its name, a CPU by its measured rate of matrix products, FLOP/s. Of a CPU whose rate is
 * not known, times are not either; ratios of times do not depend on it.
 */
export type ForecastDevice =
  | { readonly kind: 'gpu'; readonly name?: string | undefined; readonly precision?: RunnerOptions['precision'] }
  | { readonly kind: 'cpu'; readonly ceiling: number | undefined };

/** What a forecast is made from. Cloneable: a worker is started with it. */
export interface PlanForecastRequest {
  readonly dataset: string | readonly string[];
  /** What is evaluated on; looked at so that its faults are known before the start. */
  readonly evalDataset?: string | readonly string[] | undefined;
  readonly model: string;
  readonly plan: PlanOptions;
  readonly device: ForecastDevice;
  /** All parameters with moments in f32 where nobody says. */
  readonly training?: TimedOptions | undefined;
  /** What a bin holds where `plan.capacity` is "auto" (`DatasetRequest`). */
  readonly autoCapacity?: number | undefined;
  /** How many devices the plan is for; 1 where nobody says. */
  readonly devices?: number | undefined;
  /** Most bytes that the cache may keep. */
  readonly cacheLimit?: number | undefined;
  /** Where the plan is written, so that the runner can say how much memory it needs. */
  readonly planFile?: string | undefined;
}

/** What a plan promises before anything is trained. */
export interface PlanForecast {
  readonly summary: PlanSummary;
  readonly datasetSha256: string;
  readonly evalPairs?: number | undefined;
  /** Predicted over the whole plan. */
  readonly seconds: PlanSeconds;
  /** Whether the device's rate is known; without, only the ratio of these seconds means anything. */
  readonly isRateKnown: boolean;
  readonly speedup: PredictedSpeedup;
  /** The bin that is predicted to take longest. */
  readonly slowest: SlowestBin;
}

/** Predicted time without sharing over that of the plan, on the device of the run. */
export interface PredictedSpeedup {
  /** Over naive pairing with packing. */
  readonly packed: number;
  /** Over naive pairing without. */
  readonly unpacked: number;
  /** Predicted seconds of the plan's steps, whose ratios these are. */
  readonly seconds: number;
  /** What it holds for; a GPU that was never measured is taken for one that was. */
  readonly device: string;
}

export interface PlanSeconds {
  /** One forward pass over all bins. */
  readonly forward: number;
  /** Policy forward and backward over all bins, and AdamW. */
  readonly training: number;
}

export interface SlowestBin {
  /** Both from 1, as people count. */
  readonly step: number;
  readonly bin: number;
  readonly tokens: number;
  /** Its predicted time over the mean of all bins. */
  readonly overMean: number;
}

/**
 * Plans as a run would, and says what that comes to.
 *
 * @throws WishboneError for the first thing that is wrong with the files or does not fit together
 */
export async function forecastPlan(request: PlanForecastRequest, work: WorkOptions = {}): Promise<PlanForecast> {
  const planned = await obtainPlan(request, work, { files: true });
  const { summary, reference, model } = planned;
  const plan = await planned.plan();
  const run: TimedRun = {
    device: speedOf(request.device),
    training: request.training && timedTraining(model.config, request.training),
  };
  const times = await timesOf(plan, model.config, run, work);
  const speedup = await speedupOf(plan, model.config, run, work);
  if (request.planFile !== undefined) {
    work.onProgress?.({ phase: 'write', done: 0, total: 0 });
    await planned.write(request.planFile);
  }
  work.signal?.throwIfAborted();
  return {
    summary,
    datasetSha256: reference.sha256,
    evalPairs: summary.evalPairs > 0 ? summary.evalPairs : undefined,
    seconds: times.seconds,
    isRateKnown: request.device.kind === 'gpu' || request.device.ceiling !== undefined,
    speedup,
    slowest: times.slowest,
  };
}

/** Any rate will do where only ratios are asked for, FLOP/s. */
export const SOME_RATE = 1e11;

function speedOf(device: ForecastDevice): DeviceSpeed {
  return device.kind === 'cpu' ? cpu(device.ceiling ?? SOME_RATE) : gpu(device.name, device.precision);
}

async function speedupOf(plan: Plan, shape: LlamaShape, run: TimedRun, work: WorkOptions): Promise<PredictedSpeedup> {
  const pace = new Pace(work);
  const total = stepCount(plan);
  const steps: StepCost[] = [];
  for (let step = 0; step < total; step++) {
    steps.push(stepCost(plan, step, shape, run));
    await pace.item(() => ({ phase: 'plan', done: step, total }));
  }
  const { predictedSpeedup: packed, predictedSpeedupUnpacked: unpacked, total: seconds } = sumSteps(steps);
  return { packed, unpacked, seconds, device: run.device.name };
}

/**
 * A forecast for other options of the training, of which only what a step does once depends on: the rank of adapters and the precision of
 * moments. Whether adapters alone are trained must be the same.
 */
export function withUpdatesOf(
  forecast: PlanForecast,
  shape: LlamaShape,
  device: ForecastDevice,
  { from, to }: { readonly from: TimedOptions; readonly to: TimedOptions },
): PlanForecast {
  if (from.use_peft !== to.use_peft) throw new Error('bins take another time where adapters alone are trained');
  const each = (options: TimedOptions): number => stepSeconds(shape, { device: speedOf(device), training: timedTraining(shape, options) });
  const more = forecast.summary.steps * (each(to) - each(from));
  if (more === 0) return forecast;
  const { seconds, speedup } = forecast;
  // Without sharing there are as many steps, so as many updates.
  const ratio = (before: number): number => (before * speedup.seconds + more) / (speedup.seconds + more);
  return {
    ...forecast,
    seconds: { ...seconds, training: seconds.training + more },
    speedup: { ...speedup, packed: ratio(speedup.packed), unpacked: ratio(speedup.unpacked), seconds: speedup.seconds + more },
  };
}

async function timesOf(
  plan: Plan,
  shape: LlamaShape,
  run: TimedRun,
  work: WorkOptions,
): Promise<{ seconds: PlanSeconds; slowest: SlowestBin }> {
  const pace = new Pace(work);
  const steps = stepCount(plan);
  const passes = (of: Passes, bin: number): number => sumSeconds(binCost(plan, bin, shape, { ...run, passes: of }).seconds);
  let [forward, training, bins] = [0, 0, 0];
  let slowest = { step: 1, bin: 1, tokens: 0, seconds: 0 };
  for (let step = 0; step < steps; step++) {
    const first = plan.stepBinStart[step] as number;
    for (let bin = first; bin < (plan.stepBinStart[step + 1] as number); bin++) {
      const seconds = passes({ forward: 1, backward: 1 }, bin);
      forward += passes({ forward: 1, backward: 0 }, bin);
      training += seconds;
      bins++;
      if (seconds > slowest.seconds) {
        const tokens = (plan.binStart[bin + 1] as number) - (plan.binStart[bin] as number);
        slowest = { step: step + 1, bin: bin - first + 1, tokens, seconds };
      }
    }
    await pace.item(() => ({ phase: 'plan', done: step, total: steps }));
  }
  const { seconds: longest, ...which } = slowest;
  const overMean = training > 0 ? (longest * bins) / training : 1;
  return {
    seconds: { forward, training: training + steps * stepSeconds(shape, run) },
    slowest: { ...which, overMean },
  };
}

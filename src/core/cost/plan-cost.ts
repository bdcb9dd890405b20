import { flopsByPart, sumFlops, type Flops, type LlamaShape } from '../model/flops.js';
import { stepCount, type PlanArrays } from '../plan/plan.js';
import { requiredWork } from '../plan/required-work.js';
import { binSequences, naiveWork, stepSequences, unpackedWork, type BaselineWork } from './baseline.js';
import { h200 } from './device.js';
import { countTiles, TILE_SIZE, type TileCounts } from './tiles.js';
import { binSeconds, stepSeconds, type Seconds, type TimeOptions } from './time.js';

/** What a bin, or several of them, costs. */
export interface Cost {
  readonly bins: number;
  readonly tokens: number;
  /** Different rows that targets read. */
  readonly readRows: number;
  /** (query, key) pairs that the mask lets through: the area of attention. */
  readonly visiblePairs: number;
  /** Tiles of 128 × 128 at or below the diagonal. */
  readonly tiles: TileCounts;
  /** Required, of one forward pass. */
  readonly flops: Flops;
  /** Predicted, of all passes of a training step, without what the step does once. */
  readonly seconds: Seconds;
}

/** Training on the same pairs without sharing. */
export interface BaselineCost {
  /** Forward passes over a row of tokens. */
  readonly bins: number;
  readonly tokens: number;
  readonly readRows: number;
  readonly visiblePairs: number;
  readonly flops: Flops;
  /** Predicted seconds of all steps, AdamW included. */
  readonly total: number;
}

/** One optimizer step, or all of a plan, and what the same pairs cost without sharing. */
export interface StepCost extends Cost {
  /** Predicted seconds with the bins one after the other, AdamW included. */
  readonly total: number;
  /**
   * Predicted time of the slowest bin over the mean of its step: what balance leaves to be gained across devices. Of a plan,
   * the mean over its steps.
   */
  readonly slowestOverMean: number;
  /** The fewest bins that could hold the tokens: of each step, its tokens over the capacity, rounded up. */
  readonly binsLowerBound: number;
  /** With packing. */
  readonly naive: BaselineCost;
  /** Without packing: one pair a pass. */
  readonly unpacked: BaselineCost;
  /** Required FLOPs, naive over this. */
  readonly flopsRatio: number;
  /** Predicted time, naive with packing over this. */
  readonly predictedSpeedup: number;
  /** Predicted time, naive without packing over this. */
  readonly predictedSpeedupUnpacked: number;
}

/** What plans have that these functions look at. */
export type CostedPlan = PlanArrays & { readonly metadata: { readonly capacity: number } };

/**
 * What one bin costs.
 *
 * @param bin its number within the plan
 */
export function binCost(plan: PlanArrays, bin: number, shape: LlamaShape, options: TimeOptions = {}): Cost {
  const visibleUntil = plan.visibleUntil.subarray(plan.binStart[bin], plan.binStart[bin + 1]);
  let visiblePairs = 0;
  for (let row = 0; row < visibleUntil.length; row++) visiblePairs += (visibleUntil[row] as number) - row;
  const tiles = countTiles(visibleUntil);
  const { tile } = options.device ?? h200;
  const { full, partial } = tile === TILE_SIZE ? tiles : countTiles(visibleUntil, tile);
  const computedPairs = (full + partial) * tile ** 2;
  const required = requiredWork(plan, bin);
  return {
    bins: 1,
    tokens: visibleUntil.length,
    readRows: required.readRows,
    visiblePairs,
    tiles,
    flops: flopsByPart(shape, required),
    seconds: binSeconds(shape, { ...required, computedPairs }, options),
  };
}

/**
 * What the sequences of one bin cost without sharing, with packing: `total` without what a step does once, as the
 * seconds of {@link binCost}.
 */
export function naiveBinCost(plan: CostedPlan, bin: number, shape: LlamaShape, options: TimeOptions = {}): BaselineCost {
  const { tile } = options.device ?? h200;
  const work = naiveWork([...binSequences(plan, bin).values()], plan.metadata.capacity, tile);
  return { ...baselineCost(shape, work, options), total: baselineSeconds(shape, work, options) };
}

/** What a step costs, and the same pairs without sharing. */
export function stepCost(plan: CostedPlan, step: number, shape: LlamaShape, options: TimeOptions = {}): StepCost {
  const { capacity } = plan.metadata;
  const { tile } = options.device ?? h200;
  const bins: Cost[] = [];
  for (let bin = plan.stepBinStart[step] as number; bin < (plan.stepBinStart[step + 1] as number); bin++) {
    bins.push(binCost(plan, bin, shape, options));
  }
  const cost = sumCosts(bins);
  const sequences = stepSequences(plan, step);
  const times = bins.map(({ seconds }) => sumSeconds(seconds));
  const inBins = times.reduce((sum, time) => sum + time, 0);
  return withRatios({
    ...cost,
    total: inBins + stepSeconds(shape, options),
    slowestOverMean: (times.reduce((most, time) => Math.max(most, time), 0) * times.length) / inBins,
    binsLowerBound: Math.ceil(cost.tokens / capacity),
    naive: baselineCost(shape, naiveWork(sequences, capacity, tile), options),
    unpacked: baselineCost(shape, unpackedWork(sequences, tile), options),
  });
}

/**
 * What a whole plan costs: exact counts, predicted times (src/core/cost/time.ts), and the same for the plan's pairs
 * without sharing. Reads every token once.
 *
 * @param options.device whose times are predicted: an H200 unless given. Ratios depend on it little
 */
export function planCost(plan: CostedPlan, shape: LlamaShape, options: TimeOptions = {}): StepCost {
  return sumSteps(Array.from({ length: stepCount(plan) }, (_, step) => stepCost(plan, step, shape, options)));
}

/** Costs of steps ({@link stepCost}) as one, for callers that keep them or pause between them. */
export function sumSteps(steps: readonly StepCost[]): StepCost {
  const sum = (value: (step: StepCost) => number): number => steps.reduce((total, step) => total + value(step), 0);
  return withRatios({
    ...sumCosts(steps),
    total: sum((step) => step.total),
    slowestOverMean: sum((step) => step.slowestOverMean) / steps.length,
    binsLowerBound: sum((step) => step.binsLowerBound),
    naive: sumBaselines(steps.map((step) => step.naive)),
    unpacked: sumBaselines(steps.map((step) => step.unpacked)),
  });
}

export function sumSeconds({ matmul, attention, memory }: Seconds): number {
  return matmul + attention + memory;
}

function baselineCost(shape: LlamaShape, work: BaselineWork, options: TimeOptions): BaselineCost {
  const { bins, tokens, visiblePairs, required } = work;
  return {
    bins,
    tokens,
    readRows: required.readRows,
    visiblePairs,
    flops: flopsByPart(shape, required),
    total: baselineSeconds(shape, work, options) + stepSeconds(shape, options),
  };
}

/** Predicted seconds of all passes, without what a step does once. Bins are much alike: each is timed as their mean. */
function baselineSeconds(shape: LlamaShape, { bins, computed }: BaselineWork, options: TimeOptions): number {
  const { tokens, readRows, computedPairs } = computed;
  const mean = { tokens: tokens / bins, readRows: readRows / bins, computedPairs: computedPairs / bins };
  return bins * sumSeconds(binSeconds(shape, mean, options));
}

type Ratios = 'flopsRatio' | 'predictedSpeedup' | 'predictedSpeedupUnpacked';

function withRatios(cost: Omit<StepCost, Ratios>): StepCost {
  return {
    ...cost,
    flopsRatio: sumFlops(cost.naive.flops) / sumFlops(cost.flops),
    predictedSpeedup: cost.naive.total / cost.total,
    predictedSpeedupUnpacked: cost.unpacked.total / cost.total,
  };
}

function sumCosts(costs: readonly Cost[]): Cost {
  const sum = (value: (cost: Cost) => number): number => costs.reduce((total, cost) => total + value(cost), 0);
  return {
    ...sumCounts(costs),
    tiles: {
      skipped: sum(({ tiles }) => tiles.skipped),
      full: sum(({ tiles }) => tiles.full),
      partial: sum(({ tiles }) => tiles.partial),
    },
    seconds: {
      matmul: sum(({ seconds }) => seconds.matmul),
      attention: sum(({ seconds }) => seconds.attention),
      memory: sum(({ seconds }) => seconds.memory),
    },
  };
}

function sumBaselines(costs: readonly BaselineCost[]): BaselineCost {
  return { ...sumCounts(costs), total: costs.reduce((sum, { total }) => sum + total, 0) };
}

type Counts = Pick<Cost & BaselineCost, 'bins' | 'tokens' | 'readRows' | 'visiblePairs' | 'flops'>;

function sumCounts(costs: readonly Counts[]): Counts {
  const sum = (value: (cost: Counts) => number): number => costs.reduce((total, cost) => total + value(cost), 0);
  return {
    bins: sum(({ bins }) => bins),
    tokens: sum(({ tokens }) => tokens),
    readRows: sum(({ readRows }) => readRows),
    visiblePairs: sum(({ visiblePairs }) => visiblePairs),
    flops: addFlops(costs.map(({ flops }) => flops)),
  };
}

function addFlops(parts: readonly Flops[]): Flops {
  const sum = (value: (flops: Flops) => number): number => parts.reduce((total, flops) => total + value(flops), 0);
  return {
    qkv: sum(({ qkv }) => qkv),
    attention: sum(({ attention }) => attention),
    out: sum(({ out }) => out),
    mlp: sum(({ mlp }) => mlp),
    head: sum(({ head }) => head),
  };
}

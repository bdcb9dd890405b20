import { binSeconds, type Passes, stepSeconds, sumSeconds, TILE_SIZE } from '../cost/index.js';
import { layerWeights, type LlamaShape } from '../model/flops.js';
import type { PlanSummary } from '../prepare/index.js';
import type { PlanSeconds } from './plan-forecast.js';
import type { TimedRun } from './timed-run.js';

/** What of a summary decides the predicted time of its plan. */
export type TimedSummary = Pick<PlanSummary, 'bins' | 'steps' | 'planTokens' | 'flops' | 'attentionArea' | 'tiles'>;

/**
 * Predicted seconds of a plan from its summary alone, as if all of its bins were alike: within a few percent of the sum over
 * the bins, which needs the plan.
 */
export function planSeconds(summary: TimedSummary, shape: LlamaShape, options: TimedRun): PlanSeconds {
  const { bins, steps, flops } = summary;
  const { qkv, head } = layerWeights(shape);
  const work = {
    // Each layer projects the tokens that are computed, and the LM head the rows that targets read, and nothing else.
    tokens: flops.qkv / (2 * qkv * shape.layers) / bins,
    readRows: flops.head / (2 * head) / bins,
    computedPairs: computedPairs(summary, options.device.tile) / bins,
  };
  const all = (passes: Passes): number => bins * sumSeconds(binSeconds(shape, work, { ...options, passes }));
  return {
    forward: all({ forward: 1, backward: 0 }),
    training: all({ forward: 1, backward: 1 }) + steps * stepSeconds(shape, options),
  };
}

/** Of the tiles that are not skipped. Those of another size than the summary's have been counted by nobody: see `additiveSeconds`. */
function computedPairs({ planTokens, attentionArea, tiles }: TimedSummary, tile: number): number {
  return tile === TILE_SIZE ? (tiles.full + tiles.partial) * TILE_SIZE ** 2 : attentionArea + planTokens * tile;
}

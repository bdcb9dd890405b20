import type { RunnerOptions } from './runner-options.js';

/** Of how many layers the backward pass computes the MLP again, or all of it, as the runner says. */
export interface RecomputedLayers {
  readonly layers: number;
  readonly mlp: number;
  readonly block: number;
}

/** Of a forward pass of a layer, the product that gives gates is about half; of a block, its last product is left out. */
const PASS_OF_MLP = 0.5;
const PASS_OF_BLOCK = 0.7;

/**
 * What part of a forward pass a backward pass computes again.
 *
 * @param chosen what `auto` came to; where that is not known, it is taken for nothing, which it nearly always is
 */
export function forwardAgain(recompute: RunnerOptions['recompute'], chosen: RecomputedLayers | undefined): number {
  if (recompute !== 'auto') return { none: 0, mlp: PASS_OF_MLP, block: PASS_OF_BLOCK }[recompute];
  return chosen === undefined || chosen.layers === 0 ? 0 : (PASS_OF_MLP * chosen.mlp + PASS_OF_BLOCK * chosen.block) / chosen.layers;
}

/** "activations of the MLPs of 12 of 32 layers"; undefined where nothing is computed again. */
export function recomputedText({ layers, mlp, block }: RecomputedLayers): string | undefined {
  if (block === 0 && mlp === 0) return undefined;
  if (block === 0) return `activations of the MLPs of ${mlp} of ${layers} layers`;
  return `activations of ${block} of ${layers} layers${mlp === 0 ? '' : ` and of the MLPs of ${mlp} more`}`;
}

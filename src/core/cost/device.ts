import type { RunnerOptions } from '../options/index.js';
import { TILE_SIZE } from './tiles.js';

type Precision = RunnerOptions['precision'];

/** Speed of attention kernels for one head size, in FLOP/s over tiles that are not skipped, masked scores included. */
export interface AttentionSpeed {
  readonly headDim: number;
  readonly forward: number;
  readonly backward: number;
}

/** Linear layers in FP8. */
export interface Fp8Speed {
  /** FLOP/s of the products. */
  readonly matmul: number;
  /** Elements a token and layer that quantising moves beyond what the usual passes do, in units of the hidden size. */
  readonly forward: number;
  readonly backward: number;
}

/** What the predicted time of a bin depends on. Measured, not promised: docs/benchmarks.md, "Cost model". */
export interface DeviceSpeed {
  readonly name: string;
  /** FLOP/s of the model's matrix products. */
  readonly matmul: number;
  /** Of those of the layers' linear layers, where they are computed in another precision. */
  readonly fp8?: Fp8Speed;
  /** Rows and columns of the tiles that attention skips or computes whole. */
  readonly tile: number;
  /** The hidden size from which gated units, RoPE and additions to the residual stream are computed within the products of layers. */
  readonly fusesFrom: number;
  /** By rising head size; between two of them the speed is interpolated. */
  readonly attention: readonly AttentionSpeed[];
  /** Bytes/s of passes that only move data. */
  readonly bandwidth: number;
  /** Bytes of a weight or an activation. */
  readonly elementBytes: number;
}

/**
 * The CUDA runner on an NVIDIA H200 in bf16. Matrix products: 137.5 TFLOP in the 208 ms that the phases of a step of
 * Llama-3.2-1B take. Attention: medians of the kernels alone on trees of three sizes, whose speeds over tiles agree within a
 * seventh. Bandwidth: 0.87 of the copy rate, what norms, SwiGLU, RoPE and AdamW reach together.
 */
export const h200: DeviceSpeed = {
  name: 'NVIDIA H200',
  matmul: 660e12,
  tile: TILE_SIZE,
  fusesFrom: 896,
  attention: [
    { headDim: 64, forward: 439e12, backward: 454e12 },
    { headDim: 128, forward: 645e12, backward: 586e12 },
  ],
  bandwidth: 3.7e12,
  elementBytes: 2,
};

/** The same on an H100 80GB (SXM): 137.1 TFLOP of products in 202 ms, 132 GB of such passes in 46 ms. */
export const h100: DeviceSpeed = {
  name: 'NVIDIA H100',
  matmul: 680e12,
  tile: TILE_SIZE,
  fusesFrom: 896,
  attention: [
    { headDim: 64, forward: 437e12, backward: 392e12 },
    { headDim: 128, forward: 632e12, backward: 471e12 },
  ],
  bandwidth: 2.9e12,
  elementBytes: 2,
};

/**
 * The CUDA runner on a GPU of that name (as the driver calls it, "NVIDIA H100 80GB HBM3"): one that was never measured is
 * taken for an H200, whose ratios say more than its times. The result's `name` says which it is.
 */
export function gpu(name = '', precision: Precision = 'bf16'): DeviceSpeed {
  const speed = name.includes('H100') ? h100 : h200;
  return precision === 'fp8' ? { ...speed, fp8: FP8, fusesFrom: Infinity } : speed;
}

/** Of Hopper: products and passes of a step of Llama-3.2-1B and 3.1-8B by phase (docs/benchmarks.md, "FP8"). */
const FP8: Fp8Speed = { matmul: 1250e12, forward: 5, backward: 61 };

/**
 * The CPU runner in fp32, whose speed follows the machine's: parts of a step of a 32M-parameter model on two cores of an AMD
 * EPYC, naive, over the rate of a large matrix product there.
 *
 * @param ceiling that rate on the machine at hand, FLOP/s (event `ceiling` of a run)
 */
export function cpu(ceiling: number): DeviceSpeed {
  return {
    name: 'CPU',
    matmul: 0.91 * ceiling,
    tile: 32,
    fusesFrom: Infinity,
    attention: [{ headDim: 64, forward: 0.84 * ceiling, backward: 0.95 * ceiling }],
    bandwidth: 0.19 * ceiling,
    elementBytes: 4,
  };
}

/** The attention speed of a head size. Smaller heads than any known leave more of a kernel idle: in proportion. */
export function attentionSpeed(device: DeviceSpeed, headDim: number): AttentionSpeed {
  const known = device.attention;
  const above = known.findIndex((speed) => speed.headDim >= headDim);
  const upper = known[above] ?? (known.at(-1) as AttentionSpeed);
  const lower = known[above - 1];
  if (above < 0 || upper.headDim === headDim) return { ...upper, headDim };
  const from = lower ?? { headDim: 0, forward: 0, backward: 0 };
  const share = (headDim - from.headDim) / (upper.headDim - from.headDim);
  const between = (a: number, b: number): number => a + share * (b - a);
  return {
    headDim,
    forward: between(from.forward, upper.forward),
    backward: between(from.backward, upper.backward),
  };
}

import { flopsByPart, layerWeights, sumFlops, type BinWork, type LlamaShape } from '../model/flops.js';
import { attentionSpeed, h200, type DeviceSpeed } from './device.js';

/** What of a bin decides how long it takes. */
export interface TimedWork extends Omit<BinWork, 'visiblePairs'> {
  /** (query, key) pairs of the tiles that are not skipped, seen or not. */
  readonly computedPairs: number;
}

/** How often a bin goes through the model in one step. */
export interface Passes {
  /** Policy and reference; recompute `block` adds one, a reference computed beforehand takes one away. */
  readonly forward: number;
  readonly backward: number;
}

/** A DPO step with the reference inside it. */
const DPO_STEP: Passes = { forward: 2, backward: 1 };

/** Predicted seconds by what limits them. */
export interface Seconds {
  readonly matmul: number;
  readonly attention: number;
  /** Passes that only move data. */
  readonly memory: number;
}

/** What is trained, as far as it takes time. */
export interface TimedTraining {
  /** Parameters of adapters, where these alone are trained: the model's have no gradient. */
  readonly adapterParameters?: number | undefined;
  /** Of a parameter in each of AdamW's two moments. */
  readonly momentBytes: 2 | 4;
}

export interface TimeOptions {
  readonly device?: DeviceSpeed | undefined;
  readonly passes?: Passes | undefined;
  /** All parameters with moments in f32 unless given. */
  readonly training?: TimedTraining | undefined;
}

const ALL_IN_F32: TimedTraining = { momentBytes: 4 };

const hasAdapters = ({ adapterParameters }: TimedTraining): boolean => adapterParameters !== undefined;

/**
 * Predicted time of one bin in a step, without what a step does once ({@link stepSeconds}).
 *
 * - Matrix products: their FLOPs (a backward pass has twice those of a forward pass, and as many where adapters alone are trained, whose
 *   own are few) at the device's rate, but no less than the time to read the weights in each pass and to add to the f32 gradients: short
 *   bins are bound by that.
 * - Attention: tiles that are not skipped, computed whole, at the rate for the head size; a backward pass has 5 products
 *   a tile where the forward pass has 2.
 * - Norms, SwiGLU and RoPE, which only move data. Elements a token and layer, with hidden size d, intermediate size F and
 *   head size D: forward 8d + 3F + 2(Hq + Hkv)D, backward 10d + 6F + 2(Hq + Hkv)D; of norms alone, where products do the rest,
 *   4d and 10d. Products of adapters, which are bound by what they read: what each linear layer reads and gives, for what lies between
 *   their matrices and for their gradients.
 */
export function binSeconds(shape: LlamaShape, work: TimedWork, options: TimeOptions = {}): Seconds {
  const { device = h200, passes = DPO_STEP, training = ALL_IN_F32 } = options;
  const { attention, ...linear } = flopsByPart(shape, { ...work, visiblePairs: work.computedPairs });
  const layers = sumFlops({ ...linear, attention: 0, head: 0 });
  const computing =
    (passes.forward + (hasAdapters(training) ? 1 : 2) * passes.backward) *
    (layers / (device.fp8?.matmul ?? device.matmul) + linear.head / device.matmul);
  const streaming = (weights(shape) * weightBytes(device, passes, training)) / device.bandwidth;
  const speed = attentionSpeed(device, shape.headDim);
  const bytes = work.tokens * shape.layers * tokenElements(shape, passes, device, training) * device.elementBytes;
  return {
    matmul: Math.max(computing, streaming),
    attention: (attention * passes.forward) / speed.forward + (2.5 * attention * passes.backward) / speed.backward,
    memory: bytes / device.bandwidth,
  };
}

/**
 * Predicted time of what a step does once, whatever its bins: AdamW on f32 master weights and moments (30 bytes a
 * parameter, 22 with moments in bf16) and the gradients' norm (4).
 */
export function stepSeconds(shape: LlamaShape, { device = h200, training = ALL_IN_F32 }: TimeOptions = {}): number {
  const parameters = training.adapterParameters ?? weights(shape);
  return ((18 + 4 * training.momentBytes) * parameters) / device.bandwidth;
}

/** A bin's time as a sum over its tokens, rows and visible pairs. */
export interface AdditiveTime {
  readonly perToken: number;
  readonly perReadRow: number;
  readonly perVisiblePair: number;
}

/**
 * {@link binSeconds} for work whose tiles are not known because it has not been laid out: a tree has about as many scores in
 * partial tiles that are computed for nothing as a tile has rows, for each of its tokens (the tile on the diagonal and the
 * one where the sequence begins are half empty).
 */
export function additiveSeconds(shape: LlamaShape, options: TimeOptions = {}): AdditiveTime {
  const of = (work: Partial<TimedWork>): number => {
    const { matmul, attention, memory } = binSeconds(
      shape,
      { tokens: 0, readRows: 0, computedPairs: 0, ...work },
      { ...options, device: { ...(options.device ?? h200), bandwidth: Infinity } },
    );
    return matmul + attention + memory;
  };
  const { device = h200, passes = DPO_STEP, training = ALL_IN_F32 } = options;
  const perVisiblePair = of({ computedPairs: 1 });
  const moving = (shape.layers * tokenElements(shape, passes, device, training) * device.elementBytes) / device.bandwidth;
  return {
    perToken: of({ tokens: 1 }) + moving + device.tile * perVisiblePair,
    perReadRow: of({ readRows: 1 }),
    perVisiblePair,
  };
}

/** Weights of the model's matrices: all but a few per mille of its parameters. */
function weights(shape: LlamaShape): number {
  const { qkv, out, mlp, head } = layerWeights(shape);
  return shape.layers * (qkv + out + mlp) + head;
}

/** Bytes a bin moves for each weight: read in each pass, and its f32 gradient, if it has one, read and written. */
function weightBytes(device: DeviceSpeed, passes: Passes, training: TimedTraining): number {
  return device.elementBytes * (passes.forward + passes.backward) + (hasAdapters(training) ? 0 : 8 * passes.backward);
}

function tokenElements(shape: LlamaShape, { forward, backward }: Passes, { fp8, fusesFrom }: DeviceSpeed, training: TimedTraining): number {
  const { hiddenSize: d, intermediateSize: f } = shape;
  const adapters = hasAdapters(training) ? 2 * backward * linearElements(shape) : 0;
  if (d >= fusesFrom) return (4 * forward + 10 * backward) * d + adapters;
  const heads = 2 * (shape.queryHeads + shape.kvHeads) * shape.headDim;
  const quantising = fp8 === undefined ? 0 : (forward * fp8.forward + backward * fp8.backward) * d;
  return forward * (8 * d + 3 * f + heads) + backward * (10 * d + 6 * f + heads) + quantising + adapters;
}

/** Elements of a token that the linear layers of a layer read and give. */
function linearElements({ hiddenSize: d, intermediateSize: f, queryHeads, kvHeads, headDim }: LlamaShape): number {
  return 4 * d + 3 * f + 2 * (queryHeads + kvHeads) * headDim;
}

import type { DeviceSpeed, TimedTraining } from '../cost/index.js';
import type { LlamaShape } from '../model/index.js';
import type { TrainingOptions } from '../options/index.js';

/** What a run computes on, and what it trains. */
export interface TimedRun {
  readonly device: DeviceSpeed;
  readonly training?: TimedTraining | undefined;
}

/** Of an adapter of all linear layers, which is the most it can be. */
export function adapterParameters(shape: LlamaShape, rank: number): number {
  const { hiddenSize: d, intermediateSize: f } = shape;
  const queries = shape.queryHeads * shape.headDim;
  const keys = shape.kvHeads * shape.headDim;
  return rank * shape.layers * (2 * (d + queries) + 2 * (d + keys) + 3 * (d + f));
}

/** What of a run's options decides how long its steps take. */
export type TimedOptions = Pick<TrainingOptions, 'use_peft' | 'lora_r' | 'adam_moments'>;

export function timedTraining(shape: LlamaShape, { use_peft, lora_r, adam_moments }: TimedOptions): TimedTraining {
  return {
    adapterParameters: use_peft ? adapterParameters(shape, lora_r) : undefined,
    momentBytes: adam_moments === 'bfloat16' ? 2 : 4,
  };
}

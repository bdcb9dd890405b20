import type { LayoutOptions } from '../options/index.js';

/** What a plan's metadata says (docs/formats.md, "Plan"). */
export interface PlanMetadata extends Omit<LayoutOptions, 'max_steps' | 'devices' | 'order'> {
  readonly format: 'wishbone-plan';
  readonly version: 1;
  readonly vocab_size: number;
  readonly sha256: { readonly dataset: string; readonly tokenizer: string };
  readonly counts: PlanCounts;
  /** Where pairs come from, when that is more than one place; metrics are given for each too. */
  readonly sources?: readonly string[];
}

export interface PlanCounts {
  /** Different pairs of the dataset that are trained on. */
  readonly pairs: number;
  /** Pairs left out because `max_length` leaves a side without a response token. */
  readonly skipped: number;
  /** Pairs of which a side was cut to `max_length`. */
  readonly truncated: number;
  /** Tokens of all sequences of all epochs, each counted whole. */
  readonly naive_tokens: number;
  /** Tokens of all bins. */
  readonly plan_tokens: number;
}

/**
 * The plan's arrays under their names in the file (docs/formats.md), as camel case: sizes S steps, B bins, T tokens,
 * R targets, P pairs, Q sequences, G segments. "Bin-local" indices count from the start of their bin.
 */
export interface PlanArrays {
  /** [B] F64: required FLOPs of one forward pass over the bin */
  readonly binFlops: Float64Array;
  /** [S+1] */
  readonly stepBinStart: Int32Array;
  /** [S+1] */
  readonly stepPairStart: Int32Array;
  /** [B+1] */
  readonly binStart: Int32Array;
  /** [T] token ids */
  readonly tokens: Int32Array;
  /** [T] depth of the token on its own path */
  readonly position: Int32Array;
  /** [T] bin-local end of the subtree of the token's segment */
  readonly visibleUntil: Int32Array;
  /** [B+1] */
  readonly targetStart: Int32Array;
  /** [R] bin-local row whose hidden state scores the token */
  readonly targetRow: Int32Array;
  /** [R] token id to score */
  readonly targetToken: Int32Array;
  /** [R] sequence the score counts for */
  readonly targetSequence: Int32Array;
  /** [P] sequence ids */
  readonly pairChosen: Int32Array;
  /** [P] sequence ids */
  readonly pairRejected: Int32Array;
  /** [P] 0-based row of the dataset */
  readonly pairRow: Int32Array;
  /** [Q] key of the sequence's content */
  readonly sequenceReference: Int32Array;
  /** [B+1] */
  readonly segmentStart: Int32Array;
  /** [G] bin-local */
  readonly segmentBegin: Int32Array;
  /** [G] bin-local */
  readonly segmentEnd: Int32Array;
  /** [G] segment index within the bin, -1 for a root */
  readonly segmentParent: Int32Array;
  /** [G] 0 prompt, 1 chosen, 2 rejected, 3 several of these, by sequence */
  readonly segmentRole: Int32Array;
  /** [G] pair whose sequences alone go through the segment, -1 when several pairs' do */
  readonly segmentPair: Int32Array;
}

/** The ordered optimizer steps, each a list of bins, plus what the loss needs. */
export interface Plan extends PlanArrays {
  /** [P] index into the metadata's sources; there when they are */
  readonly pairSource?: Int32Array;
  readonly metadata: PlanMetadata;
}

/** The file's name of each array. F64 first, so that every tensor of the file is aligned. */
export const TENSOR_NAMES: Readonly<Record<keyof PlanArrays, string>> = {
  binFlops: 'bin_flops',
  stepBinStart: 'step_bin_start',
  stepPairStart: 'step_pair_start',
  binStart: 'bin_start',
  tokens: 'tokens',
  position: 'position',
  visibleUntil: 'visible_until',
  targetStart: 'target_start',
  targetRow: 'target_row',
  targetToken: 'target_token',
  targetSequence: 'target_sequence',
  pairChosen: 'pair_chosen',
  pairRejected: 'pair_rejected',
  pairRow: 'pair_row',
  sequenceReference: 'sequence_reference',
  segmentStart: 'segment_start',
  segmentBegin: 'segment_begin',
  segmentEnd: 'segment_end',
  segmentParent: 'segment_parent',
  segmentRole: 'segment_role',
  segmentPair: 'segment_pair',
};

export function stepCount(plan: PlanArrays): number {
  return plan.stepBinStart.length - 1;
}

export function binCount(plan: PlanArrays): number {
  return plan.binStart.length - 1;
}

/** Required FLOPs of one forward pass over every bin. */
export function totalFlops(plan: PlanArrays): number {
  return plan.binFlops.reduce((sum, flops) => sum + flops, 0);
}

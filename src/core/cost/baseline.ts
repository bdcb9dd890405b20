import type { BinWork } from '../model/flops.js';
import type { PlanArrays } from '../plan/plan.js';
import { causalTiles } from './tiles.js';
import type { TimedWork } from './time.js';

/** What a step's pairs take without sharing. */
export interface BaselineWork {
  /** Forward passes over a row of tokens. */
  readonly bins: number;
  /** Of all sequences, each whole. */
  readonly tokens: number;
  /** (query, key) pairs of all sequences, each whole. */
  readonly visiblePairs: number;
  /** Required, of all bins. */
  readonly required: BinWork;
  /** Computed: with padding, in whole tiles. */
  readonly computed: TimedWork;
}

/** A sequence of a plan, whole: its prompt and its response. */
export interface SequenceLength {
  readonly tokens: number;
  readonly response: number;
}

/**
 * Naive pairing with packing: every sequence with its own prompt, in as few bins as their tokens fill. Tiles are those of
 * the sequences one behind the other.
 */
export function naiveWork(sequences: readonly SequenceLength[], capacity: number, tile: number): BaselineWork {
  const { required, ...whole } = workOf(sequences);
  const tiles = causalTiles(
    sequences.map((sequence) => sequence.tokens),
    tile,
  );
  const computed = { tokens: required.tokens, readRows: required.readRows, computedPairs: tiles * tile ** 2 };
  return { ...whole, bins: Math.ceil(whole.tokens / capacity), required, computed };
}

/**
 * Naive pairing without packing, as trainers do it with one pair a device: each pair a forward pass over two rows, the
 * shorter padded to the longer. The LM head is counted on response rows only, as everywhere here.
 */
export function unpackedWork(sequences: readonly SequenceLength[], tile: number): BaselineWork {
  const { required, ...whole } = workOf(sequences);
  let tokens = 0;
  let tiles = 0;
  for (let chosen = 0; chosen < sequences.length; chosen += 2) {
    const longest = Math.max(...sequences.slice(chosen, chosen + 2).map((sequence) => sequence.tokens));
    const across = Math.ceil(longest / tile);
    tokens += 2 * longest;
    tiles += across * (across + 1);
  }
  const computed = { tokens, readRows: required.readRows, computedPairs: tiles * tile ** 2 };
  return { ...whole, bins: sequences.length / 2, required, computed };
}

/** Visible pairs of one sequence by itself: a token sees those before it, the last `window` of them. */
function causalPairs(length: number, window = length): number {
  const short = Math.min(length, window);
  return (short * (short + 1)) / 2 + (length - short) * window;
}

/** Sequences whole, and what they require: not their last tokens, which nothing reads. */
function workOf(sequences: readonly SequenceLength[]): Pick<BaselineWork, 'tokens' | 'visiblePairs' | 'required'> {
  const sum = (value: (sequence: SequenceLength) => number): number => sequences.reduce((total, one) => total + value(one), 0);
  return {
    tokens: sum(({ tokens }) => tokens),
    visiblePairs: sum(({ tokens }) => causalPairs(tokens)),
    required: {
      tokens: sum(({ tokens }) => tokens - 1),
      readRows: sum(({ response }) => response),
      visiblePairs: sum(({ tokens }) => causalPairs(tokens - 1)),
      pairsWithin: (window) => sum(({ tokens }) => causalPairs(tokens - 1, window)),
    },
  };
}

/**
 * The sequences of a bin as lengths, by the plan's numbers of them. Targets are ordered, so the last one of a sequence
 * scores its last token.
 */
export function binSequences(plan: PlanArrays, bin: number): Map<number, SequenceLength> {
  const { binStart, targetStart, targetRow, targetSequence, position } = plan;
  const byId = new Map<number, SequenceLength>();
  const end = targetStart[bin + 1] as number;
  for (let first = targetStart[bin] as number; first < end; ) {
    const id = targetSequence[first] as number;
    let next = first + 1;
    while (next < end && targetSequence[next] === id) next++;
    const lastRow = (binStart[bin] as number) + (targetRow[next - 1] as number);
    byId.set(id, { tokens: (position[lastRow] as number) + 2, response: next - first });
    first = next;
  }
  return byId;
}

/** The step's sequences as lengths, the two of each pair behind each other. */
export function stepSequences(plan: PlanArrays, step: number): SequenceLength[] {
  const { stepBinStart, stepPairStart } = plan;
  const byId = new Map<number, SequenceLength>();
  for (let bin = stepBinStart[step] as number; bin < (stepBinStart[step + 1] as number); bin++) {
    for (const [id, sequence] of binSequences(plan, bin)) byId.set(id, sequence);
  }
  const sequences: SequenceLength[] = [];
  for (let pair = stepPairStart[step] as number; pair < (stepPairStart[step + 1] as number); pair++) {
    for (const ids of [plan.pairChosen, plan.pairRejected]) {
      sequences.push(byId.get(ids[pair] as number) as SequenceLength);
    }
  }
  return sequences;
}

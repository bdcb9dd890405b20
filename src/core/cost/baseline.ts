import type { BinWork } from '../model/flops.js';
import type { PlanArrays } from '../plan/plan.js';
import { countCausalTiles, tileSize } from './tiles.js';
import type { TimedWork } from './time.js';

/** What a step's pairs take without sharing. */
export interface BaselineWork {
  /** Forward passes over a row of tokens. */
  readonly bins: number;
  /** Required, of all bins. */
  readonly required: BinWork;
  /** Computed: with padding, in whole tiles. */
  readonly computed: TimedWork;
}

/** A sequence of a plan, whole: its prompt and its response. */
interface SequenceLength {
  readonly tokens: number;
  readonly response: number;
}

/**
 * Naive pairing with packing: every sequence with its own prompt, in as few bins as their tokens fill. Tiles are those of
 * the sequences one behind the other.
 */
export function naiveWork(plan: PlanArrays, step: number, capacity: number): BaselineWork {
  const sequences = [...stepSequences(plan, step).values()];
  const required = requiredWork(sequences);
  const { full, partial } = countCausalTiles(sequences.map(({ tokens }) => tokens));
  const { tokens, readRows } = required;
  return { bins: Math.ceil(tokens / capacity), required, computed: { tokens, readRows, tiles: full + partial } };
}

/**
 * Naive pairing without packing, as trainers do it with one pair a device: each pair a forward pass over two rows, the
 * shorter padded to the longer. The LM head is counted on response rows only, as everywhere here.
 */
export function unpackedWork(plan: PlanArrays, step: number): BaselineWork {
  const byId = stepSequences(plan, step);
  const required = requiredWork([...byId.values()]);
  const [begin, end] = [plan.stepPairStart[step] as number, plan.stepPairStart[step + 1] as number];
  let tokens = 0;
  let tiles = 0;
  for (let pair = begin; pair < end; pair++) {
    const ids = [plan.pairChosen[pair] as number, plan.pairRejected[pair] as number];
    const longest = Math.max(...ids.map((id) => byId.get(id)?.tokens ?? 0));
    const across = Math.ceil(longest / tileSize);
    tokens += 2 * longest;
    tiles += across * (across + 1);
  }
  return { bins: end - begin, required, computed: { tokens, readRows: required.readRows, tiles } };
}

function requiredWork(sequences: readonly SequenceLength[]): BinWork {
  let [tokens, readRows, visiblePairs] = [0, 0, 0];
  for (const sequence of sequences) {
    tokens += sequence.tokens;
    readRows += sequence.response;
    visiblePairs += (sequence.tokens * (sequence.tokens + 1)) / 2;
  }
  return { tokens, readRows, visiblePairs };
}

/** The step's sequences by id: targets are ordered, so the last one of a sequence scores its last token. */
function stepSequences(plan: PlanArrays, step: number): Map<number, SequenceLength> {
  const { stepBinStart, binStart, targetStart, targetRow, targetSequence, position } = plan;
  const sequences = new Map<number, SequenceLength>();
  for (let bin = stepBinStart[step] as number; bin < (stepBinStart[step + 1] as number); bin++) {
    const end = targetStart[bin + 1] as number;
    for (let first = targetStart[bin] as number; first < end;) {
      const id = targetSequence[first] as number;
      let next = first + 1;
      while (next < end && targetSequence[next] === id) next++;
      const lastRow = (binStart[bin] as number) + (targetRow[next - 1] as number);
      sequences.set(id, { tokens: (position[lastRow] as number) + 2, response: next - first });
      first = next;
    }
  }
  return sequences;
}

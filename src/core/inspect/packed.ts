import { MASK_ROLES } from '../mask/index.js';
import { stepCount, type Plan } from '../plan/index.js';
import { packNaively } from './naive.js';
import type { PairOfSequence } from './sequences.js';

/** Bins as stacks of segments. Sizes: S steps, B bins, G segments. */
export interface PackedBins {
  /** [S+1] bins of step s */
  readonly stepStart: Int32Array;
  /** [B+1] segments of bin b */
  readonly segmentStart: Int32Array;
  /** [G] tokens */
  readonly segmentLength: Int32Array;
  /** [G] index into `MASK_ROLES` */
  readonly segmentRole: Int32Array;
  /** [G] the plan's number of the pair, -1 when several pairs' sequences go through it */
  readonly segmentPair: Int32Array;
}

/** The bins of a plan. */
export function packedBins(plan: Plan): PackedBins {
  return {
    stepStart: plan.stepBinStart,
    segmentStart: plan.segmentStart,
    segmentLength: plan.segmentEnd.map((end, segment) => end - plan.segmentBegin[segment]!),
    segmentRole: plan.segmentRole,
    segmentPair: plan.segmentPair,
  };
}

/** Sequences of a plan by number: their lengths in tokens, and of these the prompt's. */
export interface SequenceLengths {
  readonly prompt: Int32Array;
  readonly whole: Int32Array;
}

/** Told by the targets: the first lies on the prompt's last token, the last before the sequence's last. */
export function sequenceLengths(plan: Plan): SequenceLengths {
  const prompt = new Int32Array(plan.sequenceReference.length);
  const whole = new Int32Array(plan.sequenceReference.length);
  for (let bin = 0; bin + 1 < plan.binStart.length; bin++) {
    const start = plan.binStart[bin]!;
    for (let target = plan.targetStart[bin]!; target < plan.targetStart[bin + 1]!; target++) {
      const sequence = plan.targetSequence[target]!;
      const depth = plan.position[start + plan.targetRow[target]!]!;
      // Ordered by position: the first is the shallowest.
      if (whole[sequence] === 0) prompt[sequence] = depth + 1;
      whole[sequence] = depth + 2;
    }
  }
  return { prompt, whole };
}

/** The same steps without sharing: every sequence with its own prompt, packed into bins of the same capacity. */
export async function packedNaively(plan: Plan, owners: PairOfSequence, lengths: SequenceLengths): Promise<PackedBins> {
  const stepStart = new Int32Array(stepCount(plan) + 1);
  const segmentStart = [0];
  const [length, role, pair]: [number[], number[], number[]] = [[], [], []];
  for (let step = 0; step < stepCount(plan); step++) {
    const sequences = sequencesOfStep(plan, step);
    const sizes = sequences.map((sequence) => ({ pair: owners.pair(sequence), tokens: lengths.whole[sequence]! }));
    for (const bin of await packNaively(sizes, plan.metadata.capacity)) {
      for (const index of bin) {
        const sequence = sequences[index]!;
        const prompt = lengths.prompt[sequence]!;
        length.push(prompt, lengths.whole[sequence]! - prompt);
        role.push(0, MASK_ROLES.indexOf(owners.side(sequence)));
        pair.push(owners.pair(sequence), owners.pair(sequence));
      }
      segmentStart.push(length.length);
    }
    stepStart[step + 1] = segmentStart.length - 1;
  }
  return {
    stepStart,
    segmentStart: Int32Array.from(segmentStart),
    segmentLength: Int32Array.from(length),
    segmentRole: Int32Array.from(role),
    segmentPair: Int32Array.from(pair),
  };
}

/** In the order of the pairs, each once. */
function sequencesOfStep(plan: Plan, step: number): number[] {
  const sequences = new Set<number>();
  for (let pair = plan.stepPairStart[step]!; pair < plan.stepPairStart[step + 1]!; pair++) {
    sequences.add(plan.pairChosen[pair]!);
    sequences.add(plan.pairRejected[pair]!);
  }
  return [...sequences];
}

/** Tokens of each bin by role. @returns [4·B], the roles of bin 0 first */
export function roleTokens({ segmentStart, segmentLength, segmentRole }: PackedBins): Int32Array {
  const roles = MASK_ROLES.length;
  const tokens = new Int32Array(roles * (segmentStart.length - 1));
  for (let bin = 0; bin + 1 < segmentStart.length; bin++) {
    for (let segment = segmentStart[bin]!; segment < segmentStart[bin + 1]!; segment++) {
      tokens[roles * bin + segmentRole[segment]!]! += segmentLength[segment]!;
    }
  }
  return tokens;
}

/** Bins `[from, to)` alone. `stepStart` stays that of the whole. */
export function sliceBins(bins: PackedBins, from: number, to: number): PackedBins {
  const [first, last] = [bins.segmentStart[from]!, bins.segmentStart[to]!];
  return {
    stepStart: bins.stepStart,
    segmentStart: bins.segmentStart.slice(from, to + 1).map((segment) => segment - first),
    segmentLength: bins.segmentLength.slice(first, last),
    segmentRole: bins.segmentRole.slice(first, last),
    segmentPair: bins.segmentPair.slice(first, last),
  };
}

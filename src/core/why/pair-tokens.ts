import { PairOfSequence, sequencesOf } from '../inspect/sequences.js';
import { binCount, type Plan } from '../plan/index.js';

/** A pair's token ids: both sequences with their prompt, and how many tokens of that are not scored. */
export interface PairTokens {
  readonly chosen: Int32Array;
  readonly rejected: Int32Array;
  readonly promptLength: number;
}

/** The tokens of some pairs of a plan, by the plan's number of each. */
export function tokensOfPairs(plan: Plan, wanted: ReadonlySet<number>): Map<number, PairTokens> {
  const owners = new PairOfSequence(plan);
  const found = new Map<number, { chosen?: Int32Array; rejected?: Int32Array; promptLength: number }>();
  for (let bin = 0; bin < binCount(plan); bin++) {
    if (!hasWanted(plan, owners, bin, wanted)) continue;
    const start = plan.binStart[bin]!;
    for (const { pair, side, promptLength, rows } of sequencesOf(plan, owners, bin)) {
      if (!wanted.has(pair)) continue;
      const tokens = rows.map((row) => plan.tokens[start + row]!);
      found.set(pair, { ...found.get(pair), [side]: tokens, promptLength });
    }
  }
  const whole = new Map<number, PairTokens>();
  for (const [pair, { chosen, rejected, promptLength }] of found) {
    if (chosen !== undefined && rejected !== undefined) whole.set(pair, { chosen, rejected, promptLength });
  }
  return whole;
}

function hasWanted(plan: Plan, owners: PairOfSequence, bin: number, wanted: ReadonlySet<number>): boolean {
  let last = -1;
  for (let target = plan.targetStart[bin]!; target < plan.targetStart[bin + 1]!; target++) {
    const sequence = plan.targetSequence[target]!;
    if (sequence !== last && wanted.has(owners.pair(sequence))) return true;
    last = sequence;
  }
  return false;
}

/** So many of a list, evenly spread over it, in order. */
export function spread<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length <= most) return all;
  return Array.from({ length: most }, (_, i) => all[Math.floor(((i + 0.5) * all.length) / most)]!);
}

/** How the responses of one row make pairs: every better one over every worse one, or the best one over each other. */
export const PAIRINGS = ['all', 'best'] as const;

export interface PairingOptions {
  readonly pairing: (typeof PAIRINGS)[number];
  /** Least difference between two scores that makes a pair. Equal scores never make one. */
  readonly minMargin: number;
}

/** What became of the pairs that rows could have made. */
export interface PairCounts {
  readonly made: number;
  /** Of equal rank or score, or closer than `minMargin`. */
  readonly dropped: number;
}

/** Pairs of one row as indices: [the better response, the worse one]. */
export interface IndexPairs {
  readonly pairs: readonly (readonly [number, number])[];
  readonly dropped: number;
}

/** Scores are decimal fractions: 7.3 over 7 is meant to be a margin of 0.3, and falls just short of it in binary. */
const ROUNDING = 1e-9;

/**
 * Pairs a list of chosen responses with a list of rejected ones. `best` takes the first of the chosen.
 *
 * @param chosen, rejected how many there are
 */
export function pairLists(chosen: number, rejected: number, { pairing }: PairingOptions): IndexPairs {
  const pairs: [number, number][] = [];
  for (let better = 0; better < (pairing === 'best' ? 1 : chosen); better++) {
    for (let worse = 0; worse < rejected; worse++) pairs.push([better, worse]);
  }
  return { pairs, dropped: 0 };
}

/**
 * Pairs responses by their scores, higher being better. `best` takes the first of those with the highest score.
 *
 * @param scores one for each response, in the row's order
 */
export function pairScores(scores: readonly number[], { pairing, minMargin }: PairingOptions): IndexPairs {
  const order = scores.map((_, index) => index).sort((a, b) => scores[b]! - scores[a]! || a - b);
  const pairs: [number, number][] = [];
  let dropped = 0;
  for (let i = 0; i < (pairing === 'best' ? 1 : order.length); i++) {
    for (let j = i + 1; j < order.length; j++) {
      const [better, worse] = [order[i]!, order[j]!];
      const margin = scores[better]! - scores[worse]!;
      if (margin > 0 && margin >= minMargin - ROUNDING) pairs.push([better, worse]);
      else dropped++;
    }
  }
  return { pairs, dropped };
}

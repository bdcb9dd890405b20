import type { PlanPairs } from '../plan/index.js';
import { labelEvidence } from './evidence.js';
import { PAIR_VALUES } from './record.js';
import type { PairRow } from './pair-row.js';

/** Adds up what was recorded of each pair, one of a later epoch with its own of an earlier one. */
export class GatheredPairs {
  readonly #plan: PlanPairs;
  readonly #startsAtZero: boolean;
  /** [P] The first of the plan's pairs that is the same. */
  readonly #same: Int32Array;
  readonly #seen: Int32Array;
  readonly #step: Int32Array;
  readonly #start: Float32Array;
  /** [P · 5] The latest values. */
  readonly #values: Float32Array;
  readonly #evidence: Float64Array;
  readonly #chances: Int32Array;
  readonly #wins: Int32Array;
  /** Pairs and margins of the series under way. */
  #pairs: number[] = [];
  #margins: number[] = [];

  /** @param startsAtZero see `PairRow.start` */
  constructor(plan: PlanPairs, startsAtZero: boolean) {
    const count = plan.pairRow.length;
    this.#plan = plan;
    this.#startsAtZero = startsAtZero;
    this.#same = samePairs(plan);
    this.#seen = new Int32Array(count);
    this.#step = new Int32Array(count);
    this.#start = new Float32Array(count);
    this.#values = new Float32Array(count * PAIR_VALUES);
    this.#evidence = new Float64Array(count);
    this.#chances = new Int32Array(count);
    this.#wins = new Int32Array(count);
  }

  /** @param values [pairs · 5] of the plan's pairs from `first` on */
  add(step: number, first: number, values: Float32Array): void {
    for (let i = 0; i * PAIR_VALUES < values.length; i++) {
      const pair = this.#same[first + i]!;
      const own = values.subarray(i * PAIR_VALUES, (i + 1) * PAIR_VALUES);
      const margin = own[2]!;
      if (this.#seen[pair]! === 0 && !this.#startsAtZero) this.#start[pair] = margin;
      this.#seen[pair]!++;
      this.#step[pair] = step;
      this.#values.set(own, pair * PAIR_VALUES);
      this.#pairs.push(pair);
      this.#margins.push(margin);
    }
  }

  /** What was added since the last call is told from its neighbours: so many on each side. */
  endSeries(neighbours: number): void {
    const { evidence, around } = labelEvidence(Float32Array.from(this.#margins), neighbours);
    this.#pairs.forEach((pair, i) => {
      this.#evidence[pair]! += evidence[i]!;
      if (around[i]! <= 0) return;
      this.#chances[pair]!++;
      if (this.#margins[i]! > 0) this.#wins[pair]!++;
    });
    this.#pairs = [];
    this.#margins = [];
  }

  /** [P] Of each pair its place among those of its row, in the order of the dataset. */
  #nths(): Int32Array {
    const { pairRow } = this.#plan;
    const nths = new Int32Array(pairRow.length);
    const order = pairsByRow(this.#plan, this.#same);
    for (let at = 1; at < order.length; at++) {
      const [before, pair] = [order[at - 1]!, order[at]!];
      if (pairRow[before] === pairRow[pair]) nths[pair] = nths[before]! + 1;
    }
    return nths;
  }

  /** Of the pairs that were seen, in the plan's order. */
  rows(): PairRow[] {
    const { pairRow, pairSource, metadata, pairChosen, pairRejected, responseTokens } = this.#plan;
    const rows: PairRow[] = [];
    const nths = this.#nths();
    for (let pair = 0; pair < pairRow.length; pair++) {
      const seen = this.#seen[pair]!;
      if (seen === 0) continue;
      const [loss, rewardChosen, now, logpChosen, logpRejected] = this.#values.subarray(
        pair * PAIR_VALUES,
        (pair + 1) * PAIR_VALUES,
      ) as unknown as [number, number, number, number, number];
      const start = this.#start[pair]!;
      rows.push({
        pair,
        row: pairRow[pair]!,
        nth: nths[pair]!,
        source: pairSource === undefined ? undefined : metadata.sources?.[pairSource[pair]!],
        chosenTokens: responseTokens[pairChosen[pair]!]!,
        rejectedTokens: responseTokens[pairRejected[pair]!]!,
        seen,
        step: this.#step[pair]!,
        start,
        now,
        change: seen > 1 || this.#startsAtZero ? now - start : undefined,
        loss,
        rewardChosen,
        logpChosen,
        logpRejected,
        evidence: this.#evidence[pair]! / seen,
        chances: this.#chances[pair]!,
        wins: this.#wins[pair]!,
      });
    }
    return rows;
  }
}

/** Of each pair of a plan the first that is the same, of an earlier epoch. A plan may have millions: no text is made for each. */
export function samePairs({ pairRow, pairChosen, pairRejected, sequenceReference }: PlanPairs): Int32Array {
  // Of a chosen sequence the last of its different pairs, and of each such pair the one before it.
  const lastOf = new Int32Array(sequenceReference.length).fill(-1);
  const before = new Int32Array(pairRow.length).fill(-1);
  return pairRow.map((row, pair) => {
    const [chosen, rejected] = [sequenceReference[pairChosen[pair]!]!, sequenceReference[pairRejected[pair]!]!];
    const last = lastOf[chosen]!;
    for (let known = last; known >= 0; known = before[known]!) {
      if (pairRow[known] === row && sequenceReference[pairRejected[known]!] === rejected) return known;
    }
    before[pair] = last;
    lastOf[chosen] = pair;
    return pair;
  });
}

/**
 * The different pairs of a plan by row, those of one row in the order of the dataset: keys of sequences are in that order.
 *
 * @param same see {@link samePairs}
 */
export function pairsByRow({ pairRow, pairChosen, sequenceReference }: PlanPairs, same: Int32Array): Int32Array {
  const key = (pair: number): number => sequenceReference[pairChosen[pair]!]!;
  const order = new Int32Array(same.length);
  // Of each key where its next pair goes: keys are numbers below the number of sequences, and pairs are many.
  const places = new Int32Array(sequenceReference.length + 1);
  same.forEach((first, pair) => first === pair && places[key(pair) + 1]!++);
  for (let at = 1; at < places.length; at++) places[at]! += places[at - 1]!;
  const count = places.at(-1)!;
  same.forEach((first, pair) => first === pair && (order[places[key(pair)]!++] = pair));
  const sorted = order.subarray(0, count);
  // Rows rise with keys, but where a weight has pairs stand there again.
  const rises = sorted.every((pair, at) => at === 0 || pairRow[sorted[at - 1]!]! <= pairRow[pair]!);
  return rises ? sorted : sorted.sort((a, b) => pairRow[a]! - pairRow[b]! || key(a) - key(b));
}

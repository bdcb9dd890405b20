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

  /** Of the pairs that were seen, in the plan's order. */
  rows(): PairRow[] {
    const { pairRow, pairSource, metadata, pairChosen, pairRejected, responseTokens } = this.#plan;
    const rows: PairRow[] = [];
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

/** Of each pair of a plan the first that is the same, of an earlier epoch. Million pairs: no text is made for each. */
export function samePairs({ pairRow, pairChosen, pairRejected, sequenceReference }: PlanPairs): Int32Array {
  /** Of a row the last of its different pairs, and of each such pair the one before it of its row. */
  const lastOfRow = new Map<number, number>();
  const before = new Int32Array(pairRow.length).fill(-1);
  const key = (side: Int32Array, pair: number): number => sequenceReference[side[pair]!]!;
  return pairRow.map((row, pair) => {
    const last = lastOfRow.get(row) ?? -1;
    for (let known = last; known >= 0; known = before[known]!) {
      if (key(pairChosen, known) === key(pairChosen, pair) && key(pairRejected, known) === key(pairRejected, pair)) return known;
    }
    before[pair] = last;
    lastOfRow.set(row, pair);
    return pair;
  });
}

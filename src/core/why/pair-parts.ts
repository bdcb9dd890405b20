import type { Plan } from '../plan/index.js';
import { minus } from '../text/signed.js';
import type { PairChange } from './changes.js';
import { type ChangePart, pairPart, quarters } from './decompose.js';
import { editCells, editDistance } from './edit-distance.js';
import { spread, tokensOfPairs } from './pair-tokens.js';

/** Pairs whose responses are compared token by token at most, and what that may take all together. */
const MOST_COMPARED = 2000;
const MOST_CELLS = 2e9;

/** Bounds of the normalised edit distance, and what lies below each. */
const DISTANCES: readonly (readonly [below: number, label: string])[] = [
  [0.25, 'nearly the same (distance below 0.25)'],
  [0.5, 'much the same (0.25 to 0.5)'],
  [0.75, 'half the same (0.5 to 0.75)'],
  [Infinity, 'different (0.75 and more)'],
];
/** Those that are near to each other. */
export const NEAR_LABELS: readonly string[] = [DISTANCES[0]![1], DISTANCES[1]![1]];
export const LONGER_LABELS = ['chosen longer', 'the same length', 'chosen shorter'] as const;

/** What a run's change is told apart by, of what is known of each pair without its tokens. */
export function partsOfPairs(pairs: readonly PairChange[]): ChangePart[] {
  const range = (low: number, high: number): string => (low === high ? grouped(low) : `${grouped(low)} to ${grouped(high)}`);
  const lengths = quarters(
    pairs.map(({ chosenTokens }) => chosenTokens),
    (low, high) => `${range(low, high)} tokens`,
  );
  const before = quarters(
    pairs.map((pair) => pair.before),
    (low, high) => (low === high ? `${nats(low)} nats a token` : `${nats(low)} to ${nats(high)} nats a token`),
  );
  return [
    pairPart('source', 'By source', pairs, ({ source = 'without a source' }) => source),
    pairPart('length', 'By length of the chosen response', pairs, (pair) => lengths.labelOf(pair.chosenTokens), lengths.order),
    pairPart('longer', 'By which response is longer', pairs, longerLabel, LONGER_LABELS),
    pairPart('familiarity', 'By how likely the chosen response was before', pairs, (pair) => before.labelOf(pair.before), before.order),
  ].filter((part) => part !== undefined);
}

function longerLabel({ chosenTokens, rejectedTokens }: PairChange): string {
  const [longer, same, shorter] = LONGER_LABELS;
  return chosenTokens > rejectedTokens ? longer : chosenTokens < rejectedTokens ? shorter : same;
}

/** By how near the responses of each pair are to each other; of many pairs, of some that are spread over all. */
export function overlapPart(plan: Plan, pairs: readonly PairChange[]): ChangePart | undefined {
  const compared = spread(pairs, MOST_COMPARED);
  const tokens = tokensOfPairs(plan, new Set(compared.map(({ pair }) => pair)));
  let cells = 0;
  const labels = new Map<number, string>();
  for (const { pair } of compared) {
    const own = tokens.get(pair);
    if (own === undefined) continue;
    const [chosen, rejected] = [own.chosen.subarray(own.promptLength), own.rejected.subarray(own.promptLength)];
    cells += editCells(chosen, rejected);
    if (cells > MOST_CELLS) break;
    const distance = editDistance(chosen, rejected);
    labels.set(pair, DISTANCES.find(([below]) => distance < below)![1]);
  }
  const known = compared.filter(({ pair }) => labels.has(pair));
  const order = DISTANCES.map(([, label]) => label);
  return pairPart('overlap', 'By overlap with the rejected response', known, ({ pair }) => labels.get(pair)!, order);
}

function nats(value: number): string {
  return minus(value.toFixed(2));
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

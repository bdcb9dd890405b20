import type { PairRow } from './pair-row.js';
import type { PairTable } from './table.js';

/** A question that the pairs of a run answer. */
export interface PairView {
  readonly label: string;
  /** What it shows, and how far that can be trusted. */
  readonly help: string;
  /** The pairs it is about, the clearest first. */
  readonly select: (table: PairTable) => readonly PairRow[];
}

export const PAIR_VIEWS = {
  worse: {
    label: 'Got worse',
    help: 'the margin fell, that which fell furthest first',
    select: ({ pairs }) => sorted(pairs, ({ change = 0 }) => change).filter(({ change = 0 }) => change < 0),
  },
  'never-learned': {
    label: 'Never learned',
    help: 'the margin was not above 0 whenever that of the other pairs was, the lowest first',
    select: ({ pairs }) => sorted(pairs, ({ now }) => now).filter(({ chances, wins }) => chances > 0 && wins === 0),
  },
  mislabelled: {
    label: 'Probably mislabelled',
    help: 'the margin fell while that of the other pairs rose, the clearest first; a pair that is only hard looks the same',
    select: ({ pairs }) => mislabelledOrder(pairs).filter(({ evidence }) => evidence < 0),
  },
  long: {
    label: 'Long wins only because long',
    help: 'the chosen response is longer and wins in sum, but not per token; not for losses whose rewards are per token',
    select: ({ pairs, isPerToken }) => (isPerToken ? [] : sorted(pairs.filter(winsByLength), perTokenMargin)),
  },
} as const satisfies Readonly<Record<string, PairView>>;

export type PairViewName = keyof typeof PAIR_VIEWS;
export const PAIR_VIEW_NAMES = Object.keys(PAIR_VIEWS) as readonly PairViewName[];

/** All pairs, that whose label is most likely wrong first. */
function mislabelledOrder(pairs: readonly PairRow[]): PairRow[] {
  return sorted(pairs, ({ evidence }) => evidence);
}

function winsByLength(pair: PairRow): boolean {
  return pair.now > 0 && pair.chosenTokens > pair.rejectedTokens && perTokenMargin(pair) <= 0;
}

/** The margin, were rewards means over a response's tokens. */
function perTokenMargin({ now, rewardChosen, chosenTokens, rejectedTokens }: PairRow): number {
  return rewardChosen / Math.max(1, chosenTokens) - (rewardChosen - now) / Math.max(1, rejectedTokens);
}

/** By a number, rising; what is none comes last. Equal ones stay in order. */
export function sorted(pairs: readonly PairRow[], by: (pair: PairRow) => number): PairRow[] {
  const rank = (pair: PairRow): number => {
    const value = by(pair);
    return Number.isNaN(value) ? Infinity : value;
  };
  return [...pairs].sort((a, b) => {
    const [left, right] = [rank(a), rank(b)];
    return left === right ? 0 : left - right;
  });
}

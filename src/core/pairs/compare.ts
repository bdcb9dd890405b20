import { type PairedDifference, pairedBootstrap } from '../statistics/index.js';
import { commonPairs, type EvaluatedPairs } from './evaluated.js';
import { PAIR_VALUES } from './record.js';

/** What two runs are compared by, pair by pair. */
export const COMPARED_METRICS = ['loss', 'accuracy', 'margin'] as const;
export type ComparedMetric = (typeof COMPARED_METRICS)[number];

/** Two runs on the evaluation pairs that both have. */
export interface PairedComparison {
  readonly pairs: number;
  /** Pairs of each evaluation, also those that the other does not have. */
  readonly of: readonly [number, number];
  readonly steps: readonly [number, number];
  /** Whether loss and margin of both are measured alike: by one loss, against one reference. */
  readonly isSameMeasure: boolean;
  /** Second less first. */
  readonly differences: Readonly<Record<ComparedMetric, PairedDifference>>;
}

/** Why two runs cannot be compared pair by pair. */
export interface NotComparable {
  readonly problem: string;
}

/** A paired bootstrap over the pairs that two evaluations have in common. */
export function comparePairs(
  a: EvaluatedPairs | undefined,
  b: EvaluatedPairs | undefined,
  names: readonly [string, string],
  isSameMeasure: boolean,
): PairedComparison | NotComparable {
  const missing = [a, b].indexOf(undefined);
  if (a === undefined || b === undefined) return { problem: `${names[missing]} has no record of evaluated pairs` };
  const common = commonPairs(a.plan, b.plan);
  if (common === undefined) return { problem: 'they evaluate other datasets, with other tokenizers' };
  const pairs = common.first.length;
  if (pairs === 0) return { problem: 'their evaluations have no pair in common' };
  const difference = (value: (values: Float32Array, at: number) => number): Float64Array =>
    Float64Array.from(
      { length: pairs },
      (_, i) => value(b.values, common.second[i]! * PAIR_VALUES) - value(a.values, common.first[i]! * PAIR_VALUES),
    );
  const columns = {
    loss: difference((values, at) => values[at]!),
    accuracy: difference((values, at) => (values[at + 2]! > 0 ? 1 : 0)),
    margin: difference((values, at) => values[at + 2]!),
  };
  if (Object.values(columns).some((column) => column.some((value) => !Number.isFinite(value)))) {
    return { problem: 'the loss or margin of a pair is not a finite number' };
  }
  return {
    pairs,
    of: [a.plan.pairRow.length, b.plan.pairRow.length],
    steps: [a.step, b.step],
    isSameMeasure,
    differences: pairedBootstrap(columns),
  };
}

/** What two runs' difference in a metric says, in words: whether there is one, and how many pairs would show one. */
export function differenceText({ differences, isSameMeasure }: PairedComparison, metric: ComparedMetric): string {
  const { isShown, mean, n, pairsToShow } = differences[metric];
  if (metric !== 'accuracy' && !isSameMeasure) return 'measured by another loss or reference: says nothing';
  if (isShown) return mean < 0 === (metric === 'loss') ? 'better' : 'worse';
  const text = 'no difference shown at this size';
  if (pairsToShow === undefined || pairsToShow <= n) return text;
  const about = pairsToShow < 1000 ? pairsToShow : Number(pairsToShow.toPrecision(2));
  return `${text}; one this large takes about ${about.toLocaleString('en-US')} pairs`;
}

import { Random } from '../plan/random.js';

/** What is known of the mean difference between two runs on the same pairs. */
export interface PairedDifference {
  /** Pairs. */
  readonly n: number;
  /** Mean of the second less mean of the first. */
  readonly mean: number;
  /** The 95 % interval: percentiles of the bootstrap. */
  readonly interval: readonly [low: number, high: number];
  /** The interval leaves zero out, and is of enough pairs to be trusted. */
  readonly isShown: boolean;
  /**
   * So many pairs would show a difference of this size in four of five tries, did these pairs stand for all. Undefined where there
   * is none at all.
   */
  readonly pairsToShow: number | undefined;
}

/** Resamples, unless they took more draws than these. */
const RESAMPLES = 10_000;
const MOST_DRAWS = 50_000_000;
const LEAST_RESAMPLES = 1000;
const SEED = 20241029;
/** The bootstrap's intervals of fewer pairs are too narrow. */
const LEAST_PAIRS = 20;

/** Standard normal quantiles: of 97.5 %, for the interval, and of 80 %, for how often it is to leave zero out. */
const Z_INTERVAL = 1.959963984540054;
const Z_POWER = 0.8416212335729143;

/**
 * The paired bootstrap (Efron and Tibshirani 1993, chapter 13): pairs are drawn with replacement, and both runs are looked at on the
 * same draw. The draws are always the same, and the same for all columns.
 *
 * @param columns for each metric the difference of each pair, all of the same length
 * @param most resamples
 */
export function pairedBootstrap<Name extends string>(
  columns: Readonly<Record<Name, Float64Array>>,
  most = RESAMPLES,
): Record<Name, PairedDifference> {
  const names = Object.keys(columns) as Name[];
  const all = names.map((name) => columns[name]);
  const n = all[0]?.length ?? 0;
  if (n === 0 || all.some(({ length }) => length !== n)) throw new RangeError('the columns are empty, or not of one length');
  const resamples = Math.min(most, Math.max(LEAST_RESAMPLES, Math.floor(MOST_DRAWS / n)));
  const means = all.map(() => new Float64Array(resamples));
  const random = new Random(SEED);
  const drawn = new Int32Array(n);
  for (let resample = 0; resample < resamples; resample++) {
    for (let i = 0; i < n; i++) drawn[i] = random.below(n);
    all.forEach((column, which) => {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += column[drawn[i]!]!;
      means[which]![resample] = sum / n;
    });
  }
  return Object.fromEntries(names.map((name, which) => [name, difference(all[which]!, means[which]!.sort())])) as Record<
    Name,
    PairedDifference
  >;
}

function difference(values: Float64Array, means: Float64Array): PairedDifference {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n;
  // What a sample's spread is too small by (Efron and Tibshirani, 5.12): the interval of few pairs would be too narrow.
  const wider = n > 1 ? Math.sqrt(n / (n - 1)) : 1;
  const around = (quantile: number): number => mean + wider * (percentile(means, quantile) - mean);
  const interval = [around(0.025), around(0.975)] as const;
  return {
    n,
    mean,
    interval,
    isShown: n >= LEAST_PAIRS && (interval[0] > 0 || interval[1] < 0),
    pairsToShow:
      mean === 0 ? undefined : Math.max(LEAST_PAIRS, Math.ceil(((Z_INTERVAL + Z_POWER) ** 2 * variance * wider ** 2) / mean ** 2)),
  };
}

/** Between two values, as NumPy's default. */
export function percentile(sorted: Float64Array, quantile: number): number {
  const at = quantile * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below]!;
  return low + (at - below) * ((sorted[below + 1] ?? low) - low);
}

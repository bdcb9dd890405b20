import { studentTQuantile } from './student-t.js';

/** The mean of some numbers, and between what the mean of all there could be lies with 95 %. */
export interface MeanInterval {
  readonly n: number;
  readonly mean: number;
  /** Undefined for a single number, which says nothing of how they spread. */
  readonly interval: readonly [low: number, high: number] | undefined;
}

/** Student's interval: of a few numbers that come from about a normal distribution, such as figures of runs that differ by their seed. */
export function meanInterval(values: readonly number[]): MeanInterval | undefined {
  const n = values.length;
  if (n === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { n, mean, interval: undefined };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const half = studentTQuantile(0.975, n - 1) * Math.sqrt(squares / (n - 1) / n);
  return { n, mean, interval: [mean - half, mean + half] };
}

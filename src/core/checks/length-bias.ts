import type { Finding } from './types.js';

/** Fewer pairs than this say nothing about the rest. */
const leastPairs = 30;
/** Cohen's "medium" effect. */
const strongEffect = 0.5;
const strongShare = 0.75;

/** How response lengths differ between chosen and rejected. */
export interface LengthBias {
  readonly pairs: number;
  /** Fraction of the pairs of unequal lengths in which chosen is the longer one; 0.5 when all are equal. */
  readonly chosenLonger: number;
  /** Cohen's d of the lengths: difference of means over pooled standard deviation, above 0 when chosen is longer. */
  readonly effect: number;
}

/** Measures length bias. Lengths are UTF-16 units. */
export function measureLengthBias(
  pairs: readonly { readonly chosenLength: number; readonly rejectedLength: number }[],
): LengthBias {
  const chosen = spread(pairs.map(({ chosenLength }) => chosenLength));
  const rejected = spread(pairs.map(({ rejectedLength }) => rejectedLength));
  const pooled = Math.sqrt((chosen.variance + rejected.variance) / 2);
  const difference = chosen.mean - rejected.mean;
  const unequal = pairs.filter(({ chosenLength, rejectedLength }) => chosenLength !== rejectedLength);
  const longer = unequal.filter(({ chosenLength, rejectedLength }) => chosenLength > rejectedLength);
  return {
    pairs: pairs.length,
    chosenLonger: unequal.length === 0 ? 0.5 : longer.length / unequal.length,
    effect: difference === 0 ? 0 : difference / pooled,
  };
}

/** The bias as a finding, when it is strong. */
export function lengthBiasFinding({ pairs, chosenLonger, effect }: LengthBias): Finding | undefined {
  const isStrong = Math.abs(effect) >= strongEffect || Math.max(chosenLonger, 1 - chosenLonger) >= strongShare;
  if (pairs < leastPairs || !isStrong) return undefined;
  const [side, share] = chosenLonger >= 0.5 ? ['chosen', chosenLonger] : ['rejected', 1 - chosenLonger];
  return {
    check: 'length-bias',
    what:
      `length bias: the ${side} response is the longer one in ${Math.round(share * 100)}% of the pairs ` +
      `(Cohen's d ${effect.toFixed(2)})`,
    advice: 'the model may learn length instead of quality; balance the pairs, or use a length-normalised loss',
  };
}

/** Mean and sample variance. */
function spread(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, variance: squares / Math.max(1, values.length - 1) };
}

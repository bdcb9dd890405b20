import type { Finding } from './types.js';

/** Fewer pairs than this say nothing about the rest. */
export const LEAST_PAIRS = 30;
/** Cohen's "medium" effect. */
const STRONG_EFFECT = 0.5;
const STRONG_SHARE = 0.75;

/** How response lengths differ between chosen and rejected, counted pair by pair. Lengths are UTF-16 units. */
export class LengthBias {
  readonly #chosen = new Spread();
  readonly #rejected = new Spread();
  #longer = 0;
  #unequal = 0;
  pairs = 0;

  add(chosenLength: number, rejectedLength: number): void {
    this.pairs++;
    this.#chosen.add(chosenLength);
    this.#rejected.add(rejectedLength);
    if (chosenLength === rejectedLength) return;
    this.#unequal++;
    if (chosenLength > rejectedLength) this.#longer++;
  }

  /** Fraction of the pairs of unequal lengths in which chosen is the longer one; 0.5 when all are equal. */
  get chosenLonger(): number {
    return this.#unequal === 0 ? 0.5 : this.#longer / this.#unequal;
  }

  /** Cohen's d of the lengths: difference of means over pooled standard deviation, above 0 when chosen is longer. */
  get effect(): number {
    const difference = this.#chosen.mean - this.#rejected.mean;
    return difference === 0 ? 0 : difference / Math.sqrt((this.#chosen.variance + this.#rejected.variance) / 2);
  }

  /** Whether there are pairs enough to say so, and length alone tells much of which response is chosen. */
  get isStrong(): boolean {
    const share = Math.max(this.chosenLonger, 1 - this.chosenLonger);
    return this.pairs >= LEAST_PAIRS && (Math.abs(this.effect) >= STRONG_EFFECT || share >= STRONG_SHARE);
  }

  /** The bias as a finding, when it is strong. */
  get finding(): Finding | undefined {
    if (!this.isStrong) return undefined;
    const { chosenLonger, effect } = this;
    const [side, share] = chosenLonger >= 0.5 ? ['chosen', chosenLonger] : ['rejected', 1 - chosenLonger];
    return {
      check: 'length-bias',
      what:
        `length bias: the ${side} response is the longer one in ${Math.round(share * 100)}% of the pairs ` +
        `(Cohen's d ${effect.toFixed(2)})`,
      advice: 'the model may learn length instead of quality; balance the pairs, or use a length-normalised loss',
    };
  }
}

/** Mean and sample variance of numbers that come one by one (Welford's method). */
class Spread {
  #count = 0;
  #squares = 0;
  mean = 0;

  add(value: number): void {
    this.#count++;
    const before = value - this.mean;
    this.mean += before / this.#count;
    this.#squares += before * (value - this.mean);
  }

  get variance(): number {
    return this.#squares / Math.max(1, this.#count - 1);
  }
}

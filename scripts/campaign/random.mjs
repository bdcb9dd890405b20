/** Random numbers that are the same for the same seed (mulberry32). */
export class Random {
  #state;

  /** @param seed any whole number @param more what tells one use of a seed from another */
  constructor(seed, ...more) {
    this.#state = seed >>> 0;
    for (const part of more)
      for (const unit of String(part)) this.#state = (Math.imul(this.#state ^ unit.codePointAt(0), 0x9e3779b1) + 1) >>> 0;
    this.below(2);
  }

  /** From 0 to below 1. */
  share() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit) {
    return Math.floor(this.share() * limit);
  }

  of(list) {
    return list[this.below(list.length)];
  }

  /** True once in `times`. */
  once(times) {
    return this.below(times) === 0;
  }
}

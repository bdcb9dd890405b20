/**
 * Seeded random numbers: xoshiro128** (Blackman and Vigna, arXiv 1805.01407), its state filled by a 32-bit SplitMix
 * from the seeds. The same seeds give the same numbers on every machine and in every version.
 */
export class Random {
  readonly #state = new Uint32Array(4);

  constructor(...seeds: readonly number[]) {
    let mix = 0x9e3779b9;
    for (const seed of seeds) mix = scramble((mix ^ seed) >>> 0);
    for (let i = 0; i < 4; i++) {
      mix = (mix + 0x9e3779b9) >>> 0;
      this.#state[i] = scramble(mix);
    }
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  /** One that goes on from four words, not all zero: where the published generator starts. */
  static from(state: readonly [number, number, number, number]): Random {
    const random = new Random();
    random.#state.set(state);
    return random;
  }

  /** A whole number in [0, 2^32). */
  next(): number {
    const s = this.#state as unknown as [number, number, number, number];
    const result = Math.imul(rotateLeft(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotateLeft(s[3], 11);
    return result;
  }

  /** A whole number in [0, bound), each equally likely. */
  below(bound: number): number {
    const even = 2 ** 32 - (2 ** 32 % bound);
    let value = this.next();
    while (value >= even) value = this.next();
    return value % bound;
  }

  /** 0 … count-1 in random order (Fisher and Yates). */
  order(count: number): Int32Array {
    const order = Int32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const swapped = order[i] as number;
      order[i] = order[j] as number;
      order[j] = swapped;
    }
    return order;
  }
}

function rotateLeft(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

/** MurmurHash3's finalizer. */
function scramble(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

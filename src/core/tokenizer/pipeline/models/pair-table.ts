/** A table from pairs of numbers to a number, each 0 or more, in four bytes a number. */
export class PairTable {
  #keys: Int32Array;
  #values: Int32Array;
  #mask: number;
  #count = 0;

  constructor(expected = 16) {
    let capacity = 16;
    while (capacity < 2 * expected) capacity *= 2;
    this.#keys = new Int32Array(2 * capacity).fill(-1);
    this.#values = new Int32Array(capacity);
    this.#mask = capacity - 1;
  }

  /** -1 for a pair that is not there. */
  get(first: number, second: number): number {
    const [keys, mask] = [this.#keys, this.#mask];
    for (let slot = hash(first, second) & mask; ; slot = (slot + 1) & mask) {
      const key = keys[2 * slot] as number;
      if (key === -1) return -1;
      if (key === first && keys[2 * slot + 1] === second) return this.#values[slot] as number;
    }
  }

  /** Replaces what is there for the pair. */
  set(first: number, second: number, value: number): void {
    if (2 * this.#count > this.#mask) this.#grow();
    const [keys, mask] = [this.#keys, this.#mask];
    let slot = hash(first, second) & mask;
    while (keys[2 * slot] !== -1 && !(keys[2 * slot] === first && keys[2 * slot + 1] === second)) slot = (slot + 1) & mask;
    if (keys[2 * slot] === -1) this.#count++;
    keys[2 * slot] = first;
    keys[2 * slot + 1] = second;
    this.#values[slot] = value;
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = new Int32Array(2 * keys.length).fill(-1);
    this.#values = new Int32Array(keys.length);
    this.#mask = keys.length - 1;
    this.#count = 0;
    for (let slot = 0; slot < values.length; slot++) {
      if (keys[2 * slot] !== -1) this.set(keys[2 * slot] as number, keys[2 * slot + 1] as number, values[slot] as number);
    }
  }
}

function hash(first: number, second: number): number {
  let mixed = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

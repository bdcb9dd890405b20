/** Numbers being collected, some millions of them: a typed array that grows. */
export class Growing<A extends Uint16Array | Uint32Array | Float64Array> {
  readonly #make: (length: number) => A;
  #values: A;
  length = 0;

  /** @param make an array of so many zeros */
  constructor(make: (length: number) => A) {
    this.#make = make;
    this.#values = make(1024);
  }

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = this.#make(2 * this.length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = value;
  }

  /** @param at below `length` */
  at(at: number): number {
    return this.#values[at]!;
  }

  set(at: number, value: number): void {
    this.#values[at] = value;
  }

  /** What is there: a view that the next `push` may outdate. */
  get view(): A {
    return this.#values.subarray(0, this.length) as A;
  }
}

export const uint16 = (): Growing<Uint16Array> => new Growing((length) => new Uint16Array(length));
export const uint32 = (): Growing<Uint32Array> => new Growing((length) => new Uint32Array(length));
export const float64 = (): Growing<Float64Array> => new Growing((length) => new Float64Array(length));

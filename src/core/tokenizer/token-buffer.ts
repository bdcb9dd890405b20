/** Token ids being collected: an Int32Array that grows, so that a long text costs four bytes a token. */
export class TokenBuffer {
  #ids = new Int32Array(1024);
  length = 0;

  push(id: number): void {
    if (this.length === this.#ids.length) this.#grow(this.length + 1);
    this.#ids[this.length++] = id;
  }

  pushAll(ids: ArrayLike<number>): void {
    const end = this.length + ids.length;
    if (end > this.#ids.length) this.#grow(end);
    this.#ids.set(ids, this.length);
    this.length = end;
  }

  /** The ids `[begin, end)`: a view that the next `push` may outdate. */
  view(begin = 0, end = this.length): Int32Array {
    return this.#ids.subarray(begin, end);
  }

  #grow(least: number): void {
    const larger = new Int32Array(Math.max(least, 2 * this.#ids.length));
    larger.set(this.#ids.subarray(0, this.length));
    this.#ids = larger;
  }
}

/** A part of a file: from the first byte to before the last. */
export type Extent = readonly [begin: number, end: number];

/** Which bytes of a file have come. */
export class Extents {
  /** In order; none touches the next. */
  #all: Extent[] = [];

  add([begin, end]: Extent): void {
    if (begin >= end) return;
    const touching = this.#all.filter(([from, to]) => from <= end && to >= begin);
    const merged: Extent = [Math.min(begin, ...touching.map(([from]) => from)), Math.max(end, ...touching.map(([, to]) => to))];
    this.#all = [...this.#all.filter((extent) => !touching.includes(extent)), merged].sort(([a], [b]) => a - b);
  }

  get bytes(): number {
    return this.#all.reduce((sum, [begin, end]) => sum + end - begin, 0);
  }

  /** How much of the beginning is there. */
  get prefix(): number {
    const [begin, end] = this.#all[0] ?? [0, 0];
    return begin === 0 ? end : 0;
  }

  /** What is missing of so many bytes, in order. */
  gaps(total: number): Extent[] {
    const gaps: Extent[] = [];
    let at = 0;
    for (const [begin, end] of [...this.#all, [total, total] as const]) {
      if (at < Math.min(begin, total)) gaps.push([at, Math.min(begin, total)]);
      at = Math.max(at, end);
    }
    return gaps;
  }
}

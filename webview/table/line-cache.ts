import type { TableLine } from '../../src/core/dataset-table/index.js';

/** Lines that are asked for at a time, and such blocks that are kept. */
export const BLOCK = 50;
const MOST_BLOCKS = 60;

/** The lines of one query that have come, by their number; those not seen for longest are let go. */
export class LineCache {
  readonly #blocks = new Map<number, readonly TableLine[]>();
  #asked: number | undefined;

  /** @param ask for lines [from, to) */
  constructor(readonly ask: (from: number, to: number) => void) {}

  clear(): void {
    this.#blocks.clear();
    this.#asked = undefined;
  }

  at(index: number): TableLine | undefined {
    return this.#blocks.get(Math.floor(index / BLOCK))?.[index % BLOCK];
  }

  /** Asks for what is missing of some lines, the first of them first; one block at a time, so that what is seen now comes soon. */
  want(first: number, last: number, count: number): void {
    if (this.#asked !== undefined) return;
    for (let block = Math.floor(first / BLOCK); block * BLOCK <= last && block * BLOCK < count; block++) {
      const known = this.#blocks.get(block);
      if (known !== undefined) {
        // Seen last.
        this.#blocks.delete(block);
        this.#blocks.set(block, known);
        const most = Math.min(BLOCK, count - block * BLOCK);
        if (known.length >= most) continue;
      }
      this.#asked = block;
      this.ask(block * BLOCK, (block + 1) * BLOCK);
      return;
    }
  }

  take(from: number, lines: readonly TableLine[]): void {
    const block = Math.floor(from / BLOCK);
    if (this.#asked === block) this.#asked = undefined;
    this.#blocks.set(block, lines);
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= MOST_BLOCKS) break;
      this.#blocks.delete(oldest);
    }
  }
}

import type { TableLine } from '../../src/core/dataset-table/index.js';

/** Lines that are asked for at a time, and such blocks that are kept. */
export const BLOCK = 50;
const MOST_BLOCKS = 60;

interface Block {
  readonly lines: readonly TableLine[];
  /** More is known since it came. */
  isStale: boolean;
}

/** The lines of one query that have come, by their number; those not seen for longest are let go. */
export class LineCache {
  readonly #blocks = new Map<number, Block>();
  #asked: number | undefined;

  /** @param ask for lines [from, to) */
  constructor(readonly ask: (from: number, to: number) => void) {}

  clear(): void {
    this.#blocks.clear();
    this.#asked = undefined;
  }

  /** Lines are shown as they were until they have come again. */
  outdate(): void {
    for (const block of this.#blocks.values()) block.isStale = true;
    this.#asked = undefined;
  }

  at(index: number): TableLine | undefined {
    return this.#blocks.get(Math.floor(index / BLOCK))?.lines[index % BLOCK];
  }

  /** Asks for what is missing of some lines, the first of them first; one block at a time, so that what is seen now comes soon. */
  want(first: number, last: number, count: number): void {
    if (this.#asked !== undefined) return;
    for (let at = Math.floor(first / BLOCK); at * BLOCK <= last && at * BLOCK < count; at++) {
      const known = this.#blocks.get(at);
      if (known !== undefined) {
        // Seen last.
        this.#blocks.delete(at);
        this.#blocks.set(at, known);
        if (!known.isStale && known.lines.length >= Math.min(BLOCK, count - at * BLOCK)) continue;
      }
      this.#asked = at;
      this.ask(at * BLOCK, (at + 1) * BLOCK);
      return;
    }
  }

  take(from: number, lines: readonly TableLine[]): void {
    const at = Math.floor(from / BLOCK);
    if (this.#asked === at) this.#asked = undefined;
    this.#blocks.delete(at);
    this.#blocks.set(at, { lines, isStale: false });
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= MOST_BLOCKS) break;
      this.#blocks.delete(oldest);
    }
  }
}

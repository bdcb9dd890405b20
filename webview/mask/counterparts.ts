import { type MaskLayout, treeAt } from '../../src/core/mask/index.js';
import type { PlanSide } from '../../src/protocol/plan.js';
import type { Cell } from './viewport.js';

/** Which cells of the shared and the naive layout are of the same two tokens. */
export class Counterparts {
  /** Naive rows of shared row r: `#rows[#start[r]]` to `#rows[#start[r + 1] - 1]`, rising. */
  readonly #start: Int32Array;
  readonly #rows: Int32Array;

  /** @param sharedRow [N of naive] row of the shared layout that holds the same token of the same path */
  constructor(
    sharedRows: number,
    readonly naive: MaskLayout,
    readonly sharedRow: Int32Array,
  ) {
    this.#start = new Int32Array(sharedRows + 1);
    for (const row of sharedRow) this.#start[row + 1]!++;
    for (let row = 0; row < sharedRows; row++) this.#start[row + 1]! += this.#start[row]!;
    const next = this.#start.slice();
    this.#rows = new Int32Array(sharedRow.length);
    sharedRow.forEach((row, naive) => (this.#rows[next[row]!++] = naive));
  }

  /**
   * The same two tokens on the other side. A shared token is several naive ones: of these, two that lie in one sequence
   * where there are such.
   */
  of(side: PlanSide, { query, key }: Cell): Cell {
    if (side === 'naive') return { query: this.sharedRow[query]!, key: this.sharedRow[key]! };
    const [queries, keys] = [this.#copies(query), this.#copies(key)];
    for (const at of queries) {
      const { begin, end } = treeAt(this.naive, at);
      const together = keys.find((row) => row >= begin && row < end);
      if (together !== undefined) return { query: at, key: together };
    }
    return { query: queries[0] ?? 0, key: keys[0] ?? 0 };
  }

  #copies(row: number): Int32Array {
    return this.#rows.subarray(this.#start[row], this.#start[row + 1]);
  }
}

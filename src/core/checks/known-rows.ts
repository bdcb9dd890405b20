import type { RowCheck } from './row.js';

/**
 * What the rows of a text came to, to be found again in its next version. Rows are compared from both ends first: an
 * edit leaves few between, and only those are looked up by their text.
 */
export class KnownRows {
  readonly #texts: readonly string[];
  readonly #checks: readonly RowCheck[];
  /** How many rows at the beginning, and at the end, are the same in both versions. */
  #sameAtBegin = 0;
  #sameAtEnd = 0;
  #rowsNow = 0;
  #between = new Map<string, RowCheck>();

  /** @param texts rows of which `checks` has the results, in order; there may be more texts than checks */
  constructor(texts: readonly string[], checks: readonly RowCheck[]) {
    this.#texts = texts;
    this.#checks = checks;
  }

  /** Looks at the rows of another version of the text. */
  compare(rows: readonly string[]): void {
    const most = Math.min(this.#checks.length, rows.length);
    const [texts, checks] = [this.#texts, this.#checks];
    this.#sameAtBegin = 0;
    while (this.#sameAtBegin < most && texts[this.#sameAtBegin] === rows[this.#sameAtBegin]) this.#sameAtBegin++;
    this.#sameAtEnd = 0;
    const left = most - this.#sameAtBegin;
    while (this.#sameAtEnd < left && texts[checks.length - 1 - this.#sameAtEnd] === rows.at(-1 - this.#sameAtEnd)) {
      this.#sameAtEnd++;
    }
    this.#rowsNow = rows.length;
    this.#between = new Map();
    for (let at = this.#sameAtBegin; at < checks.length - this.#sameAtEnd; at++) {
      this.#between.set(texts[at] as string, checks[at] as RowCheck);
    }
  }

  /** What is known of the row with this number and text in the version that was compared. */
  find(row: number, text: string): RowCheck | undefined {
    if (row < this.#sameAtBegin) return this.#checks[row];
    const fromEnd = this.#rowsNow - row;
    if (fromEnd <= this.#sameAtEnd) return this.#checks[this.#checks.length - fromEnd];
    return this.#between.get(text);
  }

  /** All that is known here, after `checks` of the first rows of a newer version. */
  after(texts: readonly string[], checks: readonly RowCheck[]): KnownRows {
    return new KnownRows([...texts.slice(0, checks.length), ...this.#texts.slice(0, this.#checks.length)], [...checks, ...this.#checks]);
  }
}

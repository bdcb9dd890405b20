import type { FileMargins } from '../pairs/index.js';

export const MARGIN_COLUMNS = ['margin_start', 'margin', 'margin_change', 'seen'] as const;
export type MarginColumn = (typeof MARGIN_COLUMNS)[number];

/** The rows of a table's lines. */
interface LineRows {
  readonly length: number;
  row(line: number): number;
}

/** What became of a pair in a run; null: not known, or no number. */
export interface LineMargin {
  readonly start: number | null;
  readonly now: number | null;
  readonly change: number | null;
  /** Times that it was trained on, or evaluated; 0: it is not among the run's pairs, or was not seen yet. */
  readonly seen: number;
}

/**
 * A run's margins beside the lines of a table. A row with as many lines as the run has pairs of it has them in their order; one line that
 * was taken several times, by a weight, has them together. Of a row whose lines are not those of the run nothing is said.
 */
export class MarginColumns {
  readonly name: string;
  readonly #margins: FileMargins;
  #start = new Float32Array();
  #now = new Float32Array();
  #seen = new Int32Array();
  /** A pair that was seen once has a change. */
  #startsAtZero = new Uint8Array();
  /** Lines that are filled in, and of each part the pairs that were. */
  #lines = 0;
  readonly #at: number[];

  constructor(margins: FileMargins) {
    this.name = margins.name;
    this.#margins = margins;
    this.#at = margins.parts.map(({ row, from }) => firstNotBelow(row, from));
  }

  /** Undefined where it is not known. */
  value(columns: LineRows, line: number, column: MarginColumn): number | undefined {
    if (line >= this.#lines) this.#fill(columns);
    const seen = this.#seen[line]!;
    if (column === 'seen') return seen;
    if (seen === 0) return undefined;
    const [start, now] = [this.#start[line]!, this.#now[line]!];
    if (column === 'margin_start') return finite(start);
    if (column === 'margin') return finite(now);
    return seen > 1 || this.#startsAtZero[line] === 1 ? finite(now - start) : undefined;
  }

  of(columns: LineRows, line: number): LineMargin {
    const value = (column: MarginColumn): number | null => this.value(columns, line, column) ?? null;
    return { start: value('margin_start'), now: value('margin'), change: value('margin_change'), seen: value('seen') ?? 0 };
  }

  /** Of lines that became known since. */
  #fill(columns: LineRows): void {
    const length = columns.length;
    if (length > this.#seen.length) this.#grow(Math.max(length, 2 * this.#seen.length));
    while (this.#lines < length) {
      const row = columns.row(this.#lines);
      let next = this.#lines + 1;
      while (next < length && columns.row(next) === row) next++;
      this.#margins.parts.forEach((_, part) => this.#fillRow(part, row, this.#lines, next));
      this.#lines = next;
    }
  }

  #fillRow(part: number, row: number, line: number, end: number): void {
    const { row: rows, from, rows: count, weight, start, now, step, seen, startsAtZero } = this.#margins.parts[part]!;
    if (count !== undefined && row >= count) return;
    let first = this.#at[part]!;
    while (first < rows.length && rows[first]! < from + row) first++;
    let next = first;
    while (next < rows.length && rows[next] === from + row) next++;
    this.#at[part] = next;
    const lines = end - line;
    if (lines === 1) {
      let latest = -1;
      for (let pair = first; pair < next; pair++) {
        if (seen[pair] === 0) continue;
        this.#seen[line]! += seen[pair]!;
        if (latest < 0) this.#start[line] = start[pair]!;
        if (latest < 0 || step[pair]! > step[latest]!) latest = pair;
      }
      if (latest < 0) return;
      this.#now[line] = now[latest]!;
      this.#startsAtZero[line] = Number(startsAtZero);
      return;
    }
    // Which is which cannot be told where some were left out, or are there twice.
    if (next - first !== lines || weight !== 1) return;
    for (let at = 0; at < lines; at++) {
      this.#seen[line + at] = seen[first + at]!;
      this.#start[line + at] = start[first + at]!;
      this.#now[line + at] = now[first + at]!;
      this.#startsAtZero[line + at] = Number(startsAtZero);
    }
  }

  #grow(length: number): void {
    const larger = <A extends Float32Array | Int32Array | Uint8Array>(before: A, after: A): A => {
      after.set(before);
      return after;
    };
    this.#start = larger(this.#start, new Float32Array(length));
    this.#now = larger(this.#now, new Float32Array(length));
    this.#seen = larger(this.#seen, new Int32Array(length));
    this.#startsAtZero = larger(this.#startsAtZero, new Uint8Array(length));
  }
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

function firstNotBelow(sorted: Int32Array, least: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

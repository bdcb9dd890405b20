import { setTimeout as sleep } from 'node:timers/promises';
import { Pace } from '../work/pace.js';
import type { TableColumns } from './columns.js';
import { uint32 } from './growing.js';
import { sortedLines } from './order.js';
import { LENGTH_COLUMNS, parseTableFilter, type TableFilter, type TableQuery } from './query.js';
import type { RowTexts } from './row-texts.js';
import { eachRow } from './scan.js';
import { TextSearch } from './search.js';

/** Milliseconds between two looks at what has been found, while more may come. */
const PUBLISH = 500;
/** A look of many lines in an order takes longer; so much of the time may go into looks. */
const SHARE = 0.2;
const WAIT = 50;

/** The lines that a query finds, in its order: growing as rows become known, and while texts are searched. */
export class TableView {
  readonly #rows: RowTexts;
  readonly #columns: TableColumns;
  readonly #how: TableQuery;
  readonly #filter: TableFilter;
  /** Undefined while all lines are shown in the file's order: then nothing is held. */
  #lines: Uint32Array | undefined;
  /** Rows gone through. */
  searched = 0;
  isDone = false;

  constructor(rows: RowTexts, columns: TableColumns, how: TableQuery) {
    this.#rows = rows;
    this.#columns = columns;
    this.#how = how;
    this.#filter = parseTableFilter(how.filter, how.unit);
    const { tests, words } = this.#filter;
    const { sort } = how;
    const isPlain = tests.length === 0 && words.length === 0 && (sort === null || (sort.column === 'row' && !sort.descending));
    if (!isPlain) this.#lines = new Uint32Array();
  }

  /** What is shown changes when tokens become known. */
  get usesTokens(): boolean {
    const { sort, unit } = this.#how;
    const sortsByLength = sort !== null && (LENGTH_COLUMNS as readonly string[]).includes(sort.column);
    return this.#filter.usesTokens || (unit === 'tokens' && sortsByLength);
  }

  get count(): number {
    return this.#lines?.length ?? this.#columns.length + this.#rows.count - this.#columns.rows;
  }

  /** The known lines, in the file's order where all are shown. */
  get knownLines(): Iterable<number> {
    return this.#lines ?? range(this.#columns.length);
  }

  /** The row and pair of a line of the view; `known`: its number among those whose columns are known. */
  at(index: number): { readonly row: number; readonly pair: number; readonly known: number | undefined } {
    const line = this.#lines?.[index] ?? index;
    const { length, rows } = this.#columns;
    if (line >= length) return { row: rows + line - length, pair: 0, known: undefined };
    return { row: this.#columns.row(line), pair: this.#columns.pair(line), known: line };
  }

  /** Where a pair is; -1 where it is not. */
  find(row: number, pair: number): number {
    const { length, rows } = this.#columns;
    const line = row >= rows ? length + row - rows : this.#columns.lineOf(row) + pair;
    if (this.#lines === undefined) return line < this.count ? line : -1;
    return this.#lines.indexOf(line);
  }

  /**
   * Finds all lines.
   *
   * @param isKnown whether the columns of all rows are known
   * @param onFound there is more
   * @throws the signal's reason once it has aborted
   */
  async run(isKnown: () => boolean, onFound: () => void, signal: AbortSignal): Promise<void> {
    if (this.#lines !== undefined) await this.#search(isKnown, onFound, signal);
    this.searched = this.#rows.count;
    this.isDone = true;
    onFound();
  }

  async #search(isKnown: () => boolean, onFound: () => void, signal: AbortSignal): Promise<void> {
    const found = uint32();
    const columns = this.#columns;
    const { tests, words } = this.#filter;
    const search = words.length === 0 ? undefined : new TextSearch(words);
    const pace = new Pace({ signal });
    let publishAt = performance.now() + PUBLISH;
    const publish = (): void => {
      const begun = performance.now();
      this.#lines = sortedLines(columns, found.view.slice(), this.#how);
      onFound();
      const end = performance.now();
      publishAt = end + Math.max(PUBLISH, (end - begun) / SHARE);
    };
    const passes = (line: number): boolean => tests.every((test) => test(columns, line));
    let line = 0;
    for (;;) {
      // Before the look, so that what becomes known between the two is looked at.
      const isLast = isKnown();
      const end = columns.rows;
      if (search === undefined) {
        for (; line < columns.length; line++) {
          if (passes(line)) found.push(line);
          if ((line & 0xfff) === 0) await pace.item(() => NOTHING);
        }
        this.searched = end;
      } else {
        for await (const { row, text } of eachRow(this.#rows, this.searched)) {
          if (row >= end) break;
          const first = line;
          while (line < columns.length && columns.row(line) === row) line++;
          for (const pair of search.pairs(text.text)) if (first + pair < line && passes(first + pair)) found.push(first + pair);
          this.searched = row + 1;
          await pace.item(() => NOTHING);
          if (performance.now() >= publishAt) publish();
        }
      }
      if (isLast) break;
      if (performance.now() >= publishAt) publish();
      await sleep(WAIT, undefined, { signal });
    }
    publish();
  }
}

const NOTHING = { phase: 'search', done: 0, total: 0 };

function* range(length: number): Iterable<number> {
  for (let at = 0; at < length; at++) yield at;
}

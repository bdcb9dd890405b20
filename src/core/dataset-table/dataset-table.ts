import { setTimeout as sleep } from 'node:timers/promises';
import { LONGEST_ROW, rowTooLong } from '../dataset/row-limit.js';
import { isPlainKind } from '../dataset/file-kinds.js';
import { emptyFile } from '../dataset/source.js';
import { OtherFiles } from '../checks/service/other-files.js';
import { troubleOf } from '../checks/service/token-source.js';
import { WishboneError } from '../errors.js';
import { readFileMargins } from '../pairs/index.js';
import { readRun } from '../run/index.js';
import type { Trouble } from '../checks/index.js';
import { CHECKS, problemNames, TableColumns } from './columns.js';
import { type RowEdit, rowEdit, type TextChange } from './edit-row.js';
import { type ColumnHistogram, columnHistogram } from './histogram.js';
import type { PairKey, TableFound, TableSource, TableState } from './messages.js';
import { MarginColumns } from './margin-columns.js';
import { openRows } from './open-rows.js';
import { NUMBER_COLUMNS, type TableQuery, WHOLE_TABLE } from './query.js';
import { readRowText, type RowTexts } from './row-texts.js';
import { lineView, pairTexts, type PairView, pairView, type TableLine } from './row-view.js';
import { RowScan } from './scan.js';
import { TextRows } from './text-rows.js';
import { countTokens } from './token-counter.js';
import { TableView } from './view.js';

/** Milliseconds between two reports at least. */
const REPORT = 100;
/** Milliseconds after which a table whose order is told by tokens is put in order anew, while they are counted. */
const REORDER = 5000;
/** Milliseconds that opening waits for the first rows, and how often it looks. */
const FIRST_ROWS = 400;
const LOOK = 5;
/** Lines that are given at once at most. */
const MOST_LINES = 500;

export interface TableListener {
  readonly onState: (state: TableState) => void;
  readonly onFound: (found: TableFound) => void;
}

/**
 * A dataset as a table of pairs. Rows are found first, then what is known of each is gathered in columns, then tokens are
 * counted; what is found can be shown at once, and texts are only read of rows that somebody looks at, or searches in.
 */
export class DatasetTable {
  readonly #source: TableSource;
  readonly #rows: RowTexts;
  readonly #listener: TableListener;
  readonly #columns = new TableColumns();
  readonly #scan: RowScan;
  readonly #abort = new AbortController();
  readonly #problems = new Array<number>(CHECKS.length).fill(0);
  readonly #troubles: Trouble[] = [];
  /** Lines whose problems were counted. */
  #counted = 0;
  #isWhole = false;
  #isKnown = false;
  #isStopped = false;
  #isClosed = false;
  #found = 0;
  #isCounting: boolean;
  #reportAt = 0;
  #query = -1;
  #how: TableQuery = WHOLE_TABLE;
  #view: TableView;
  #searching = new AbortController();

  private constructor(source: TableSource, rows: RowTexts, listener: TableListener) {
    this.#source = source;
    this.#rows = rows;
    this.#listener = listener;
    this.#scan = new RowScan(rows, this.#columns);
    this.#isCounting = source.model !== undefined;
    this.#view = new TableView(rows, this.#columns, WHOLE_TABLE);
  }

  /**
   * @param folder where unpacked rows take their space
   * @throws WishboneError for a file that is none, or in which there is no row
   */
  static async open(source: TableSource, listener: TableListener, folder?: string): Promise<DatasetTable> {
    const { file, text } = source;
    if (text !== undefined) {
      const table = new DatasetTable(source, new TextRows(text, isPlainKind(file, 'json')), listener);
      table.#isWhole = true;
      void table.#know();
      return table;
    }
    const { rows, fill } = await openRows(file, folder);
    const table = new DatasetTable(source, rows, listener);
    const { signal } = table.#abort;
    const onProgress = ({ done, total }: { done: number; total: number }): void => {
      table.#found = total === 0 ? 0 : done / total;
      table.#report();
    };
    let failure: unknown;
    const filled = fill({ signal, onProgress })
      .then(() => {
        if (rows.count === 0) throw emptyFile(file);
      })
      .catch((error: unknown) => {
        failure = error;
      })
      .then(() => (table.#isWhole = true));
    for (let waited = 0; waited < FIRST_ROWS && rows.count === 0 && !table.#isWhole; waited += LOOK) await sleep(LOOK);
    if (failure !== undefined && rows.count === 0) {
      await rows.close();
      throw failure;
    }
    void filled.then(async () => {
      if (failure !== undefined && !signal.aborted) table.#troubles.push(troubleIn(failure));
      table.#report(true);
      await table.#know();
    });
    return table;
  }

  get state(): TableState {
    this.#countProblems();
    const { length, rows, tokenRows, sources } = this.#columns;
    return {
      rows: this.#rows.count,
      isWhole: this.#isWhole,
      found: this.#isWhole ? 1 : this.#found,
      known: rows,
      lines: length + this.#rows.count - rows,
      counted: this.#isCounting ? tokenRows : undefined,
      isStopped: this.#isStopped,
      troubles: this.#troubles,
      sources: sources.slice(1, 200).map((name) => name!),
      problems: Object.fromEntries(CHECKS.flatMap((check, at) => (this.#problems[at]! > 0 ? [[check, this.#problems[at]!]] : []))),
    };
  }

  /** Looks at the table another way. @returns null when somebody asked for another meanwhile */
  async query(query: number, how: TableQuery): Promise<TableFound | null> {
    this.#query = query;
    this.#how = how;
    await this.#lookAnew();
    return query === this.#query ? this.#foundNow() : null;
  }

  /** @returns null for a query that is not the last */
  async lines(query: number, from: number, to: number): Promise<TableLine[] | null> {
    if (query !== this.#query) return null;
    const places = [];
    for (let at = Math.max(0, from); at < Math.min(to, from + MOST_LINES, this.#view.count); at++) places.push(this.#view.at(at));
    const texts = await this.#textsOf(places.map(({ row }) => row));
    return places.map((place, at) => lineView(this.#columns, { ...place, line: this.#rows.line(place.row) }, texts[at]!));
  }

  /** Of the lines that the last query has found so far. */
  histograms(): ColumnHistogram[] {
    return NUMBER_COLUMNS.flatMap((column) => columnHistogram(this.#columns, this.#view.knownLines, column, this.#how.unit) ?? []);
  }

  /** @throws WishboneError when there is no such row */
  async pair(key: PairKey): Promise<PairView> {
    this.#require(key.row);
    const { rows } = this.#columns;
    const known = key.row < rows ? this.#columns.lineOf(key.row) + key.pair : undefined;
    const problems = known === undefined ? undefined : problemNames(this.#columns.problems(known));
    const text = await readRowText(this.#rows, key.row);
    return pairView({ ...key, known, line: this.#rows.line(key.row) }, text, this.#scan.findings(key.row), problems);
  }

  /** The texts of a pair, whole; null for a row that is none. */
  async texts({ row, pair }: PairKey): Promise<ReturnType<typeof pairTexts> | null> {
    this.#require(row);
    return pairTexts(await readRowText(this.#rows, row), pair) ?? null;
  }

  /** Ends a search, or else finding rows and counting; what is known of them stays. */
  stop(): void {
    if (this.#isKnown && !this.#view.isDone) {
      this.#searching.abort();
      return;
    }
    this.#isStopped = true;
    this.#isCounting = false;
    this.#abort.abort();
    this.#report(true);
  }

  /**
   * Sets what a run made of the pairs beside them, for what is asked from then on.
   *
   * @param run its folder; null: none
   * @returns its name
   * @throws WishboneError when it has no record of its pairs, or none of this file
   */
  async margins(run: string | null): Promise<string | null> {
    const margins = run === null ? undefined : await marginsOf(run, this.#source.file);
    this.#columns.margins = margins;
    return margins?.name ?? null;
  }

  line(row: number): number | null {
    this.#require(row);
    return this.#rows.line(row) ?? null;
  }

  find({ row, pair }: PairKey): number {
    return row < this.#rows.count ? this.#view.find(row, pair) : -1;
  }

  /**
   * What to write into the text of this table so that a pair has another text.
   *
   * @throws WishboneError for a table that is not of a text, and where the text cannot be written by itself
   */
  async edit({ row, ...change }: TextChange & { readonly row: number }): Promise<{ start: number; end: number; text: string }> {
    this.#require(row);
    const { file } = this.#source;
    const span = this.#rows instanceof TextRows ? this.#rows.span(row) : undefined;
    if (span === undefined) throw new WishboneError('this table cannot be changed', file, 'open a copy as JSON lines');
    const { text } = await readRowText(this.#rows, row);
    const where = `${file}:${this.#rows.line(row)}`;
    const edit: RowEdit = rowEdit(text, change, where);
    const most = text.length - (edit.span.end - edit.span.start) + edit.text.length;
    if (most > LONGEST_ROW) throw rowTooLong(where);
    return { start: span.start + edit.span.start, end: span.start + edit.span.end, text: edit.text };
  }

  /** Stops whatever is going on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#abort.abort();
    this.#searching.abort();
    await this.#rows.close();
  }

  /** What has been read of the file is gone through, and then counted. */
  async #know(): Promise<void> {
    const { signal } = this.#abort;
    const { file, evalFiles, model } = this.#source;
    try {
      signal.throwIfAborted();
      const prompts = await new OtherFiles().prompts(file, evalFiles);
      await this.#scan.run(prompts, { signal, onProgress: () => this.#report() });
      this.#isKnown = true;
      this.#report(true);
      if (model === undefined) return;
      let reorderAt = performance.now() + REORDER;
      const onCounted = (): void => {
        this.#report();
        if (!this.#view.usesTokens || performance.now() < reorderAt) return;
        reorderAt = performance.now() + REORDER;
        this.#lookAgain();
      };
      await countTokens(this.#rows, this.#columns, model, onCounted, { signal });
      this.#recountProblems();
      if (this.#view.usesTokens || this.#how.filter.includes('problem')) this.#lookAgain();
    } catch (error) {
      if (signal.aborted) return;
      this.#troubles.push(troubleIn(error));
      this.#isCounting = false;
    } finally {
      this.#isKnown = true;
      if (!this.#isClosed) this.#report(true);
    }
  }

  /** Asks the last question again: more is known. */
  #lookAgain(): void {
    this.#lookAnew().catch((error: unknown) => {
      this.#troubles.push(troubleIn(error));
      this.#report(true);
    });
  }

  async #lookAnew(): Promise<void> {
    this.#searching.abort();
    const searching = new AbortController();
    this.#searching = searching;
    const view = new TableView(this.#rows, this.#columns, this.#how);
    this.#view = view;
    const tell = (): void => {
      if (view === this.#view) this.#listener.onFound(this.#foundNow());
    };
    try {
      await view.run(() => this.#isKnown, tell, searching.signal);
    } catch (error) {
      if (!searching.signal.aborted) throw error;
    }
  }

  #foundNow(): TableFound {
    const { count, searched, isDone } = this.#view;
    return { query: this.#query, count, searched, total: this.#rows.count, isDone };
  }

  #report(isNews = false): void {
    const now = performance.now();
    if (!isNews && now < this.#reportAt) return;
    this.#reportAt = now + REPORT;
    this.#listener.onState(this.state);
  }

  #countProblems(): void {
    for (; this.#counted < this.#columns.length; this.#counted++) {
      const bits = this.#columns.problems(this.#counted);
      if (bits === 0) continue;
      CHECKS.forEach((_, at) => (this.#problems[at]! += (bits >>> at) & 1));
    }
  }

  #recountProblems(): void {
    this.#problems.fill(0);
    this.#counted = 0;
  }

  /** Rows that follow each other are read together. */
  async #textsOf(rows: readonly number[]) {
    const texts = [];
    for (let at = 0; at < rows.length; ) {
      let next = at + 1;
      while (next < rows.length && (rows[next] === rows[next - 1]! + 1 || rows[next] === rows[next - 1])) next++;
      const first = rows[at]!;
      const read = await this.#rows.read(first, rows[next - 1]! + 1);
      for (; at < next; at++) texts.push(read[rows[at]! - first]!);
    }
    return texts;
  }

  #require(row: number): void {
    if (row < this.#rows.count) return;
    throw new WishboneError(`there is no row ${row + 1}`, this.#source.file, 'the file has fewer rows now: open the table again');
  }
}

async function marginsOf(run: string, file: string): Promise<MarginColumns> {
  const { folder, config } = await readRun(run);
  return new MarginColumns(await readFileMargins(folder, config, file));
}

/** An error as a table tells it: what was found before it stays. */
function troubleIn(error: unknown): Trouble {
  if (error instanceof WishboneError) return troubleOf(error);
  const message = error instanceof Error ? error.message : String(error);
  return { what: `Wishbone failed (${message})`, where: '', advice: 'see the Wishbone output channel' };
}

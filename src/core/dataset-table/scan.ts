import { invalidUtf8 } from '../checks/checker.js';
import { RowComparer } from '../checks/compare-rows.js';
import type { PromptIndex } from '../checks/leakage.js';
import { checkRow, type RowCheck } from '../checks/row.js';
import type { Finding } from '../checks/types.js';
import { Pace } from '../work/pace.js';
import type { WorkOptions } from '../work/progress.js';
import { problemBits, type TableColumns } from './columns.js';
import { BATCH, type RowText, type RowTexts } from './row-texts.js';

/** Rows read at once at most. */
const MOST_ROWS = 512;
/** Rows of which it is kept what others say against them; of further ones only the names of the problems are. */
const MOST_TOLD = 50_000;

/** Goes through all rows once: what each says by itself, and beside the others. Fills the columns. */
export class RowScan {
  readonly #rows: RowTexts;
  readonly #columns: TableColumns;
  readonly #told = new Map<number, readonly Finding[]>();
  #comparer = new RowComparer();

  constructor(rows: RowTexts, columns: TableColumns) {
    this.#rows = rows;
    this.#columns = columns;
  }

  /** What was found in a row by comparing it with others. */
  findings(row: number): readonly Finding[] {
    return this.#told.get(row) ?? [];
  }

  /**
   * @param prompts those of files that no row may share one with
   * @throws the signal's reason once it has aborted
   */
  async run(prompts: readonly PromptIndex[], work: WorkOptions): Promise<void> {
    this.#comparer = new RowComparer(prompts);
    const pace = new Pace(work);
    for await (const { row, text } of eachRow(this.#rows)) {
      this.#add(row, text);
      await pace.item(() => ({ phase: 'columns', done: row + 1, total: this.#rows.count }));
    }
  }

  #add(row: number, text: RowText): void {
    if (text.fault !== undefined) {
      this.#comparer.add({ check: UNREAD, text: '', line: this.#lineOf(row) });
      this.#columns.add(UNREAD, undefined, problemBits([text.fault.check]));
      return;
    }
    const check = checkRow(text.text);
    const more = text.isUtf8 ? [] : [invalidUtf8(text.text)];
    const found = this.#comparer.add({ check, text: text.text, line: this.#lineOf(row), more });
    const compared = found.filter((problem) => !check.problems.some((own) => own.check === problem.check));
    if (compared.length > 0 && this.#told.size < MOST_TOLD) {
      this.#told.set(
        row,
        compared.map(({ check: name, what, advice }) => ({ check: name, what, advice })),
      );
    }
    this.#columns.add(check, check.source, problemBits(found.map((problem) => problem.check)));
  }

  /** 0-based; of rows without lines their number, as words for people count them. */
  #lineOf(row: number): number {
    return (this.#rows.line(row) ?? row + 1) - 1;
  }
}

const UNREAD: RowCheck = {
  form: undefined,
  pairs: 0,
  facts: [],
  kind: undefined,
  source: undefined,
  columns: undefined,
  problems: [],
  isJson: false,
  opening: { start: 0, end: 0 },
};

/** All rows, read some at a time; in order. @param from the first */
export async function* eachRow(rows: RowTexts, from = 0): AsyncGenerator<{ readonly row: number; readonly text: RowText }> {
  let size = 32;
  for (let row = from; row < rows.count; ) {
    const texts = await rows.read(row, Math.min(rows.count, row + size));
    let units = 0;
    for (const text of texts) {
      units += text.text.length;
      yield { row: row++, text };
    }
    // As many as fit into a batch, going by those before.
    const fitting = Math.floor((BATCH * texts.length) / Math.max(1, units));
    size = Math.max(1, Math.min(MOST_ROWS, fitting, 2 * size));
  }
}

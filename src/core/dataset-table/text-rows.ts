import { LineIndex } from '../checks/line-index.js';
import { type Slices, sliceRows } from '../checks/slice.js';
import type { Span } from '../checks/index.js';
import type { RowText, RowTexts } from './row-texts.js';

/** The rows of a JSON text that an editor holds, which may be other than the file. */
export class TextRows implements RowTexts {
  readonly #text: string;
  readonly #slices: Slices;
  readonly #lines: LineIndex;

  /** @param isJsonFile whether the file's name ends in `.json` */
  constructor(text: string, isJsonFile: boolean) {
    this.#text = text;
    this.#slices = sliceRows(text, isJsonFile);
    this.#lines = new LineIndex(text);
  }

  get count(): number {
    return this.#slices.rows.length;
  }

  /** Where a row stands in the text (UTF-16 units). */
  span(row: number): Span | undefined {
    return this.#slices.rows[row];
  }

  line(row: number): number | undefined {
    const span = this.span(row);
    return span === undefined ? undefined : this.#lines.position(span.start).line + 1;
  }

  read(from: number, to: number): Promise<RowText[]> {
    const spans = this.#slices.rows.slice(from, to);
    return Promise.resolve(spans.map(({ start, end }) => ({ text: this.#text.slice(start, end), isUtf8: true })));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

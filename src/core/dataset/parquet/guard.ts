import type { ColumnMetaData, Compressors } from 'hyparquet';
import { must } from '../table-fault.js';
import { checkLevels, checkPage, checkPlain, checkValues, viewOf } from './page-content.js';
import { readPages, type Page } from './pages.js';
import type { Leaf } from './schema.js';
import { checkSize, unpack } from './unpack.js';

/**
 * Stands between a decoder and the pages of one column of a row group. hyparquet believes what headers and runs say, and
 * fills memory by it; so every count is held against bytes before it gets there, in the headers when the column is
 * opened and within a page when it is unpacked, which the decoder asks for page by page.
 */
export class ColumnGuard {
  readonly #data: ColumnMetaData;
  readonly #leaf: Leaf;
  readonly #compressors: Compressors;
  readonly #waiting: Page[];
  readonly #hasDictionary: boolean;
  #rows = 0;

  /**
   * @param bytes of the column
   * @throws TableFault
   */
  constructor(bytes: DataView, data: ColumnMetaData, leaf: Leaf, compressors: Compressors) {
    this.#data = data;
    this.#leaf = leaf;
    this.#compressors = compressors;
    const pages = readPages(bytes, Number(data.num_values), leaf);
    this.#hasDictionary = pages[0]?.kind === 'dictionary';
    let unpacked = 0;
    for (const page of pages) {
      unpacked += page.unpackedSize;
      const { v2 } = page;
      if (v2 === undefined) continue;
      const levels = v2.repetitionBytes + v2.definitionBytes;
      this.#rows += checkLevels(bytes, page, leaf).rows;
      if (!v2.isCompressed) {
        const values = new DataView(bytes.buffer, bytes.byteOffset + page.start, page.size);
        checkValues(values, levels, page.values - v2.nulls, page.encoding, leaf, this.#hasDictionary);
      }
    }
    // Some writers leave headers out of the sum.
    const said = Number(data.total_uncompressed_size);
    must(unpacked <= 2 * said + 65536, `pages say ${unpacked} bytes where the footer says ${said}`);
    this.#waiting = pages.filter(({ v2 }) => v2?.isCompressed !== false);
    for (const { size, unpackedSize } of this.#waiting) checkSize(data.codec, size, unpackedSize);
  }

  /** Unpacks the next page and looks at what it holds. @throws TableFault */
  unpackNext(packed: Uint8Array, size: number): Uint8Array {
    const page = this.#waiting.shift();
    must(page !== undefined, 'there are more pages than headers');
    const content = unpack(this.#data.codec, packed, size, this.#compressors);
    must(content.length === size, `a page of ${size} bytes unpacks to ${content.length}`);
    const [leaf, hasDictionary] = [this.#leaf, this.#hasDictionary];
    if (page.kind === 'dictionary') checkPlain(viewOf(content), 0, page.values, leaf);
    else if (page.v2) checkValues(viewOf(content), 0, page.values - page.v2.nulls, page.encoding, leaf, hasDictionary);
    else this.#rows += checkPage(content, page, leaf, hasDictionary).rows;
    return content;
  }

  /** @throws TableFault unless the pages that were unpacked hold as many rows */
  holds(rows: number): void {
    must(this.#rows === rows, `column "${this.#leaf.path.join('.')}" holds ${this.#rows} of ${rows} rows`);
  }
}

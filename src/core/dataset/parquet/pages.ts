import { must } from '../table-fault.js';
import type { Leaf } from './schema.js';
import { count, inner, ThriftReader } from './thrift.js';

/** Encodings of Parquet's `parquet.thrift`. */
export const ENCODINGS = {
  plain: 0,
  plainDictionary: 2,
  rle: 3,
  deltaBinaryPacked: 5,
  deltaLengthByteArray: 6,
  deltaByteArray: 7,
  rleDictionary: 8,
  byteStreamSplit: 9,
} as const;

/** A page as its header has it, the header held against the bytes of its column. */
export interface Page {
  readonly kind: 'dictionary' | 'data' | 'data-v2';
  /** Where the page's bytes begin, from the start of the column's. */
  readonly start: number;
  readonly size: number;
  readonly unpackedSize: number;
  readonly values: number;
  readonly encoding: number;
  /** Of version 2 alone, whose levels are not compressed. */
  readonly v2?: {
    readonly repetitionBytes: number;
    readonly definitionBytes: number;
    readonly nulls: number;
    readonly rows: number;
    readonly isCompressed: boolean;
  };
}

/** A header with statistics has few values; a footer's limit would not do here. */
const MOST_HEADER_VALUES = 1000;

/**
 * The pages of a column in one row group. The sizes are those of the bytes that are there, and the values as many as the
 * footer says.
 *
 * @param bytes of the column
 * @param values that the footer says the column has
 * @throws TableFault
 */
export function readPages(bytes: DataView, values: number, leaf: Leaf): Page[] {
  const pages: Page[] = [];
  let seen = 0;
  // A byte may be left over; no header is that short.
  for (let at = 0; seen < values && at < bytes.byteLength - 1; ) {
    const page = readHeader(bytes, at, leaf);
    must(page.size <= bytes.byteLength - page.start, `a page says ${page.size} bytes where ${bytes.byteLength - page.start} are left`);
    at = page.start + page.size;
    if (page.kind === 'dictionary') {
      must(pages.length === 0, 'a dictionary stands behind other pages');
      // Every entry takes a byte at least, a text four.
      const width = leaf.type === 'BYTE_ARRAY' ? 4 : 1;
      must(page.values * width <= page.unpackedSize, `a dictionary says ${page.values} entries in ${page.unpackedSize} bytes`);
    } else {
      seen += page.values;
      must(seen <= values, `pages hold more than the ${values} values of their column`);
    }
    pages.push(page);
  }
  must(seen === values, `pages hold ${seen} of the ${values} values of their column`);
  return pages;
}

function readHeader(bytes: DataView, at: number, leaf: Leaf): Page {
  const reader = new ThriftReader(bytes, at, bytes.byteLength, MOST_HEADER_VALUES);
  const header = reader.struct();
  const type = count(header, 1, 'the kind of a page');
  const sizes = {
    start: reader.at,
    unpackedSize: count(header, 2, 'the unpacked size of a page'),
    size: count(header, 3, 'the size of a page'),
  };
  const field = ({ 0: 5, 2: 7, 3: 8 } as Readonly<Record<number, number>>)[type];
  must(field !== undefined, `a page is of the unknown kind ${type}`);
  const own = inner(header, field);
  const values = count(own, 1, 'the number of values of a page');
  if (type !== 3) {
    const encoding = count(own, 2, 'the encoding of a page');
    if (type === 0) {
      // Of levels that are not there, old writers say anything.
      const definitions = count(own, 3, 'the encoding of levels');
      const repetitions = count(own, 4, 'the encoding of levels');
      must(leaf.definitionLevels === 0 || definitions === ENCODINGS.rle, `levels are in the encoding ${definitions}, which is not read`);
      must(leaf.repetitionLevels === 0 || repetitions === ENCODINGS.rle, `levels are in the encoding ${repetitions}, which is not read`);
    }
    return { kind: type === 0 ? 'data' : 'dictionary', ...sizes, values, encoding };
  }
  const v2 = {
    nulls: count(own, 2, 'the number of nulls of a page'),
    rows: count(own, 3, 'the number of rows of a page'),
    definitionBytes: count(own, 5, 'the size of definition levels'),
    repetitionBytes: count(own, 6, 'the size of repetition levels'),
    isCompressed: own?.get(7) !== false,
  };
  must(v2.nulls <= values && v2.rows <= values, `a page says ${v2.nulls} nulls and ${v2.rows} rows in ${values} values`);
  const levels = v2.definitionBytes + v2.repetitionBytes;
  must(levels <= sizes.size && levels <= sizes.unpackedSize, `levels of ${levels} bytes in a page of ${sizes.size}`);
  return { kind: 'data-v2', ...sizes, values, encoding: count(own, 4, 'the encoding of a page'), v2 };
}

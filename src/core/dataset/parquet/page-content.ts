import { walkDeltas } from './deltas.js';
import { must } from '../table-fault.js';
import { ENCODINGS, type Page } from './pages.js';
import { walkRuns } from './runs.js';
import type { Leaf } from './schema.js';

/** Most bytes that texts may come to that are written as what they add to one another. */
const MOST_GROWN = 2 ** 30;

/** Levels of a page: how many rows begin in it, and how many of its values are not null. */
export interface LevelCounts {
  readonly rows: number;
  readonly present: number;
}

/**
 * Holds the content of a data page of version 1, unpacked, against its header and its own length.
 *
 * @throws TableFault
 */
export function checkPage(content: Uint8Array, page: Page, leaf: Leaf, hasDictionary: boolean): LevelCounts {
  const bytes = viewOf(content);
  let at = 0;
  const levels = (most: number, sought: number): number => {
    must(4 <= bytes.byteLength - at, 'a page ends within its levels');
    const size = bytes.getUint32(at, true);
    at += 4;
    must(size <= bytes.byteLength - at, `levels of ${size} bytes where ${bytes.byteLength - at} are left`);
    const { matches } = walkRuns(bytes, at, at + size, bitsOf(most), page.values, sought);
    at += size;
    return matches;
  };
  const rows = leaf.repetitionLevels === 0 ? page.values : levels(leaf.repetitionLevels, 0);
  const present = leaf.definitionLevels === 0 ? page.values : levels(leaf.definitionLevels, leaf.definitionLevels);
  checkValues(bytes, at, present, page.encoding, leaf, hasDictionary);
  return { rows, present };
}

/** The same for the levels of a page of version 2, which stand before its values and are never packed. */
export function checkLevels(bytes: DataView, page: Page, leaf: Leaf): LevelCounts {
  const { repetitionBytes = 0, definitionBytes = 0, nulls = 0, rows = 0 } = page.v2 ?? {};
  const middle = page.start + repetitionBytes;
  if (leaf.repetitionLevels > 0) {
    const { matches } = walkRuns(bytes, page.start, middle, bitsOf(leaf.repetitionLevels), page.values, 0);
    must(matches === rows, `a page of ${rows} rows holds ${matches}`);
  } else {
    must(rows === page.values, `a page of ${page.values} values says ${rows} rows`);
  }
  if (leaf.definitionLevels > 0) {
    const most = leaf.definitionLevels;
    const { matches } = walkRuns(bytes, middle, middle + definitionBytes, bitsOf(most), page.values, most);
    must(matches === page.values - nulls, `a page of ${page.values - nulls} values that are not null holds ${matches}`);
  }
  return { rows, present: page.values - nulls };
}

/** @param present values that are not null */
export function checkValues(bytes: DataView, from: number, present: number, encoding: number, leaf: Leaf, hasDictionary: boolean): void {
  const end = bytes.byteLength;
  const left = end - from;
  const room = (size: number): void => must(size <= left, `${present} values of ${size} bytes where ${left} are left`);
  switch (encoding) {
    case ENCODINGS.plain:
      checkPlain(bytes, from, present, leaf);
      return;
    case ENCODINGS.plainDictionary:
    case ENCODINGS.rleDictionary: {
      must(hasDictionary, 'a page refers to a dictionary that is not there');
      if (present === 0) return;
      must(left > 0, 'a page ends before its values');
      const width = bytes.getUint8(from);
      must(width <= 32, `places in a dictionary of ${width} bits`);
      if (width > 0) walkRuns(bytes, from + 1, end, width, present);
      return;
    }
    case ENCODINGS.rle:
      must(leaf.type === 'BOOLEAN' && left >= 4, 'runs of what is not true or false');
      walkRuns(bytes, from + 4, end, 1, present);
      return;
    case ENCODINGS.deltaBinaryPacked:
      walkDeltas(bytes, from, end, present, leaf.type === 'INT32' ? 32 : 64);
      return;
    case ENCODINGS.deltaLengthByteArray:
      walkDeltas(bytes, from, end, present, 32);
      return;
    case ENCODINGS.deltaByteArray:
      checkGrowth(bytes, from, present);
      return;
    case ENCODINGS.byteStreamSplit:
      room(present * widthOf(leaf));
      return;
    default:
      must(false, `values are in the unknown encoding ${encoding}`);
  }
}

/** Values one behind the other: in a page, or the entries of a dictionary. */
export function checkPlain(bytes: DataView, from: number, present: number, leaf: Leaf): void {
  const end = bytes.byteLength;
  if (leaf.type === 'BYTE_ARRAY') {
    let at = from;
    for (let index = 0; index < present; index++) {
      must(4 <= end - at, 'a page ends within its texts');
      const size = bytes.getUint32(at, true);
      at += 4;
      must(size <= end - at, `a text of ${size} bytes where ${end - at} are left`);
      at += size;
    }
    return;
  }
  const size = leaf.type === 'BOOLEAN' ? Math.ceil(present / 8) : present * widthOf(leaf);
  must(size <= end - from, `${present} values of ${size} bytes where ${end - from} are left`);
}

function checkGrowth(bytes: DataView, from: number, present: number): void {
  const end = bytes.byteLength;
  const [shared, added] = [new Int32Array(present), new Int32Array(present)];
  let at = walkDeltas(bytes, from, end, present, 32, shared);
  at = walkDeltas(bytes, at, end, present, 32, added);
  let [before, grown] = [0, 0];
  for (let index = 0; index < present; index++) {
    const [prefix, suffix] = [shared[index] as number, added[index] as number];
    must(prefix >= 0 && prefix <= before && suffix >= 0, 'a text begins with more than the one before it holds');
    must(suffix <= end - at, `a text of ${suffix} bytes where ${end - at} are left`);
    at += suffix;
    before = prefix + suffix;
    grown += before;
    must(grown <= MOST_GROWN, 'texts come to more than 1 GiB');
  }
}

function widthOf({ type, typeLength }: Leaf): number {
  const width = (
    { INT32: 4, FLOAT: 4, INT64: 8, DOUBLE: 8, INT96: 12, FIXED_LEN_BYTE_ARRAY: typeLength } as Readonly<Record<string, number>>
  )[type];
  must(width !== undefined && width > 0, `values of ${type} have no length`);
  return width;
}

function bitsOf(most: number): number {
  return 32 - Math.clz32(most);
}

export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

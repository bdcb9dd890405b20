import { integer, parseExact, storedKey } from '../../exact-json/index.js';
import { LONGEST_ROW } from '../row-limit.js';
import { must, TableFault } from '../table-fault.js';
import { TooLong } from '../table-columns.js';
import { decimalValue, decodeText, halfFloat, momentText, NotText, type Opaque, type Reading, wholeFloat } from '../table-values.js';
import { type ArrowValues, isValid } from './batch.js';
import type { ArrowField } from './schema.js';

/** Dictionaries may hold places in dictionaries. */
const DEEPEST = 256;

/**
 * A value of a column as an exact value (`exact-json`), of the types that pyarrow gives it in Python: floats stay floats, whole
 * numbers have all their digits, and of a structure no field is missing.
 *
 * @throws NotText
 * @throws TooLong before a row of more than {@link LONGEST_ROW} bytes is made: a dictionary can say much with few bytes
 * @throws TableFault for a place in a dictionary that has no entry
 * @throws SyntaxError for JSON text that is none
 */
export function arrowValue(values: ArrowValues, row: number, reading: Reading): unknown {
  let left = LONGEST_ROW;
  const spend = (bytes: number): void => {
    left -= bytes;
    if (left < 0) throw new TooLong();
  };
  const read = (from: ArrowValues, index: number, depth: number): unknown => {
    spend(8);
    must(depth < DEEPEST, 'dictionaries within dictionaries without an end');
    if (!isValid(from.valid, index)) return null;
    const { field, entries, children, offset } = from;
    if (entries) return readEntry(entries, placeOf(from, index), depth);
    switch (field.layout.is) {
      case 'null':
        return null;
      case 'bits':
        return ((from.data.getUint8(index >> 3) >> (index & 7)) & 1) === 1;
      case 'list':
      case 'fixed-list': {
        const [start, end] = [offset(index), offset(index + 1)];
        spend(8 * (end - start));
        return Array.from({ length: end - start }, (_, entry) => read(children[0]!, start + entry, depth + 1));
      }
      case 'struct':
        return Object.fromEntries(children.map((child) => [storedKey(child.field.name), read(child, index, depth + 1)]));
      case 'bytes':
      case 'view': {
        const bytes = bytesOf(from, index);
        spend(bytes.length);
        const text = decodeText(bytes);
        if (text instanceof NotText) throw text;
        return field.meaning === 'json' ? parseExact(text as string) : text;
      }
      case 'fixed':
        return fixedValue(from.data, index, field.layout.width, field, reading);
      case 'other':
        throw new Error('columns that are refused are not read');
    }
  };
  const readEntry = (parts: readonly ArrowValues[], place: number, depth: number): unknown => {
    let from = place;
    for (const part of parts) {
      if (from < part.length) return read(part, from, depth + 1);
      from -= part.length;
    }
    throw new TableFault('a value has no entry in its dictionary');
  };
  return read(values, row, 0);
}

/** A place in a dictionary. */
function placeOf({ field, data }: ArrowValues, index: number): number {
  const { width, isSigned } = field.dictionary!;
  const place = Number(wholeNumber(data, index * width, width, isSigned));
  must(place >= 0, 'a value has no entry in its dictionary');
  return place;
}

function bytesOf({ field, data, offset, views }: ArrowValues, index: number): Uint8Array {
  if (field.layout.is === 'bytes') {
    const start = offset(index);
    return new Uint8Array(data.buffer, data.byteOffset + start, offset(index + 1) - start);
  }
  const at = 16 * index;
  const size = data.getInt32(at, true);
  if (size <= 12) return new Uint8Array(data.buffer, data.byteOffset + at + 4, size);
  const start = data.getInt32(at + 12, true);
  return views[data.getInt32(at + 8, true)]!.subarray(start, start + size);
}

function fixedValue(
  data: DataView,
  index: number,
  width: number,
  { meaning, isSigned, scale, ticks }: ArrowField,
  reading: Reading,
): unknown {
  const at = index * width;
  switch (meaning) {
    case 'int':
      return integer(wholeNumber(data, at, width, isSigned));
    case 'float':
      return wholeFloat(
        width === 2 ? halfFloat(data.getUint16(at, true)) : width === 4 ? data.getFloat32(at, true) : data.getFloat64(at, true),
        reading,
      );
    case 'decimal':
      return decimalValue(wholeNumber(data, at, width, true), scale, reading);
    default: {
      if (reading !== 'copy') return meaning;
      if (meaning === '<bytes>' || meaning === '<UUID>') return Buffer.from(data.buffer, data.byteOffset + at, width).toString('hex');
      const whole = wholeNumber(data, at, width, true);
      if (meaning === '<timedelta>') return whole.toString();
      return momentText(meaning === '<date>' ? whole / BigInt(ticks) : whole, meaning as Opaque, ticks);
    }
  }
}

/** Two's complement, the lowest byte first. */
function wholeNumber(data: DataView, at: number, width: number, isSigned: boolean): bigint {
  switch (width) {
    case 1:
      return BigInt(isSigned ? data.getInt8(at) : data.getUint8(at));
    case 2:
      return BigInt(isSigned ? data.getInt16(at, true) : data.getUint16(at, true));
    case 4:
      return BigInt(isSigned ? data.getInt32(at, true) : data.getUint32(at, true));
    default: {
      let value = 0n;
      for (let word = width - 8; word >= 0; word -= 8) value = (value << 64n) | data.getBigUint64(at + word, true);
      return isSigned ? BigInt.asIntN(8 * width, value) : value;
    }
  }
}

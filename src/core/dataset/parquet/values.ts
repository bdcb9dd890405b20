import { integer, parseExact, storedKey } from '../../exact-json/index.js';
import { TableFault } from '../table-fault.js';
import { decimalValue, halfFloat, momentText, NotText, type Opaque, type Reading, wholeFloat } from '../table-values.js';
import type { Field, Leaf } from './schema.js';

/** Names under which the decoder has the fields: their own could be twice, or move, in an object of JavaScript. */
export function fieldName(index: number): string {
  return `f${index}`;
}

/**
 * A cell as an exact value (`exact-json`), of the types that pyarrow gives it in Python: floats stay floats, whole numbers
 * have all their digits, and of a structure no field is missing: one that is null is None.
 *
 * @param raw as the decoder gives it
 * @throws NotText
 * @throws TableFault for a place in a dictionary that has no entry
 * @throws SyntaxError for JSON text that is none
 */
export function cellValue(raw: unknown, field: Field, reading: Reading): unknown {
  // The decoder has undefined for a list or structure that is null.
  if (raw === null || (raw === undefined && field.is !== 'leaf')) return null;
  switch (field.is) {
    case 'leaf':
      return leafValue(raw, field.leaf, reading);
    case 'list':
      return (raw as readonly unknown[]).map((entry) => cellValue(entry, field.of, reading));
    case 'struct': {
      const cells = raw as Readonly<Record<string, unknown>>;
      return Object.fromEntries(field.fields.map((own) => [storedKey(own.name), cellValue(cells[fieldName(own.index)], own, reading)]));
    }
    case 'refused':
      throw new Error('columns that are refused are not read');
  }
}

function leafValue(raw: unknown, leaf: Leaf, reading: Reading): unknown {
  const { kind, scale } = leaf;
  if (raw instanceof NotText) throw raw;
  if (raw === undefined) throw new TableFault('a value has no entry in its dictionary');
  switch (kind) {
    case 'text':
    case 'boolean':
      return raw;
    case 'json':
      return parseExact(raw as string);
    case 'int':
      return integer(BigInt(raw as number | bigint));
    case 'uint32':
      return (raw as number) >>> 0;
    case 'uint64':
      return integer(BigInt.asUintN(64, raw as bigint));
    case 'float':
      return wholeFloat(raw as number, reading);
    case 'float16':
      return wholeFloat(halfFloat(halfBits(raw as Uint8Array)), reading);
    case 'decimal':
      return decimalValue(unscaled(raw), scale, reading);
    case 'null':
      return null;
    default:
      return reading === 'copy' ? textOf(raw, leaf) : kind;
  }
}

/** Two's complement, the highest byte first; or a whole number as it is. */
function unscaled(raw: unknown): bigint {
  if (!(raw instanceof Uint8Array)) return BigInt(raw as number | bigint);
  let value = 0n;
  for (const byte of raw) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(8 * raw.length, value);
}

function halfBits(bytes: Uint8Array): number {
  return bytes[0]! | (bytes[1]! << 8);
}

/** Text for what is no JSON value: ISO 8601 for dates and times, else the bytes in hexadecimal. */
function textOf(raw: unknown, { kind, ticks }: Leaf): string {
  // INT96, the decoder's own.
  if (raw instanceof Date) return raw.toISOString();
  if (raw instanceof Uint8Array) return Buffer.from(raw).toString('hex');
  return momentText(BigInt(raw as number | bigint), kind as Opaque, ticks);
}

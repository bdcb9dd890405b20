import { float, integer, parseExact, storedKey } from '../../exact-json/index.js';
import { ParquetFault } from './fault.js';
import type { Field, Leaf } from './schema.js';

/** Stands for bytes that should be text and are not, until the row they belong to is known. */
export class NotText extends Error {}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** For the decoder: text, or what says that the bytes are none. */
export function decodeText(bytes: Uint8Array): unknown {
  try {
    return utf8.decode(bytes);
  } catch {
    return new NotText();
  }
}

/** Names under which the decoder has the fields: their own could be twice, or move, in an object of JavaScript. */
export function fieldName(index: number): string {
  return `f${index}`;
}

/**
 * What a value is read for that JSON has no kind for: a chat template is shown the name of its type; where numbers are
 * compared a decimal is one; a copy has it as a number or as text.
 */
export type Reading = 'template' | 'numbers' | 'copy';

/**
 * A cell as an exact value (`exact-json`), of the types that pyarrow gives it in Python: floats stay floats, whole numbers
 * have all their digits, and of a structure no field is missing: one that is null is None.
 *
 * @param raw as the decoder gives it
 * @throws NotText
 * @throws ParquetFault for a place in a dictionary that has no entry
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
  if (raw === undefined) throw new ParquetFault('a value has no entry in its dictionary');
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
      return wholeFloat(halfFloat(raw as Uint8Array), reading);
    case 'decimal':
      return reading === 'template' ? '<Decimal>' : float(Number(`${unscaled(raw)}e-${scale}`));
    case 'null':
      return null;
    default:
      return reading === 'copy' ? textOf(raw, leaf) : kind;
  }
}

/** JSON has no NaN and no infinity for a copy. */
function wholeFloat(value: number, reading: Reading): unknown {
  return reading === 'copy' && !Number.isFinite(value) ? null : float(value);
}

/** Two's complement, the highest byte first; or a whole number as it is. */
function unscaled(raw: unknown): bigint {
  if (!(raw instanceof Uint8Array)) return BigInt(raw as number | bigint);
  let value = 0n;
  for (const byte of raw) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(8 * raw.length, value);
}

function halfFloat(bytes: Uint8Array): number {
  const bits = bytes[0]! | (bytes[1]! << 8);
  const sign = bits >> 15 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 0x1f, bits & 0x3ff];
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? 2 ** -14 * (fraction / 1024) : 2 ** (exponent - 15) * (1 + fraction / 1024));
}

/** Text for what is no JSON value: ISO 8601 for dates and times, else the bytes in hexadecimal. */
function textOf(raw: unknown, { kind, ticks }: Leaf): string {
  // INT96, the decoder's own.
  if (raw instanceof Date) return raw.toISOString();
  if (raw instanceof Uint8Array) return Buffer.from(raw).toString('hex');
  const whole = BigInt(raw as number | bigint);
  // Farther than a Date goes.
  if (whole / BigInt(kind === '<date>' ? 1 : ticks) > 8_640_000_000n * (kind === '<date>' ? 1n : 1000n)) return whole.toString();
  if (kind === '<date>') return new Date(Number(whole) * 86_400_000).toISOString().slice(0, 10);
  const [seconds, rest] = [whole / BigInt(ticks), whole % BigInt(ticks)];
  const [second, part] = rest < 0n ? [seconds - 1n, rest + BigInt(ticks)] : [seconds, rest];
  const text = new Date(Number(second) * 1000).toISOString().slice(kind === '<time>' ? 11 : 0, 19);
  return part === 0n ? text : `${text}.${part.toString().padStart(String(ticks).length - 1, '0')}`;
}

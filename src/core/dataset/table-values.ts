import { float } from '../exact-json/index.js';

/** Stands for bytes that should be text and are not, until the row they belong to is known. */
export class NotText extends Error {}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @returns text, or what says that the bytes are none */
export function decodeText(bytes: Uint8Array): unknown {
  try {
    return utf8.decode(bytes);
  } catch {
    return new NotText();
  }
}

/** What transformers shows a chat template of a value that is none of JSON's: the name of its Python type. */
export type Opaque = '<datetime>' | '<date>' | '<time>' | '<timedelta>' | '<bytes>' | '<UUID>';

/**
 * What a value is read for that JSON has no kind for: a chat template is shown the name of its type; where numbers are
 * compared a decimal is one; a copy has it as a number or as text.
 */
export type Reading = 'template' | 'numbers' | 'copy';

/** JSON has no NaN and no infinity for a copy. */
export function wholeFloat(value: number, reading: Reading): unknown {
  return reading === 'copy' && !Number.isFinite(value) ? null : float(value);
}

/** @param bits of IEEE 754's binary16 */
export function halfFloat(bits: number): number {
  const sign = bits >> 15 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 0x1f, bits & 0x3ff];
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? 2 ** -14 * (fraction / 1024) : 2 ** (exponent - 15) * (1 + fraction / 1024));
}

/** @param unscaled its digits as a whole number */
export function decimalValue(unscaled: bigint, scale: number, reading: Reading): unknown {
  return reading === 'template' ? '<Decimal>' : float(Number(`${unscaled}e${-scale}`));
}

/**
 * ISO 8601 of a date or a time, or the number as it is where it is farther than a Date goes.
 *
 * @param whole days of a date, else ticks since 1970 or midnight
 * @param ticks how many to a second
 */
export function momentText(whole: bigint, kind: Opaque, ticks: number): string {
  if (whole / BigInt(kind === '<date>' ? 1 : ticks) > 8_640_000_000n * (kind === '<date>' ? 1n : 1000n)) return whole.toString();
  if (kind === '<date>') return new Date(Number(whole) * 86_400_000).toISOString().slice(0, 10);
  const [seconds, rest] = [whole / BigInt(ticks), whole % BigInt(ticks)];
  const [second, part] = rest < 0n ? [seconds - 1n, rest + BigInt(ticks)] : [seconds, rest];
  const text = new Date(Number(second) * 1000).toISOString().slice(kind === '<time>' ? 11 : 0, 19);
  return part === 0n ? text : `${text}.${part.toString().padStart(String(ticks).length - 1, '0')}`;
}

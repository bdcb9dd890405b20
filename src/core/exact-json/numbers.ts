/**
 * A Python `float`. A number with a fraction is one as it is; a whole one is boxed, since a bare whole number is an `int`.
 * Boxes are plain values of the language: they compare and reckon as numbers, and go to other threads as they are.
 */
export function float(value: number): number | Number {
  // Of 1e21 and more, the text is that of a float.
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? new Number(value) : value;
}

/** A Python `int`. */
export function integer(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

export function isNumber(value: unknown): value is number | bigint | Number {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof Number;
}

/** The nearest number that JavaScript reckons with; undefined for what is none. */
export function numberOf(value: unknown): number | undefined {
  return isNumber(value) ? Number(value) : undefined;
}

/** A number where one begins, in valid JSON. */
export const NUMERAL = /-?[0-9.eE+-]+/y;

/** Python reads no longer whole number from text. */
const MOST_DIGITS = 4300;

export function isTooLong(token: string): boolean {
  return token.length > MOST_DIGITS && /^-?\d+$/.test(token) && token.replace('-', '').length > MOST_DIGITS;
}

/**
 * Whether what `JSON.parse` makes of a number is written by `JSON.stringify` so that Python reads the same value, of the
 * same type.
 *
 * @param token as in the JSON text
 */
export function isLossless(token: string): boolean {
  const value = Number(token);
  if (!Number.isFinite(value)) return false;
  if (/[.eE]/.test(token)) return !Number.isInteger(value) || Math.abs(value) >= 1e21;
  return token.length <= 15 || String(value) === token;
}

/** The exact value of a number that is not lossless, or of one that is. */
export function exactNumber(token: string): number | bigint | Number {
  if (/[.eE]/.test(token)) return float(Number(token));
  return integer(BigInt(token));
}

import { isNumber } from './numbers.js';

/**
 * Whether two exact values are equal as Python compares what it reads from their texts: `1`, `1.0` and `true` are, objects
 * whose fields stand in another order are, NaN is not.
 */
export function equalExact(a: unknown, b: unknown): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  const [x, y] = [asNumber(a), asNumber(b)];
  // A bigint and a number are compared by value, not by the nearest number.
  // biome-ignore lint/suspicious/noDoubleEquals: === would never be true of the two
  if (x !== undefined || y !== undefined) return x !== undefined && y !== undefined && x == y;
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return a === b;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => equalExact(item, b[index]));
  }
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  return names.every((name) => Object.hasOwn(right, name) && equalExact(left[name], right[name]));
}

function asNumber(value: unknown): number | bigint | undefined {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (!isNumber(value)) return undefined;
  return typeof value === 'bigint' ? value : Number(value);
}

/** What both sides use to check incoming messages. Nothing that comes from another process is trusted. */

type Fields = Readonly<Record<string, unknown>>;

export function isFloats(value: unknown): value is Float64Array {
  // By name rather than `instanceof`, because the array may come from another frame.
  return Object.prototype.toString.call(value) === '[object Float64Array]';
}

export function isSingles(value: unknown): value is Float32Array {
  return Object.prototype.toString.call(value) === '[object Float32Array]';
}

export function isBytes(value: unknown): value is Uint8Array {
  return Object.prototype.toString.call(value) === '[object Uint8Array]';
}

export function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isText);
}

export function isIntegers(value: unknown): value is Int32Array {
  return Object.prototype.toString.call(value) === '[object Int32Array]';
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isText(value: unknown): value is string {
  return typeof value === 'string';
}

export function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

export function isNumberOrNull(value: unknown): value is number | null {
  return value === null || isNumber(value);
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

export function isOneOf<const T extends readonly string[]>(value: unknown, choices: T): value is T[number] {
  return typeof value === 'string' && choices.includes(value);
}

export function isFlag(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

/** Our own pictures are smaller. */
const MOST_PICTURE_BYTES = 64 * 1024 * 1024;

export function isPicture(value: unknown): value is Uint8Array {
  return isBytes(value) && value.length > 0 && value.length <= MOST_PICTURE_BYTES;
}

/** A PNG, as pages make them. */
export function isPng(value: unknown): value is Uint8Array {
  return isPicture(value) && [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a].every((byte, i) => value[i] === byte);
}

import { fileKey } from './keys.js';

/** Python's own readers of JSON give up at about twice this depth. */
const DEEPEST = 500;

/**
 * JSON text of an exact value (`parseExact`, or made of plain values): Python's `json.loads` reads from it the very value
 * of the text it came from, dictionaries in the same order. Floats beyond all bounds are written `1e999`, which is JSON;
 * NaN is written `NaN`, which only Python reads. Fields that are undefined are left out.
 *
 * @throws RangeError for values nested more than 500 deep
 */
export function exactText(value: unknown): string {
  return textOf(value, 0) ?? 'null';
}

function textOf(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return numberText(value);
    case 'bigint':
      return value.toString();
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (value instanceof Number) return floatText(Number(value));
      if (depth >= DEEPEST) throw new RangeError(`nested more than ${DEEPEST} deep`);
      return Array.isArray(value) ? listText(value, depth) : objectText(value as Record<string, unknown>, depth);
    default:
      return undefined;
  }
}

function listText(list: readonly unknown[], depth: number): string {
  let text = '[';
  for (let index = 0; index < list.length; index++) {
    if (index > 0) text += ',';
    text += textOf(list[index], depth + 1) ?? 'null';
  }
  return `${text}]`;
}

function objectText(object: Readonly<Record<string, unknown>>, depth: number): string {
  let text = '';
  for (const name of Object.keys(object)) {
    const value = textOf(object[name], depth + 1);
    if (value !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(fileKey(name))}:${value}`;
  }
  return `{${text}}`;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '1e999' : '-1e999';
}

function floatText(value: number): string {
  const text = Object.is(value, -0) ? '-0' : numberText(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

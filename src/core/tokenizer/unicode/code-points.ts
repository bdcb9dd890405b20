import * as tables from './tables.js';

/** A set of code points as sorted, disjoint ranges: first, one past the last, first, … */
export type Ranges = readonly number[];

const END = 0x110000;

/** Reads a table of lengths of runs outside and inside a set. */
function rangesOf(table: string): Ranges {
  let at = 0;
  return table.split(' ').map((length) => (at += parseInt(length, 36)));
}

/** Reads a table of runs with a value. */
function valuesOf(table: string): readonly { readonly first: number; readonly past: number; readonly value: number }[] {
  const fields = table.split(' ').map((field) => parseInt(field, 36));
  const runs = [];
  let at = 0;
  for (let index = 0; index < fields.length; index += 3) {
    const first = at + (fields[index] as number);
    at = first + (fields[index + 1] as number);
    runs.push({ first, past: at, value: fields[index + 2] as number });
  }
  return runs;
}

/** The code points outside a set. */
export function complement(ranges: Ranges): Ranges {
  const inner = ranges[0] === 0 ? ranges.slice(1) : [0, ...ranges];
  return inner.at(-1) === END ? inner.slice(0, -1) : [...inner, END];
}

/** The code points of any of some sets. */
export function union(...sets: readonly Ranges[]): Ranges {
  const pairs: [number, number][] = [];
  for (const set of sets) {
    for (let at = 0; at < set.length; at += 2) pairs.push([set[at] as number, set[at + 1] as number]);
  }
  pairs.sort((a, b) => a[0] - b[0]);
  const joined: number[] = [];
  for (const [first, past] of pairs) {
    const last = joined.length - 1;
    if (last > 0 && first <= (joined[last] as number)) joined[last] = Math.max(joined[last] as number, past);
    else joined.push(first, past);
  }
  return joined;
}

/** Asks whether a code point is in a set; the first 64 Ki code points are looked up, the others searched for. */
function membership(ranges: Ranges): (point: number) => boolean {
  const plane = new Uint8Array(0x10000);
  for (let at = 0; at < ranges.length; at += 2) plane.fill(1, ranges[at], ranges[at + 1]);
  const inside = (point: number): boolean => {
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ranges[middle] as number) <= point) low = middle + 1;
      else high = middle;
    }
    return low % 2 === 1;
  };
  return (point) => (point < 0x10000 ? plane[point] === 1 : inside(point));
}

/** Looks up the value of a code point and adds `more`; 0 where the table has none. */
function lookup(table: string, more = 0): (point: number) => number {
  const runs = valuesOf(table).map(({ first, past, value }) => ({ first, past, value: value + more }));
  const plane = new Uint8Array(0x10000);
  for (const { first, past, value } of runs) plane.fill(value, first, past);
  return (point) => {
    if (point < 0x10000) return plane[point] as number;
    let low = 0;
    let high = runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((runs[middle] as { past: number }).past <= point) low = middle + 1;
      else high = middle;
    }
    const run = runs[low];
    return run !== undefined && run.first <= point ? run.value : 0;
  };
}

/** Calls `make` when its result is first asked for. */
export function lazy<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** A set that is made when it is first asked about. */
function set(table: string): (point: number) => boolean {
  const inside = lazy(() => membership(rangesOf(table)));
  return (point) => inside()(point);
}

/** White space by Unicode (`White_Space`): `char::is_whitespace`, `\s` of the regex crate and of Oniguruma. */
export const spaceRanges: Ranges = rangesOf(tables.ONIGURUMA_SPACE);
export const isSpace = set(tables.ONIGURUMA_SPACE);
/** `char::is_numeric`: the general categories Nd, Nl and No. */
export const isNumeric = set(tables.NUMERIC);
/** `\w` of the regex crate. */
export const isWord = set(tables.WORD);
export const isPunctuation = set(tables.PUNCTUATION);
/** What cleaning by BertNormalizer removes. */
export const isControl = set(tables.CONTROL);
/** What stripping accents by BertNormalizer removes. */
export const isNonspacing = set(tables.NONSPACING);
/** What the normalizer StripAccents removes. */
export const isCombining = set(tables.COMBINING);
/** Left alone by normalization, whatever later Unicode says of them. */
export const staysRanges: Ranges = rangesOf(tables.STAYS);
/** What changed since the Unicode that vscode-oniguruma has. */
export const newerRanges: Ranges = rangesOf(tables.NEWER);
const scripts = lazy(() => lookup(tables.SCRIPTS));
/** The script of a code point to the pre-tokenizer UnicodeScripts; 0 is any script. */
export const scriptOf = (point: number): number => scripts()(point);
const classes = lazy(() => lookup(tables.COMBINING_CLASSES));
export const combiningClassOf = (point: number): number => classes()(point);
const newLowercase = lazy(() => {
  const lower = new Map<number, string>();
  for (const { first, value } of valuesOf(tables.LOWERCASE)) lower.set(first, String.fromCodePoint(value));
  return lower;
});

/** `char::to_lowercase`: by itself, whatever stands around it. */
export function lowercaseOf(letter: string): string {
  return newLowercase().get(letter.codePointAt(0) as number) ?? letter.toLowerCase();
}

const categories = lazy(() => lookup(tables.ONIGURUMA, 1));

/** The general category of a code point to Oniguruma; undefined when it has none. */
export function categoryNameOf(point: number): string | undefined {
  return tables.CATEGORY_NAMES[categories()(point) - 1];
}

/** All code points of a range that has no surrogates, in order. */
function textOf(first: number, past: number): string {
  const width = first > 0xffff ? 2 : 1;
  const units = new Uint16Array(width * (past - first));
  for (let at = 0, point = first; point < past; point++) {
    if (width === 2) units[at++] = 0xd7c0 + (point >> 10);
    units[at++] = width === 2 ? 0xdc00 + (point & 0x3ff) : point;
  }
  return Buffer.from(units.buffer).toString('utf16le');
}

/**
 * Code points that the engine of JavaScript has, or may have one day, in another general category than Oniguruma: those that
 * this table has in none, and what differs in the engine at hand.
 */
export const unsureRanges = lazy((): Ranges => {
  const runs = valuesOf(tables.ONIGURUMA);
  const assigned = union(
    runs.flatMap(({ first, past }) => [first, past]),
    [0xd800, 0xe000],
  );
  const different: number[] = [];
  const whole = tables.CATEGORY_NAMES.map((name) => new RegExp(`^\\p{${name}}*$`, 'u'));
  for (const { first, past, value } of runs) {
    const name = tables.CATEGORY_NAMES[value] as string;
    // Private use does not change.
    if (name === 'Co') continue;
    const own = whole[value] as RegExp;
    if (own.test(textOf(first, past))) continue;
    for (let point = first; point < past; point++) {
      if (!own.test(String.fromCodePoint(point))) different.push(point, point + 1);
    }
  }
  return union(complement(assigned), different);
});

/** Code points of a general category or of several (`Lu`, `L`) to Oniguruma; undefined for other names. */
export function categoryRanges(name: string): Ranges | undefined {
  const numbers = tables.CATEGORY_NAMES.flatMap((category, index) =>
    category === name || (name.length === 1 && category.startsWith(name)) ? [index] : [],
  );
  // Code points without a category (Cn, Cs) are in no table.
  if (numbers.length === 0 || name === 'C') return undefined;
  const runs = valuesOf(tables.ONIGURUMA).filter(({ value }) => numbers.includes(value));
  return union(runs.flatMap(({ first, past }) => [first, past]));
}

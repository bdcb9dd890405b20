import * as tables from './tables.js';

/** A set of code points as sorted, disjoint ranges: first, one past the last, first, … */
export type Ranges = readonly number[];

const end = 0x110000;

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
  return inner.at(-1) === end ? inner.slice(0, -1) : [...inner, end];
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
export function membership(ranges: Ranges): (point: number) => boolean {
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

/** Looks up the value of a code point, 0 where the table has none. */
function lookup(table: string): (point: number) => number {
  const runs = valuesOf(table);
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
export const spaceRanges: Ranges = rangesOf(tables.onigurumaSpace);
export const isSpace = set(tables.onigurumaSpace);
/** `char::is_numeric`: the general categories Nd, Nl and No. */
export const isNumeric = set(tables.numeric);
/** `\w` of the regex crate. */
export const isWord = set(tables.word);
export const isPunctuation = set(tables.punctuation);
/** What cleaning by BertNormalizer removes. */
export const isControl = set(tables.control);
/** What stripping accents by BertNormalizer removes. */
export const isNonspacing = set(tables.nonspacing);
/** What the normalizer StripAccents removes. */
export const isCombining = set(tables.combining);
/** Left alone by normalization, whatever later Unicode says of them. */
export const staysRanges: Ranges = rangesOf(tables.stays);
/** What changed since the Unicode that vscode-oniguruma has. */
export const newerRanges: Ranges = rangesOf(tables.newer);
const scripts = lazy(() => lookup(tables.scripts));
/** The script of a code point to the pre-tokenizer UnicodeScripts; 0 is any script. */
export const scriptOf = (point: number): number => scripts()(point);
const classes = lazy(() => lookup(tables.combiningClasses));
export const combiningClassOf = (point: number): number => classes()(point);
const newLowercase = lazy(() => {
  const lower = new Map<number, string>();
  for (const { first, value } of valuesOf(tables.lowercase)) lower.set(first, String.fromCodePoint(value));
  return lower;
});

/** `char::to_lowercase`: by itself, whatever stands around it. */
export function lowercaseOf(letter: string): string {
  return newLowercase().get(letter.codePointAt(0) as number) ?? letter.toLowerCase();
}

/** Code points of a general category or of several (`Lu`, `L`) to Oniguruma; undefined for other names. */
export function categoryRanges(name: string): Ranges | undefined {
  const numbers = tables.categoryNames.flatMap((category, index) =>
    category === name || (name.length === 1 && category.startsWith(name)) ? [index] : [],
  );
  // Code points without a category (Cn, Cs) are in no table.
  if (numbers.length === 0 || name === 'C') return undefined;
  const runs = valuesOf(tables.oniguruma).filter(({ value }) => numbers.includes(value));
  return union(runs.flatMap(({ first, past }) => [first, past]));
}

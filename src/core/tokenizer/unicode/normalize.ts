import { combiningClassOf, complement, lazy, staysRanges, type Ranges } from './code-points.js';

export type NormalizationForm = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

/**
 * A character of a normalised text and what became of the text's own: 1: put in; 0: stands for one; -n: stands for n + 1
 * (`NormalizedString::transform` of the Rust library).
 */
export type Change = readonly [letter: string, change: number];

/**
 * Unicode normalization with the tables of Unicode 9, as the crate unicode-normalization-alignments has them. Characters
 * that came later stay as they are; for the others later Unicode says the same, which its stability policy promises.
 */
export function normalized(text: string, form: NormalizationForm): string {
  if (isPlain(text)) return text;
  let result = '';
  let begin = 0;
  const stays = stayingPattern();
  stays.lastIndex = 0;
  for (let match = stays.exec(text); match; match = stays.exec(text)) {
    result += text.slice(begin, match.index).normalize(form) + match[0];
    begin = stays.lastIndex;
  }
  return result + text.slice(begin).normalize(form);
}

/** The same with what became of each character. */
export function normalizedChanges(text: string, form: NormalizationForm): Change[] {
  const decomposed = decompose(text, form === 'NFC' || form === 'NFD' ? 'NFD' : 'NFKD');
  return form === 'NFD' || form === 'NFKD' ? decomposed : compose(decomposed);
}

/** Latin-1 below the first letter with a decomposition. */
// eslint-disable-next-line no-control-regex
const BEYOND_ASCII = /[^\0-\x7f]/;
const isPlain = (text: string): boolean => !BEYOND_ASCII.test(text);

const stayingPattern = lazy(() => classPattern(staysRanges, 'gu', '+'));
const staying = lazy(() => classPattern(staysRanges, 'u'));

function classPattern(ranges: Ranges, flags: string, quantifier = ''): RegExp {
  return new RegExp(`${classSource(ranges)}${quantifier}`, flags);
}

/** A character class of a regular expression with the flag `u`. */
export function classSource(ranges: Ranges): string {
  const inverse = complement(ranges);
  const negative = inverse.length < ranges.length;
  return negative ? `[^${innerSource(inverse)}]` : `[${innerSource(ranges)}]`;
}

/** What stands inside such a class. */
export function innerSource(ranges: Ranges): string {
  let source = '';
  for (let at = 0; at < ranges.length; at += 2) {
    const first = ranges[at] as number;
    const last = (ranges[at + 1] as number) - 1;
    source += `\\u{${first.toString(16)}}${last > first ? `-\\u{${last.toString(16)}}` : ''}`;
  }
  return source;
}

const classOf = (letter: string): number => combiningClassOf(letter.codePointAt(0) as number);

function decompose(text: string, form: 'NFD' | 'NFKD'): Change[] {
  const result: Change[] = [];
  let pending: { readonly own: number; readonly change: Change }[] = [];
  const flush = (): void => {
    pending.sort((a, b) => a.own - b.own);
    for (const { change } of pending) result.push(change);
    pending = [];
  };
  for (const letter of text) {
    const parts = staying().test(letter) ? letter : letter.normalize(form);
    let change = 0;
    for (const part of parts) {
      const own = classOf(part);
      if (own === 0) flush();
      pending.push({ own, change: [part, change] });
      change = 1;
    }
  }
  flush();
  return result;
}

/** The one character that two make together. */
function pairOf(first: string, second: string): string | undefined {
  if (staying().test(first) || staying().test(second)) return undefined;
  const together = (first + second).normalize('NFC');
  const point = together.codePointAt(0) as number;
  const single = together.length === (point > 0xffff ? 2 : 1);
  return single && !staying().test(together) ? together : undefined;
}

function compose(decomposed: readonly Change[]): Change[] {
  const result: Change[] = [];
  let starter: Change | undefined;
  let lastClass: number | undefined;
  let between: Change[] = [];
  const flush = (): void => {
    if (starter) result.push(starter);
    result.push(...between);
    between = [];
    lastClass = undefined;
  };
  for (const change of decomposed) {
    const [letter, size] = change;
    const own = classOf(letter);
    if (starter === undefined) {
      if (own !== 0) result.push(change);
      else starter = change;
      continue;
    }
    const blocked = lastClass !== undefined && lastClass >= own;
    const pair = blocked ? undefined : pairOf(starter[0], letter);
    if (pair !== undefined) {
      starter = [pair, starter[1] + size - 1];
    } else if (own === 0) {
      flush();
      starter = change;
    } else {
      between.push(change);
      lastClass = own;
    }
  }
  flush();
  return result;
}

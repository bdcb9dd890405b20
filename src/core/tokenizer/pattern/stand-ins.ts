import { categoryNameOf, lazy, newerRanges } from '../unicode/code-points.js';
import { classSource } from '../unicode/normalize.js';

/**
 * The package's Oniguruma has Unicode 14; the Rust library's has 16. A character that came between, or changed, is shown to
 * it as an older one of the same general category and length, which is the same to a pattern that asks for categories only.
 */
const newer = lazy(() => new RegExp(classSource(newerRanges), 'gu'));

/** An older character by category: one of a UTF-16 unit, and one of two. */
const OLDER_OF: Readonly<Record<string, readonly [string | undefined, string | undefined]>> = {
  Lu: ['\u10a0', '\u{10400}'],
  Ll: ['\u2c30', '\u{10428}'],
  Lm: ['\ua015', '\u{16f93}'],
  Lo: ['\ua000', '\u{10300}'],
  Mn: ['\u0f71', '\u{11001}'],
  Mc: ['\u0f3e', '\u{11000}'],
  Nd: ['\u0f20', '\u{104a0}'],
  Nl: [undefined, '\u{10140}'],
  No: ['\u0f2a', '\u{10107}'],
  Po: ['\u0f04', '\u{10100}'],
  So: ['\u0f01', '\u{1d100}'],
  Sc: ['\u20b1', undefined],
  Sm: ['\u2a00', '\u{1d6c1}'],
  Cf: [undefined, '\u{1d173}'],
};

/** Whether all that a pattern asks of a character is its category: no scripts, ranges, POSIX classes or other case. */
export function asksCategoriesOnly(pattern: string): boolean {
  // eslint-disable-next-line no-control-regex
  if (/[^\0-\x7f]|\\[xu]|\[:|\(\?[a-zA-Z-]*i(?!:'|:\[sdmt\])/.test(pattern)) return false;
  return [...pattern.matchAll(/\\[pP](?:\{([^}]*)\})?/g)].every(([, name = '']) => /^\^?(?:[LMNPSZ]|[LMNPSZ][a-z])$/.test(name));
}

/** The text with older characters for newer ones, or the first of these that none stands for. */
export function withOlder(text: string): { readonly text: string } | { readonly unknown: string } {
  let unknown: string | undefined;
  const older = text.replace(newer(), (letter) => {
    const pair = OLDER_OF[categoryNameOf(letter.codePointAt(0) as number) ?? ''];
    const one = pair?.[letter.length - 1];
    if (one === undefined) unknown ??= letter;
    return one ?? letter;
  });
  return unknown === undefined ? { text: older } : { unknown };
}

/** The first character of a text that is newer than the package. */
export function firstNewer(text: string): string | undefined {
  const pattern = newer();
  pattern.lastIndex = 0;
  return pattern.exec(text)?.[0];
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OnigurumaPattern, loadOniguruma } from '../../../src/core/tokenizer/pattern/oniguruma.js';
import { PatternError, TranslatedPattern } from '../../../src/core/tokenizer/pattern/pattern.js';
import { TimeLimitError, withinTime } from '../../../src/core/tokenizer/pattern/time-limit.js';
import { translate } from '../../../src/core/tokenizer/pattern/translate.js';

const families = [
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
];
const others = [
  'a++b?',
  '(?>a+)b?c',
  '\\w+',
  '[\\w-]+',
  '\\W',
  '[^\\d\\s]+',
  'a{2,3}|b+?',
  "(?i:'s|ll)x?",
  '\\p{P}',
  '(?:ab|a)?c',
  '\\n\\t',
];

const texts = fc.string({
  unit: fc.constantFrom(
    ...'aAbBcstTSL1٣½²₃Ⅳ \n\r\t\u0085\u00a0\u2028\u3000\ufeff\u200b.,\'"!/-_«$€äéß\u0301\u0308ſKﬁ中カ🙂\u200dरि𝟘\u{10400}',
  ),
  maxLength: 40,
});

test('a translated pattern matches what Oniguruma matches', async () => {
  await loadOniguruma();
  for (const source of [...families, ...others]) {
    const translation = translate(source);
    assert.ok(translation !== undefined, `${source} is not translated`);
    const [own, right] = [new TranslatedPattern(source, translation), new OnigurumaPattern(source)];
    fc.assert(
      fc.property(texts, (text) => assert.deepEqual(own.matches(text), right.matches(text))),
      { numRuns: 300 },
    );
  }
});

test('a pattern that may step back much is left to Oniguruma', () => {
  for (const source of ['(a+)+$', '(?:a+)*b', 'a*a*b', '\\p{L}+\\p{L}+\\p{L}+x', '(?:a+)?(?:a+)?b', 'a*', '^a', 'a$', '(a)\\1']) {
    assert.equal(translate(source), undefined, source);
  }
});

test('a pattern without end is given up where the Rust library gives up', async () => {
  await loadOniguruma();
  const began = performance.now();
  const pattern = new OnigurumaPattern('(a+)+$');
  assert.throws(() => pattern.matches(`${'a'.repeat(40)}!`), PatternError);
  assert.ok(performance.now() - began < 5000);
  // The end of the text, an empty match there and no match are told apart.
  assert.deepEqual(pattern.matches('aa b aa'), [{ start: 5, end: 7 }]);
  assert.deepEqual(new OnigurumaPattern('\\z|b').matches('abc'), [
    { start: 1, end: 2 },
    { start: 3, end: 3 },
  ]);
});

test('characters that came after Unicode 14 are judged by their category, or refused by name', async () => {
  await loadOniguruma();
  assert.deepEqual(new OnigurumaPattern('\\p{S}++|\\p{L}++').matches('a\u{1fae8}b'), [
    { start: 0, end: 1 },
    { start: 1, end: 3 },
    { start: 3, end: 4 },
  ]);
  assert.throws(() => new OnigurumaPattern('\\p{Emoji}').matches('\u{1fae8}'), /U\+1FAE8/);
  assert.throws(() => new OnigurumaPattern('\\X'), /\\X/);
});

test('work has an end, inside patterns of JavaScript and of Oniguruma', async () => {
  await loadOniguruma();
  const slow = new OnigurumaPattern('(?:\\w{0,30}){4}\\d\\d$');
  const works: (() => unknown)[] = [() => /(a+)+$/.test(`${'a'.repeat(40)}!`), () => slow.matches(`${'a'.repeat(2000)}1`)];
  for (const work of works) assert.throws(() => withinTime(0.3, work), TimeLimitError);
  // The clock starts anew, and what runs inside limited work has none of its own.
  assert.equal(
    withinTime(1, () => withinTime(0.001, () => 7)),
    7,
  );
  assert.throws(() => withinTime(1, () => assert.fail('passed on')), /passed on/);
});

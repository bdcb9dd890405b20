import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LINE_LIMITS, PAIR_LIMITS, wordDiff } from '../../../src/core/dataset-table/word-diff.js';
import { textOf } from './support.js';

const own = (text: readonly { kind: string; text: string }[]): string[] =>
  text.filter(({ kind }) => kind === 'own').map((piece) => piece.text);

test('words that one text alone has are told', () => {
  const { chosen, rejected } = wordDiff('I can not help you', 'I can help everybody', PAIR_LIMITS);
  assert.deepEqual(own(chosen), ['not ', 'you']);
  assert.deepEqual(own(rejected), ['everybody']);
});

test('scripts without spaces go by characters', () => {
  const { chosen, rejected } = wordDiff('今日は天気がいい', '今日は天気が悪い', PAIR_LIMITS);
  assert.deepEqual([own(chosen), own(rejected)], [['い'], ['悪']]);
});

test('a word is never cut by a difference within it', () => {
  assert.deepEqual(own(wordDiff('interesting idea', 'interested idea', PAIR_LIMITS).chosen), ['interesting']);
  const long = 'word '.repeat(40);
  const { chosen } = wordDiff(`${long}unhappy`, `${long}unhappily`, LINE_LIMITS);
  assert.deepEqual(own(chosen), ['unhappy']);
});

const text = fc.array(fc.constantFrom('a', 'bb', ' ', '\n', '.', '😀', 'é', '天'), { maxLength: 60 }).map((parts) => parts.join(''));

test('the pieces of each side are its text, and what is the same is so in both', () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      const { chosen, rejected } = wordDiff(a, b, PAIR_LIMITS);
      assert.equal(textOf(chosen), a);
      assert.equal(textOf(rejected), b);
      const same = (pieces: typeof chosen): string => textOf(pieces.filter(({ kind }) => kind === 'same'));
      assert.equal(same(chosen), same(rejected));
      if (a === b) assert.deepEqual([own(chosen), own(rejected)], [[], []]);
    }),
  );
});

test('of long texts a part is shown, between signs, and soon', () => {
  fc.assert(
    fc.property(text, text, text, (start, a, b) => {
      const before = start.repeat(30);
      const { chosen, rejected } = wordDiff(before + a.repeat(20), before + b.repeat(20), { most: 50, before: 20 });
      for (const pieces of [chosen, rejected]) {
        assert.ok(textOf(pieces.filter(({ kind }) => kind !== 'cut')).length <= 50);
        assert.doesNotMatch(textOf(pieces), /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/);
      }
    }),
  );
  const [a, b] = [1, 2].map((seed) => Array.from({ length: 200_000 }, (_, i) => `w${(i * 7919 * seed) % 100_003}`).join(' '));
  const begun = performance.now();
  wordDiff(a!, b!, PAIR_LIMITS);
  wordDiff(a!, b!, LINE_LIMITS);
  assert.ok(performance.now() - begun < 2000);
});

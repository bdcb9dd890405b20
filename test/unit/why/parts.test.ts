import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quarters } from '../../../src/core/why/decompose.js';
import { editDistance } from '../../../src/core/why/edit-distance.js';
import { spread, tokensOfPairs } from '../../../src/core/why/pair-tokens.js';
import { CLASS_LABELS, classOf, partsOfTokens } from '../../../src/core/why/token-parts.js';
import { planOf } from '../pairs/support.js';
import { responsePair } from './support.js';

const ids = (text: string): Int32Array => Int32Array.from(text, (letter) => letter.charCodeAt(0));

test("the edit distance is Levenshtein's over the longer length", () => {
  for (const [a, b, edits] of [
    ['kitten', 'sitting', 3],
    ['', 'abc', 3],
    ['abc', 'abc', 0],
    ['abcdef', 'abXdef', 1],
    ['flaw', 'lawn', 2],
    ['intention', 'execution', 5],
  ] as const) {
    assert.equal(editDistance(ids(a), ids(b)), edits / Math.max(a.length, b.length), `${a} ${b}`);
    assert.equal(editDistance(ids(b), ids(a)), edits / Math.max(a.length, b.length), `${b} ${a}`);
  }
  assert.equal(editDistance(ids(''), ids('')), 0);
});

test('the edit distance is what the least of all ways to change one into the other takes', () => {
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
  const least = (a: string, b: string): number => {
    if (a === '' || b === '') return a.length + b.length;
    if (a[0] === b[0]) return least(a.slice(1), b.slice(1));
    return 1 + Math.min(least(a.slice(1), b), least(a, b.slice(1)), least(a.slice(1), b.slice(1)));
  };
  const text = (): string => Array.from({ length: random(7) }, () => 'abc'[random(3)]).join('');
  for (let round = 0; round < 300; round++) {
    const [a, b] = [text(), text()];
    assert.equal(editDistance(ids(a), ids(b)) * Math.max(a.length, b.length, 1), least(a, b), `${a} ${b}`);
  }
});

test('quarters have names by what is in them, and are fewer where values are the same', () => {
  const text = (low: number, high: number): string => `${low}-${high}`;
  const { labelOf, order } = quarters([1, 2, 3, 4, 5, 6, 7, 8], text);
  assert.deepEqual(order, ['1-2', '3-4', '5-6', '7-8']);
  assert.deepEqual([1, 2, 3, 8].map(labelOf), ['1-2', '1-2', '3-4', '7-8']);
  assert.deepEqual(quarters([5, 5, 5, 5], text).order, ['5-5']);
  assert.deepEqual(quarters([1, 1, 1, 1, 1, 1, 9], text).order, ['1-1', '9-9']);
});

test('some of a list are spread over all of it', () => {
  assert.deepEqual(spread([1, 2, 3], 5), [1, 2, 3]);
  assert.deepEqual(
    spread(
      Array.from({ length: 100 }, (_, i) => i),
      4,
    ),
    [12, 37, 62, 87],
  );
});

test('the tokens of pairs are found in a plan, whatever is shared in it', async () => {
  const pairs = Array.from({ length: 30 }, (_, row) => responsePair(row, { common: row % 5, chosen: 8 + (row % 3), rejected: 9 }));
  for (const sharing of ['none', 'pair', 'tree'] as const) {
    const plan = await planOf(pairs, { sharing, batch_size: 8 });
    const wanted = [0, 7, 29];
    const found = tokensOfPairs(plan, new Set(wanted));
    assert.deepEqual(
      [...found.keys()].sort((a, b) => a - b),
      wanted,
    );
    for (const pair of wanted) {
      const { chosen, rejected } = pairs[plan.pairRow[pair]!]!;
      assert.deepEqual(found.get(pair)!.chosen, chosen, sharing);
      assert.deepEqual(found.get(pair)!.rejected, rejected, sharing);
    }
  }
});

test('a token is of the kind that its text says', () => {
  for (const [text, after, kind] of [
    [' house', false, 'beginning of a word'],
    ['House', true, 'beginning of a word'],
    ['hold', false, 'rest of a word'],
    [' größe', false, 'beginning of a word'],
    ['用', false, 'rest of a word'],
    [" don't", false, 'beginning of a word'],
    ['42', false, 'number'],
    [' 7', true, 'number'],
    ['.', false, 'punctuation'],
    [' (', false, 'punctuation'],
    ['<|x|>', false, 'punctuation'],
    ['\n\n', false, 'white space'],
    [' ', true, 'white space'],
  ] as const) {
    assert.equal(classOf(text, after), kind, JSON.stringify(text));
  }
});

test('tokens are told apart by where they stand, what they share and what they are', () => {
  const texts = ['the', ' cat', ' sat', ' on', ' 3', '.', '<end>', ' dog'];
  // the cat sat on 3 . <end>     the dog sat on . <end>
  const chosen = { tokens: Int32Array.of(0, 1, 2, 3, 4, 5, 6), changes: Float32Array.of(-1, -8, -1, -1, 2, -1, -2) };
  const rejected = { tokens: Int32Array.of(0, 7, 2, 3, 5, 6), changes: Float32Array.of(0, -10, 0, 0, 0, 0) };
  const parts = partsOfTokens([{ chosen, rejected }], (token) => texts[token]!, new Set([6]));
  const groups = (by: string): [string, number, number][] =>
    parts.find((part) => part.by === by)!.groups.map(({ label, chosen: { n, mean } }) => [label, n, mean]);
  assert.deepEqual(groups('position'), [
    ['first quarter', 2, -4.5],
    ['second quarter', 2, -1],
    ['third quarter', 2, 0.5],
    ['last quarter', 1, -2],
  ]);
  assert.deepEqual(groups('difference'), [
    ['before the first difference', 1, -1],
    ['the first different token', 1, -8],
    ['after it', 5, -3 / 5],
  ]);
  assert.deepEqual(
    groups('shared').map(([label, n]) => [label, n]),
    [
      ['in both responses', 5],
      ['in this response alone', 2],
    ],
  );
  assert.deepEqual(
    groups('class').map(([label, n]) => [label, n]),
    [
      ['beginning of a word', 4],
      ['number', 1],
      ['punctuation', 1],
      ['end of text', 1],
    ],
  );
  assert.ok(groups('class').every(([label]) => (CLASS_LABELS as readonly string[]).includes(label)));
  const total = parts.find(({ by }) => by === 'class')!.groups.reduce((sum, { part }) => sum + part, 0);
  assert.ok(Math.abs(total - 1) < 1e-9);
});

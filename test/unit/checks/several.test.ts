import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonLines } from '../dataset/support.js';
import { blue, reportOf, seven, told, user } from './support.js';

const ranked = (responses: readonly unknown[], ranks = responses.map((_, index) => index + 1)) => ({
  prompt: 'p',
  responses,
  ranks,
});

test('good rows of several, ranked and scored responses have no problems', async () => {
  for (const [row, pairs] of [
    [{ prompt: 'p', chosen: ['a', 'b'], rejected: ['c'] }, 2],
    [{ prompt: [user], chosen: [[blue]], rejected: [[seven], [{ ...seven, content: 'Eight.' }]] }, 2],
    [ranked(['a', 'b', 'c']), 3],
    [ranked(['a', 'b', 'c'], [1, 1, 2]), 2],
    [
      {
        instruction: 'i',
        completions: [
          { response: 'a', score: 3 },
          { response: 'b', score: 1 },
        ],
      },
      1,
    ],
    [{ prompt: [user], responses: ['a', [blue]], scores: [1, 2] }, 1],
  ] as const) {
    const text = jsonLines(row);
    assert.deepEqual(await told(text), []);
    assert.equal((await reportOf(text)).pairs, pairs);
  }
});

for (const [name, text, expected] of [
  ['a better and a worse one are equal', jsonLines(ranked(['a', 'b', 'a'])), ['equal-responses 1: "a"']],
  ['equal ones of equal rank make no pair', jsonLines(ranked(['a', 'a', 'b'], [1, 1, 2])), []],
  ['one that equals two others is told once', jsonLines({ prompt: 'p', chosen: ['a', 'a'], rejected: ['a'] }), ['equal-responses 1: "a"']],
  ['white space between two', jsonLines(ranked(['a b', 'c', 'a  b'])), ['white-space-difference 1: "a  b"']],
  [
    'suspicious text, told once for all pairs it is in',
    jsonLines({ ...ranked(['a</s>', 'b', 'c Ã©', 'd ']), prompt: '[INST] x' }),
    ['template-token 1: [INST]', 'template-token 1: </s>', 'mojibake 1: Ã©', 'outer-white-space 1:  '],
  ],
  ['an empty one', jsonLines(ranked(['a', ' ', 'b'])), ['empty-response 1: " "']],
  [
    'the text of a completion',
    jsonLines({
      instruction: 'i',
      completions: [
        { response: 'a', score: 3 },
        { response: 'a\t', score: 1 },
      ],
    }),
    ['white-space-difference 1: "a\\t"', 'outer-white-space 1: \\t'],
  ],
  ['roles of message lists', jsonLines({ prompt: [user], chosen: [[blue], [user]], rejected: [[seven]] }), ['role-order 1: "user"']],
] as const) {
  test(`several responses: ${name}`, async () => assert.deepEqual(await told(text), expected));
}

test('rows of several responses are compared with other rows, pair by pair', async () => {
  assert.deepEqual(
    (await reportOf(jsonLines(ranked(['a', 'b', 'c']), ranked(['a', 'b']), ranked(['x', 'c', 'b'])))).problems.map(({ check, what }) => [
      check,
      what,
    ]),
    [
      ['duplicate', 'the same pair as line 1'],
      ['contradiction', 'line 1 prefers these two responses the other way round'],
    ],
  );
});

test('a row of several responses is no duplicate while one of its pairs is new', async () => {
  assert.deepEqual(await told(jsonLines(ranked(['a', 'b']), ranked(['a', 'b', 'c']))), []);
});

test('what is equal within a row is no duplicate of itself', async () => {
  const row = { prompt: 'p', chosen: ['a', 'a'], rejected: ['b'] };
  assert.deepEqual(await told(jsonLines(row)), []);
});

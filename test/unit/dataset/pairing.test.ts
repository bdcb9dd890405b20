import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Dataset, type PairingOptions, type PairText } from '../../../src/core/dataset/index.js';
import { pairLists, pairScores } from '../../../src/core/dataset/pairing.js';
import { datasetFile, errorOf, jsonLines, readPairs } from './support.js';

const fixtures = path.resolve(import.meta.dirname, '../../fixtures/datasets');
const good = (name: string): string => path.join(fixtures, 'good', name);

const all: PairingOptions = { pairing: 'all', minMargin: 0 };
const best: PairingOptions = { pairing: 'best', minMargin: 0 };

async function read(file: string, options: PairingOptions): Promise<{ dataset: Dataset; pairs: PairText[] }> {
  const dataset = await Dataset.open(file, options);
  const pairs: PairText[] = [];
  for await (const pair of dataset.pairs()) pairs.push(pair);
  return { dataset, pairs };
}

/** A pair as `line: chosen > rejected`. */
function short({ line, chosen, rejected }: PairText): string {
  const text = (side: PairText['chosen']): string => (typeof side === 'string' ? side : (side[0]?.content ?? ''));
  return `${line}: ${text(chosen)} > ${text(rejected)}`;
}

test('lists: every chosen over every rejected, or the first chosen over every rejected', async () => {
  const file = good('several-responses.jsonl');
  const { dataset, pairs } = await read(file, all);
  assert.equal(dataset.form, 'trl-explicit');
  assert.deepEqual(pairs.map(short), [
    ...['1: a > c', '1: a > d', '1: a > e', '1: b > c', '1: b > d', '1: b > e'],
    ...['2: a > c', '2: a > d'],
  ]);
  assert.deepEqual((await read(file, best)).pairs.map(short), [...['1: a > c', '1: a > d', '1: a > e'], ...['2: a > c', '2: a > d']]);
});

test('lists of message lists', async () => {
  const { pairs } = await read(good('several-responses-messages.jsonl'), all);
  assert.deepEqual(pairs.map(short), ['1: Blue. > Seven.', '1: Red. > Seven.']);
  assert.deepEqual(pairs[1]?.prompt, [{ role: 'user', content: 'Name a colour.' }]);
});

test('lists with an implicit prompt are split pair by pair', async (t) => {
  const row = { chosen: ['Q: a A: yes', 'Q: a A: aye'], rejected: 'Q: a A: no' };
  const { dataset, pairs } = await readPairs(await datasetFile(t, jsonLines(row)));
  assert.equal(dataset.form, 'trl-implicit');
  assert.deepEqual(pairs.map(short), ['1:  yes >  no', '1:  aye >  no']);
  assert.deepEqual(
    pairs.map(({ prompt }) => prompt),
    ['Q: a A:', 'Q: a A:'],
  );
});

test('ranks: the least is best, equal ranks make no pair, a margin is not of ranks', async () => {
  const file = good('ranked.jsonl');
  const { dataset, pairs } = await read(file, { pairing: 'all', minMargin: 5 });
  assert.equal(dataset.form, 'ranked');
  assert.deepEqual(pairs.map(short), ['1: b > a', '1: b > c', '1: a > c', '2: a > b', '2: a > c']);
  assert.deepEqual(dataset.counts, { made: 5, dropped: 1 });
  assert.deepEqual((await read(file, best)).pairs.map(short), ['1: b > a', '1: b > c', '2: a > b', '2: a > c']);
});

test('scores: closer than the margin, and equal, makes no pair and is counted', async () => {
  const file = good('scored.jsonl');
  const { dataset, pairs } = await read(file, all);
  assert.equal(dataset.form, 'scored');
  assert.deepEqual(pairs.map(short), ['1: a > b', '1: a > c', '1: b > c']);
  assert.deepEqual(dataset.counts, { made: 3, dropped: 1 });
  const wide = await read(file, { pairing: 'all', minMargin: 1 });
  assert.deepEqual(wide.pairs.map(short), ['1: a > c', '1: b > c']);
  assert.deepEqual(wide.dataset.counts, { made: 2, dropped: 2 });
  // 7.3 - 7 in binary is a little under 0.3.
  assert.equal((await read(file, { pairing: 'all', minMargin: 0.3 })).pairs.length, 3);
});

test('scores from Parquet, where whole numbers are 64 bits wide', async () => {
  const { dataset, pairs } = await read(good('scored.parquet'), all);
  assert.deepEqual(dataset.counts, { made: 5, dropped: 4 });
  assert.deepEqual(pairs[0], {
    ...{ kind: 'text', prompt: 'Name a colour.\n', chosen: ' b', rejected: ' a' },
    ...{ row: 0, line: undefined },
  });
});

test('UltraFeedback: an instruction and completions are turns of a chat', async () => {
  const { dataset, pairs } = await read(good('ultrafeedback.jsonl'), all);
  assert.equal(dataset.form, 'scored');
  assert.deepEqual(pairs.map(short), ['1: Blue. > Seven.', '1: Red. > Seven.']);
  assert.deepEqual(pairs[0], {
    kind: 'messages',
    prompt: [{ role: 'user', content: 'Name a colour.' }],
    chosen: [{ role: 'assistant', content: 'Blue.' }],
    rejected: [{ role: 'assistant', content: 'Seven.' }],
    row: 0,
    line: 1,
    source: 'evol',
  });
});

const faults: readonly (readonly [name: string, what: RegExp, where: string])[] = [
  ['ranks-too-few-line-2.jsonl', /2 responses, but 1 ranks/, ':2, field "ranks"'],
  ['score-not-a-number-line-1.jsonl', /must be a number, not "N\/A"/, ':1, field "scores[1]"'],
  ['completion-without-score-line-1.jsonl', /missing field/, ':1, field "completions[1].score"'],
  ['one-response-line-2.jsonl', /only one response/, ':2, field "responses[0]"'],
  ['empty-in-several-line-1.jsonl', /is empty/, ':1, field "chosen[1]"'],
  ['all-tied.jsonl', /no pairs are left: all 1/, ''],
];

for (const [name, what, where] of faults) {
  test(`${name}: one error that names the place`, async () => {
    const file = path.join(fixtures, 'bad', name);
    const error = await errorOf(file);
    assert.match(error.what, what);
    assert.equal(error.where, `${file}${where}`);
  });
}

test('scores: each two responses make one pair, the better first, or are dropped', () => {
  const score = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.double({ noNaN: true, min: -1e6, max: 1e6 }));
  fc.assert(
    fc.property(fc.array(score, { minLength: 1, maxLength: 9 }), fc.double({ noNaN: true, min: 0, max: 3 }), (scores, minMargin) => {
      const { pairs, dropped } = pairScores(scores, { pairing: 'all', minMargin });
      assert.equal(pairs.length + dropped, (scores.length * (scores.length - 1)) / 2);
      assert.equal(new Set(pairs.map(([a, b]) => `${Math.min(a, b)} ${Math.max(a, b)}`)).size, pairs.length);
      for (const [better, worse] of pairs) {
        assert.ok(scores[better]! > scores[worse]!);
        assert.ok(scores[better]! - scores[worse]! >= minMargin - 1e-8);
      }
      const top = pairScores(scores, { pairing: 'best', minMargin });
      assert.equal(top.pairs.length + top.dropped, scores.length - 1);
      for (const [better] of top.pairs) assert.ok(scores.every((score) => score <= scores[better]!));
    }),
  );
  assert.deepEqual(pairLists(2, 2, best).pairs, [
    [0, 0],
    [0, 1],
  ]);
});

test('the form may be given: rows are then read as that, and as nothing else', async (t) => {
  const file = await datasetFile(t, jsonLines({ prompt: 'p', chosen: 'p a', rejected: 'p b' }));
  const open = (form: 'trl-implicit' | 'scored'): Promise<Dataset> => Dataset.open(file, { form, ...all });
  const implicit = await open('trl-implicit');
  for await (const pair of implicit.pairs()) assert.equal(pair.prompt, 'p');
  assert.equal(implicit.form, 'trl-implicit');
  const scored = await open('scored');
  await assert.rejects(scored.pairs().next(), /missing field "responses"/);
});

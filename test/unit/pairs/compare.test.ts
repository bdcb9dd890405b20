import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparePairs, differenceText, type EvaluatedPairs, type PairedComparison, verdictsOf } from '../../../src/core/pairs/index.js';
import { commonPairs } from '../../../src/core/pairs/evaluated.js';
import type { Plan } from '../../../src/core/plan/index.js';
import { planOf, tokenPairs, valuesOf } from './support.js';

const LENGTHS = Array.from({ length: 60 }, (_, i): [number, number] => [2 + (i % 5), 3]);
const NAMES = ['a', 'b'] as const;

const evaluated = (plan: Plan, margin: (row: number) => number): EvaluatedPairs => ({
  step: 5,
  plan,
  values: Float32Array.from([...plan.pairRow].flatMap((row) => valuesOf(margin(row)))),
});

test('pairs are matched by their rows, whatever the order, the bins and the sharing', async () => {
  const pairs = tokenPairs(LENGTHS);
  const [a, b] = await Promise.all([
    planOf(pairs, { seed: 1, batch_size: 8, sharing: 'none' }),
    planOf(pairs, { seed: 2, batch_size: 16, sharing: 'tree' }),
  ]);
  const common = commonPairs(a, b)!;
  assert.equal(common.first.length, 60);
  common.first.forEach((place, i) => assert.equal(a.pairRow[place], b.pairRow[common.second[i]!]));
});

test('pairs of other files, or several of a row, are matched by their tokens', async () => {
  const pairs = tokenPairs(LENGTHS);
  const other = pairs.slice(20).map((pair, i) => ({ ...pair, row: i, line: i + 1 }));
  const a = await planOf(pairs, { seed: 1, sharing: 'none' });
  const b = await planOf(other, { seed: 2, sharing: 'tree' }, { dataset: 'other', tokenizer: 'tokenizer' });
  const common = commonPairs(a, b)!;
  assert.equal(common.first.length, 40);
  common.first.forEach((place, i) => assert.equal(a.pairRow[place], b.pairRow[common.second[i]!]! + 20));
  const c = await planOf(other, {}, { dataset: 'other', tokenizer: 'another' });
  assert.equal(commonPairs(a, c), undefined);
  const ofOneRow = pairs.map((pair) => ({ ...pair, row: 0 }));
  const [d, e] = [await planOf(ofOneRow, { seed: 1 }), await planOf(ofOneRow, { seed: 2 })];
  const byContent = commonPairs(d, e)!;
  assert.equal(new Set(byContent.second).size, 60);
  assert.ok(byContent.first.some((place, i) => place !== byContent.second[i]));
});

test('a difference that is there is shown, one that is not is told of in plain words', async () => {
  const plan = await planOf(tokenPairs(LENGTHS));
  const noise = (row: number): number => Math.sin(row * 78.233) * 3;
  const a = evaluated(plan, noise);
  const better = comparePairs(
    a,
    evaluated(plan, (row) => noise(row) + 1 + 0.1 * Math.sin(row)),
    NAMES,
    true,
  ) as PairedComparison;
  assert.equal(better.pairs, 60);
  assert.ok(Math.abs(better.differences.margin.mean - 1) < 0.1);
  assert.equal(differenceText(better, 'margin'), 'better');
  assert.equal(differenceText(better, 'loss'), 'better');
  const worse = comparePairs(
    evaluated(plan, (row) => noise(row) + 1),
    a,
    NAMES,
    true,
  ) as PairedComparison;
  assert.equal(differenceText(worse, 'loss'), 'worse');
  const unlike = comparePairs(
    a,
    evaluated(plan, (row) => noise(row) + 0.1 + Math.sin(row * 39.425) * 2),
    NAMES,
    true,
  ) as PairedComparison;
  assert.match(differenceText(unlike, 'margin'), /^no difference shown at this size; one this large takes about [\d,]+ pairs$/);
  const same = comparePairs(a, a, NAMES, true) as PairedComparison;
  assert.equal(differenceText(same, 'accuracy'), 'no difference shown at this size');
  const otherLoss = comparePairs(
    a,
    evaluated(plan, (row) => 5 * noise(row)),
    NAMES,
    false,
  ) as PairedComparison;
  assert.match(differenceText(otherLoss, 'margin'), /says nothing/);
  assert.equal(differenceText(otherLoss, 'accuracy'), 'no difference shown at this size');
});

test('what cannot be compared is told of', async () => {
  const plan = await planOf(tokenPairs(LENGTHS));
  const a = evaluated(plan, () => 1);
  const other = await planOf(tokenPairs([[9, 9]]), {}, { dataset: 'other', tokenizer: 'tokenizer' });
  assert.deepEqual(
    comparePairs(
      a,
      evaluated(other, () => 1),
      NAMES,
      true,
    ),
    { problem: 'its evaluations have no pair in common with the first run', run: 'b' },
  );
  assert.deepEqual(
    comparePairs(
      a,
      evaluated(plan, () => NaN),
      NAMES,
      true,
    ),
    { problem: 'the loss or margin of a pair is not a finite number', run: 'b' },
  );
});

test('verdicts are tables with what they say, and a note of what could not be compared', async () => {
  const plan = await planOf(tokenPairs(LENGTHS));
  const better = comparePairs(
    evaluated(plan, () => 1),
    evaluated(plan, (row) => 2 + Math.sin(row)),
    NAMES,
    true,
  );
  const missing = ['c', 'd', 'e', 'f', 'g', 'h', 'i'].map((run) => ({ problem: 'no record of evaluated pairs', run }));
  const { tables, notes } = verdictsOf({ paired: [better, ...missing], seeds: [] }, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']);
  assert.equal(tables.length, 1);
  assert.equal(tables[0]!.title, 'b against a, pair by pair: 60 evaluated pairs, after steps 5 and 5');
  assert.deepEqual(
    tables[0]!.rows.map(([metric, n]) => [metric, n]),
    [
      ['loss', '60'],
      ['accuracy', '60'],
      ['margin', '60'],
    ],
  );
  assert.deepEqual(tables[0]!.rows[1], ['accuracy', '60', '+0.0%', '+0.0%', '+0.0%', 'no difference shown at this size']);
  assert.equal(tables[0]!.rows[2]!.at(-1), 'better');
  assert.match(tables[0]!.rows[0]!.slice(2, 5).join(' '), /^−\d\.\d{4} −\d\.\d{4} −\d\.\d{4}$/, 'signs that are as wide as digits');
  const figures = { loss: undefined, accuracy: undefined, margin: { n: 3, mean: -0.5, interval: [-1.25, 0.25] } } as const;
  const seeds = verdictsOf({ paired: [], seeds: [{ runs: [0, 1, 2], figures }] }, ['a', 'b', 'c']).tables[0];
  assert.deepEqual(seeds?.rows, [['margin', '3', '−0.5000', '−1.2500', '0.2500']]);
  assert.deepEqual(notes, ['Not compared pair by pair: c, d, e, f, g and 2 more: no record of evaluated pairs']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatheredPairs } from '../../../src/core/pairs/gather.js';
import { PAIR_VIEWS, type PairTable } from '../../../src/core/pairs/index.js';
import type { Plan, PlanPairs } from '../../../src/core/plan/index.js';
import { planOf, tokenPairs, valuesOf, type Values } from './support.js';

function pairsOf(plan: Plan): PlanPairs {
  const responseTokens = new Int32Array(plan.sequenceReference.length);
  for (const sequence of plan.targetSequence) responseTokens[sequence]!++;
  return { ...plan, responseTokens };
}

/** A run's pairs, given the values of each by epoch and row. */
async function table(
  lengths: [number, number][],
  epochs: number,
  values: (epoch: number, row: number) => Values,
  startsAtZero = true,
): Promise<PairTable> {
  const plan = await planOf(tokenPairs(lengths), { epochs, batch_size: 8 });
  const gathered = new GatheredPairs(pairsOf(plan), startsAtZero);
  for (let step = 0; step + 1 < plan.stepPairStart.length; step++) {
    const [first, end] = [plan.stepPairStart[step]!, plan.stepPairStart[step + 1]!];
    const own = [...plan.pairRow.subarray(first, end)].flatMap((row, i) => values(Math.floor((first + i) / lengths.length), row));
    gathered.add(step + 1, first, Float32Array.from(own));
  }
  gathered.endSeries(64);
  return { of: 'train', pairs: gathered.rows(), isPerToken: false };
}

const rows = (view: keyof typeof PAIR_VIEWS, of: PairTable): number[] => PAIR_VIEWS[view].select(of).map(({ row }) => row);
const same = (count: number): [number, number][] => Array.from({ length: count }, () => [4, 4]);

test('a pair of several epochs is one, with its first and its last margin', async () => {
  const found = await table(same(24), 3, (epoch, row) => valuesOf(epoch + row / 100), false);
  assert.equal(found.pairs.length, 24);
  for (const { row, seen, start, now, change, chosenTokens } of found.pairs) {
    assert.deepEqual([seen, start, now, chosenTokens], [3, Math.fround(row / 100), Math.fround(2 + row / 100), 4]);
    assert.ok(Math.abs(change! - 2) < 1e-6);
  }
});

test('got worse: margins that fell, from 0 where training starts at the reference', async () => {
  const margins = (_: number, row: number): Values => valuesOf(row === 3 ? -1 : row === 5 ? -2 : 1);
  assert.deepEqual(rows('worse', await table(same(24), 1, margins)), [5, 3]);
  // Seen once, from a start that nobody knows.
  assert.deepEqual(rows('worse', await table(same(24), 1, margins, false)), []);
});

test('never learned: never above 0 when the others were; what was seen before anything was learned does not count', async () => {
  const found = await table(same(200), 2, (epoch, row) => valuesOf(epoch === 0 ? -0.01 : row === 7 ? -0.5 : row === 9 ? 0 : 2));
  assert.deepEqual(rows('never-learned', found), [7, 9]);
  assert.deepEqual(rows('never-learned', await table(same(30), 1, () => valuesOf(-1))), []);
});

test('probably mislabelled: fell while its neighbours rose', async () => {
  const noise = (row: number): number => Math.sin(row * 12.9898) * 0.8;
  const found = await table(same(300), 1, (_, row) => valuesOf(row % 20 === 11 ? -1 + noise(row) / 4 : 1 + noise(row)));
  const first = rows('mislabelled', found).slice(0, 15);
  assert.deepEqual(
    first.sort((a, b) => a - b),
    Array.from({ length: 15 }, (_, i) => 20 * i + 11),
  );
  // A margin that is no number is no reason to suspect all others.
  const damaged = await table(same(300), 1, (_, row) => valuesOf(row === 40 ? NaN : row % 20 === 11 ? -1 : 1));
  assert.equal(rows('mislabelled', damaged).length, 15);
});

test('long wins only because long: wins in sum, not per token', async () => {
  const lengths: [number, number][] = [
    [20, 4],
    [20, 4],
    [4, 20],
    [20, 4],
  ];
  // Chosen 2 over 20 tokens against 1 over 4; 8 over 20; shorter; loses anyway.
  const values = [valuesOf(1, 2), valuesOf(7, 8), valuesOf(1, 2), valuesOf(-1, 0)];
  const found = await table(lengths, 1, (_, row) => values[row]!);
  assert.deepEqual(rows('long', found), [0]);
  assert.deepEqual(rows('long', { ...found, isPerToken: true }), []);
});

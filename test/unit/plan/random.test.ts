import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../src/core/plan/random.js';

test('the same seeds give the same order for ever', () => {
  // Written down once: plans must not change from version to version.
  assert.deepEqual([...new Random(42, 0).order(10)], [7, 4, 8, 9, 1, 5, 6, 3, 0, 2]);
  assert.notDeepEqual(new Random(42, 1).order(100), new Random(42, 0).order(100));
  assert.notDeepEqual(new Random(43, 0).order(100), new Random(42, 0).order(100));
});

test('the generator follows the published xoshiro128**', () => {
  // State 1, 2, 3, 4 as in the reference implementation's usual test vector.
  const random = Random.from([1, 2, 3, 4]);
  assert.deepEqual(
    Array.from({ length: 4 }, () => random.next()),
    [11520, 0, 5927040, 70819200],
  );
});

test('an order is a permutation, and every place is equally likely', () => {
  const counts = new Array<number>(5).fill(0);
  for (let seed = 0; seed < 5000; seed++) {
    const order = new Random(seed).order(5);
    assert.deepEqual([...order].sort(), [0, 1, 2, 3, 4]);
    counts[order[0]!]!++;
  }
  // Five standard deviations of a binomial of 5000 draws.
  for (const count of counts) assert.ok(Math.abs(count - 1000) < 5 * Math.sqrt(5000 * 0.2 * 0.8), String(counts));
});

test('numbers below a bound reach all of them', () => {
  const random = new Random(7);
  const seen = new Set(Array.from({ length: 200 }, () => random.below(7)));
  assert.deepEqual([...seen].sort(), [0, 1, 2, 3, 4, 5, 6]);
});

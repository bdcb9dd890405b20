import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { lengthControlled } from '../../../src/core/statistics/index.js';

/** Made by scripts/fixtures/length_controlled.py with scikit-learn. */
const CASES = JSON.parse(
  readFileSync(path.resolve(import.meta.dirname, '../../fixtures/statistics/length-controlled.json'), 'utf8'),
) as readonly {
  readonly name: string;
  readonly scores: readonly number[];
  readonly differences: readonly number[];
  readonly rate: number;
  readonly slope: number;
  readonly low: number;
  readonly high: number;
}[];

function near(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, not ${expected}`);
}

test("length-controlled win rates are those of scikit-learn's logistic regression", () => {
  assert.ok(CASES.length >= 5);
  for (const { name, scores, differences, rate, slope, low, high } of CASES) {
    const found = lengthControlled(scores, differences);
    near(found.rate, rate, 1e-7, `${name}: rate`);
    near(found.slope, slope, 1e-6, `${name}: slope`);
    // The ends of 2,000 resamples, held against those of 3,000 others.
    near(found.interval[0], low, 0.06 * (high - low), `${name}: low`);
    near(found.interval[1], high, 0.06 * (high - low), `${name}: high`);
  }
});

test('the other way round it is the rest of the rate', () => {
  const { scores, differences } = CASES[0]!;
  const here = lengthControlled(scores, differences);
  const there = lengthControlled(
    scores.map((score) => 1 - score),
    differences.map((difference) => -difference),
  );
  near(here.rate + there.rate, 1, 1e-9, 'rates');
  near(here.slope, there.slope, 1e-9, 'slopes');
});

test('texts of one length change nothing, and scores that are all alike are the rate', () => {
  near(lengthControlled([1, 0, 1, 0.5], [7, 7, 7, 7]).rate, 0.625, 1e-12, 'rate');
  // R: binom.test(3, 3)$conf.int is 0.2924018 to 1.
  const { interval, ...others } = lengthControlled([1, 1, 1], [3, -4, 50]);
  assert.deepEqual(others, { rate: 1, slope: 0 });
  near(interval[0], 0.2924018, 1e-7, 'low');
  assert.equal(interval[1], 1);
  assert.deepEqual(lengthControlled([0], [3]), { rate: 0, slope: 0, interval: [0, 0.975] });
  assert.throws(() => lengthControlled([], []), RangeError);
  assert.throws(() => lengthControlled([1], [1, 2]), RangeError);
});

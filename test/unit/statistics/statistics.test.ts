import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Random } from '../../../src/core/plan/random.js';
import { meanInterval, pairedBootstrap, studentTQuantile } from '../../../src/core/statistics/index.js';

interface Case {
  readonly values: readonly number[];
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** Made by scripts/fixtures/statistics.py with SciPy. */
const CASES = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../../fixtures/statistics/cases.json'), 'utf8')) as {
  readonly quantiles: readonly { readonly probability: number; readonly degrees: number; readonly value: number }[];
  readonly intervals: readonly Case[];
  readonly bootstraps: readonly (Case & { readonly name: string })[];
};

function near(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, not ${expected}`);
}

test("quantiles of Student's distribution are SciPy's", () => {
  for (const { probability, degrees, value } of CASES.quantiles) {
    near(studentTQuantile(probability, degrees), value, 1e-8 * Math.max(1, Math.abs(value)), `${probability} of ${degrees}`);
  }
  assert.throws(() => studentTQuantile(1, 3), RangeError);
  assert.throws(() => studentTQuantile(0.5, 0), RangeError);
});

test("means and their intervals are SciPy's", () => {
  for (const { values, mean, low, high } of CASES.intervals) {
    const found = meanInterval(values)!;
    assert.equal(found.n, values.length);
    near(found.mean, mean, 1e-12, 'mean');
    near(found.interval![0], low, 1e-7 * Math.abs(high - low), 'low');
    near(found.interval![1], high, 1e-7 * Math.abs(high - low), 'high');
  }
  assert.equal(meanInterval([]), undefined);
  assert.deepEqual(meanInterval([3]), { n: 1, mean: 3, interval: undefined });
});

test("the paired bootstrap is SciPy's, but for the noise of the draws", () => {
  for (const { name, values, mean, low, high } of CASES.bootstraps) {
    const { difference } = pairedBootstrap({ difference: Float64Array.from(values) });
    near(difference.mean, mean, 1e-12, `${name}: mean`);
    // The ends of 10,000 resamples lie within 3 % of the width; those of whole numbers within one more or less.
    const noise = 0.03 * (high - low) + (name.startsWith('accuracy') ? 1.05 / values.length : 0);
    near(difference.interval[0], low, noise, `${name}: low`);
    near(difference.interval[1], high, noise, `${name}: high`);
  }
});

test('columns are drawn alike, so that a column does not depend on its neighbours', () => {
  const { values } = CASES.bootstraps[0]!;
  const column = Float64Array.from(values);
  const both = pairedBootstrap({ other: column.map((value) => -value), difference: column });
  assert.deepEqual(both.difference, pairedBootstrap({ difference: column }).difference);
  near(both.other.interval[0], -both.difference.interval[1], 1e-12, 'mirrored');
  assert.throws(() => pairedBootstrap({ a: column, b: new Float64Array(3) }), RangeError);
  assert.throws(() => pairedBootstrap({ a: new Float64Array(0) }), RangeError);
});

test('equal runs show no difference, and few pairs show none', () => {
  const { same, few } = pairedBootstrap({ same: new Float64Array(10), few: new Float64Array(10).fill(1) });
  assert.deepEqual(same, { n: 10, mean: 0, interval: [0, 0], isShown: false, pairsToShow: undefined });
  assert.equal(few.isShown, false);
  assert.equal(few.pairsToShow, 20);
});

/** Normal numbers (Box and Muller). */
function normal(random: Random): number {
  const unit = (): number => (random.next() + 0.5) / 2 ** 32;
  return Math.sqrt(-2 * Math.log(unit())) * Math.cos(2 * Math.PI * unit());
}

test('intervals hold the true difference in 95 ± 2 % of all tries', () => {
  const random = new Random(11);
  const TRIES = 800;
  const shapes = {
    margins: { n: 60, mean: 0.3, draw: () => 0.3 + normal(random) },
    // A run that is right on 14 of a hundred pairs more, and wrong on 10 more.
    accuracies: {
      n: 100,
      mean: 0.04,
      draw: () => {
        const at = random.below(100);
        return at < 14 ? 1 : at < 24 ? -1 : 0;
      },
    },
    // Losses are skewed.
    losses: { n: 150, mean: 0, draw: () => -Math.log((random.next() + 0.5) / 2 ** 32) - 1 },
  };
  for (const [name, { n, mean, draw }] of Object.entries(shapes)) {
    let held = 0;
    for (let i = 0; i < TRIES; i++) {
      const { difference } = pairedBootstrap({ difference: Float64Array.from({ length: n }, draw) }, 500);
      if (difference.interval[0] <= mean && mean <= difference.interval[1]) held++;
    }
    const share = held / TRIES;
    assert.ok(share >= 0.93 && share <= 0.97, `${name}: ${share}`);
  }
  let held = 0;
  for (let i = 0; i < 4000; i++) {
    const [low, high] = meanInterval(Array.from({ length: 4 }, () => normal(random)))!.interval!;
    if (low <= 0 && 0 <= high) held++;
  }
  assert.ok(held / 4000 >= 0.93 && held / 4000 <= 0.97, `seeds: ${held / 4000}`);
});

test('as many pairs as are said show a difference in four of five tries', () => {
  const random = new Random(12);
  const first = pairedBootstrap({ difference: Float64Array.from({ length: 10_000 }, (_, i) => 0.2 + (i % 2 === 0 ? 1 : -1)) }, 50);
  const n = first.difference.pairsToShow!;
  // (1.96 + 0.84)² / 0.2²
  assert.equal(n, 197);
  let shown = 0;
  for (let i = 0; i < 400; i++) {
    if (pairedBootstrap({ difference: Float64Array.from({ length: n }, () => 0.2 + normal(random)) }, 500).difference.isShown) shown++;
  }
  assert.ok(shown / 400 > 0.75 && shown / 400 < 0.85, String(shown / 400));
});

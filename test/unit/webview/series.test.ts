import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { SERIES, type SeriesName } from '../../../src/metrics.js';
import type { SeriesUpdate } from '../../../src/protocol/run.js';
import { decimate, isPositive } from '../../../webview/run/decimate.js';
import { nearestRow, rowOf, RunSeries } from '../../../webview/run/series.js';
import { extendTrailingMean, smoothingWindow } from '../../../webview/run/smooth.js';

function update(from: number, steps: readonly number[], loss: readonly number[] = steps): SeriesUpdate {
  const columns = Object.fromEntries(SERIES.map((name) => [name, Float32Array.from(loss)])) as Record<SeriesName, Float32Array>;
  return { from, step: Float64Array.from(steps), columns };
}

test('an overview is replaced by the whole', () => {
  const store = new RunSeries();
  assert.equal(store.apply({ ...update(0, [1, 3, 5]), overview: true }), true);
  assert.equal(store.isOverview, true);
  assert.equal(store.apply(update(0, [1, 2, 3, 4, 5])), true);
  assert.equal(store.isOverview, false);
  assert.deepEqual([...store.steps], [1, 2, 3, 4, 5]);
});

test('updates append, replace and cut', () => {
  const store = new RunSeries();
  assert.equal(store.apply(update(0, [1, 2, 3])), true);
  assert.equal(store.apply(update(3, [4])), true);
  assert.deepEqual([...store.steps], [1, 2, 3, 4]);
  assert.equal(store.apply(update(1, [2, 3], [9, 9])), true);
  assert.deepEqual(
    [[...store.steps], [...store.curve('loss')]],
    [
      [1, 2, 3],
      [1, 9, 9],
    ],
  );
  assert.equal(store.apply(update(2, [])), true);
  assert.equal(store.length, 2);
  assert.equal(store.apply(update(5, [6])), false, 'rows are missing between');
  assert.equal(store.length, 2);
});

test('a very long update is taken over', () => {
  const store = new RunSeries();
  const steps = Array.from({ length: 300_000 }, (_, i) => i + 1);
  assert.equal(store.apply(update(0, steps)), true);
  assert.equal(store.length, 300_000);
});

test('few points stay as they are', () => {
  assert.deepEqual(decimate([1, 2], [5, NaN], 10), [
    { x: 1, y: 5 },
    { x: 2, y: NaN },
  ]);
});

test('decimation keeps ends and extremes, in order, within the limit', () => {
  const values = fc.array(
    fc.oneof({ weight: 9, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) }, { weight: 1, arbitrary: fc.constant(NaN) }),
    {
      minLength: 1,
      maxLength: 400,
    },
  );
  fc.assert(
    fc.property(values, fc.integer({ min: 4, max: 100 }), (y, limit) => {
      const x = y.map((_, i) => i + 1);
      const points = decimate(x, y, limit);
      assert.ok(points.length <= Math.max(limit, 4));
      assert.equal(points[0]!.x, 1);
      assert.equal(points.at(-1)!.x, y.length);
      for (let i = 1; i < points.length; i++) assert.ok(points[i]!.x > points[i - 1]!.x);
      for (const point of points) assert.ok(Object.is(point.y, y[point.x - 1]));
      const numbers = (list: readonly number[]): number[] => list.filter((value) => !Number.isNaN(value));
      const kept = numbers(points.map((point) => point.y));
      assert.equal(Math.max(...kept, -Infinity), Math.max(...numbers(y), -Infinity));
      assert.equal(Math.min(...kept, Infinity), Math.min(...numbers(y), Infinity));
    }),
  );
});

function trailingMean(values: readonly number[], window: number): number[] {
  const means = values.map(() => NaN);
  extendTrailingMean(values, window, 0, means);
  return means;
}

test('time and tokens add up, rates are of each step, and smoothing follows what is appended', () => {
  const store = new RunSeries();
  const columns = (rows: number, more: object) =>
    Object.fromEntries(
      SERIES.map((name) => [name, Float32Array.from((more as Record<string, number[]>)[name] ?? Array(rows).fill(NaN))]),
    ) as SeriesUpdate['columns'];
  store.apply({
    from: 0,
    step: Float64Array.of(1, 2),
    columns: columns(2, { seconds: [2, 0], tokens: [100, 50], pairs: [8, 8], loss: [4, 2] }),
  });
  assert.deepEqual([...store.axis('time')], [2, 2]);
  assert.deepEqual([...store.axis('tokens')], [100, 150]);
  assert.deepEqual([...store.curve('pairs/s')], [4, NaN], 'a step without a time has no rate');
  assert.deepEqual([...store.smoothed('loss', 2)], [4, 3]);
  store.apply({ from: 2, step: Float64Array.of(3), columns: columns(1, { seconds: [1], tokens: [10], pairs: [8], loss: [0] }) });
  assert.deepEqual([...store.smoothed('loss', 2)], [4, 3, 1]);
  assert.deepEqual([...store.axis('tokens')], [100, 150, 160]);
  assert.equal(store.has('loss'), true);
  assert.equal(store.has('memory'), false);
});

test('rows are found by value', () => {
  assert.deepEqual(
    [0, 1, 2, 9].map((value) => rowOf([1, 3, 5], value)),
    [0, 0, 1, 3],
  );
  assert.deepEqual(
    [0, 1.9, 2.1, 9].map((value) => nearestRow([1, 3, 5], value)),
    [0, 0, 1, 2],
  );
  assert.equal(nearestRow([], 1), -1);
});

test('a stretch is decimated alone, and a logarithmic axis leaves out what it cannot show', () => {
  assert.deepEqual(
    decimate([1, 2, 3, 4], [5, -1, 0, 2], 10, 1, 4, isPositive).map(({ y }) => y),
    [NaN, NaN, 2],
  );
});

test('the trailing mean is that of the last values that are numbers', () => {
  assert.deepEqual([...trailingMean([1, 2, 3, 4], 2)], [1, 1.5, 2.5, 3.5]);
  assert.deepEqual([...trailingMean([NaN, 2, NaN, NaN, 5], 2)], [NaN, 2, 2, NaN, 5]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), (values, window) => {
      const means = trailingMean(values, window);
      values.forEach((_, i) => {
        const part = values.slice(Math.max(0, i - window + 1), i + 1);
        const later = values.map(() => NaN);
        extendTrailingMean(values, window, i, later);
        assert.ok(Math.abs((later[i] ?? NaN) - means[i]!) < 1e-9, 'also when it goes on from here');
        assert.ok(Math.abs(means[i]! - part.reduce((a, b) => a + b, 0) / part.length) < 1e-9);
      });
    }),
  );
});

test('short curves are not smoothed', () => {
  assert.deepEqual([0, 59, 60, 400, 100_000].map(smoothingWindow), [1, 1, 3, 20, 500]);
});

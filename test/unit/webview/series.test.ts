import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { SERIES, type SeriesName, type SeriesUpdate } from '../../../src/protocol.js';
import { decimate, smoothingWindow, trailingMean } from '../../../webview/run/decimate.js';
import { SeriesStore } from '../../../webview/run/series.js';

function update(from: number, steps: readonly number[], loss: readonly number[] = steps): SeriesUpdate {
  const columns = Object.fromEntries(SERIES.map((name) => [name, Float64Array.from(loss)])) as Record<
    SeriesName,
    Float64Array
  >;
  return { from, step: Float64Array.from(steps), columns };
}

test('updates append, replace and cut', () => {
  const store = new SeriesStore();
  assert.equal(store.apply(update(0, [1, 2, 3])), true);
  assert.equal(store.apply(update(3, [4])), true);
  assert.deepEqual(store.step, [1, 2, 3, 4]);
  assert.equal(store.apply(update(1, [2, 3], [9, 9])), true);
  assert.deepEqual(
    [store.step, store.columns.loss],
    [
      [1, 2, 3],
      [1, 9, 9],
    ],
  );
  assert.equal(store.apply(update(2, [])), true);
  assert.equal(store.length, 2);
  assert.equal(store.apply(update(5, [6])), false, 'rows are missing between');
  assert.equal(store.length, 2);
  store.clear();
  assert.equal(store.length, 0);
});

test('a very long update is taken over', () => {
  const store = new SeriesStore();
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
    fc.oneof(
      { weight: 9, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
      { weight: 1, arbitrary: fc.constant(NaN) },
    ),
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

test('the trailing mean is that of the last values that are numbers', () => {
  assert.deepEqual([...trailingMean([1, 2, 3, 4], 2)], [1, 1.5, 2.5, 3.5]);
  assert.deepEqual([...trailingMean([NaN, 2, NaN, NaN, 5], 2)], [NaN, 2, 2, NaN, 5]);
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -1000, max: 1000 }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 9 }),
      (values, window) => {
        const means = trailingMean(values, window);
        values.forEach((_, i) => {
          const part = values.slice(Math.max(0, i - window + 1), i + 1);
          assert.ok(Math.abs(means[i]! - part.reduce((a, b) => a + b, 0) / part.length) < 1e-9);
        });
      },
    ),
  );
});

test('short curves are not smoothed', () => {
  assert.deepEqual([0, 59, 60, 400, 100_000].map(smoothingWindow), [1, 1, 3, 20, 500]);
});

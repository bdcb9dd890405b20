import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { PairOfSequence } from '../../../src/core/inspect/sequences.js';
import { viewBin } from '../../../src/core/inspect/bin-view.js';
import { binCount } from '../../../src/core/plan/index.js';
import { runsOf, shapesIn, thinned } from '../../../webview/mask/shapes.js';
import { cellAt, clamp, fitScale, LARGEST_SCALE, panBy, reveal, seen, showRange, zoomAt } from '../../../webview/mask/viewport.js';
import { visibleMatrix } from '../mask/support.js';
import { planOf, planOptions, shape, tokenPairs } from '../plan/support.js';

test('shapes cover every visible cell of a part once, and nothing else', async () => {
  const edge = fc.double({ min: 0, max: 1, noNaN: true });
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, edge, edge, edge, edge, async (pairs, options, a, b, c, d) => {
      const plan = await planOf(pairs, options);
      const owners = new PairOfSequence(plan);
      for (let bin = 0; bin < binCount(plan); bin++) {
        const view = await viewBin(plan, owners, bin, shape);
        for (const layout of [view.shared, view.naive]) {
          const rows = layout.tokens.length;
          const range = (x: number, y: number): [number, number] =>
            [Math.floor(Math.min(x, y) * rows), Math.ceil(Math.max(x, y) * rows)] as const as [number, number];
          const [left, right] = range(a, b);
          const [top, bottom] = range(c, d);
          const drawn = Array.from({ length: rows }, () => new Array<number>(rows).fill(0));
          for (const { kind, ...part } of shapesIn(runsOf(layout), { left, right, top, bottom })) {
            for (let query = part.top; query < part.bottom; query++) {
              const last = kind === 'stairs' ? Math.min(part.right, query + 1) : part.right;
              assert.ok(last > part.left, 'a shape has something in every row');
              for (let key = part.left; key < last; key++) drawn[query]![key]!++;
            }
          }
          visibleMatrix(layout).forEach((cells, query) =>
            cells.forEach((visible, key) => {
              const inside = query >= top && query < bottom && key >= left && key < right;
              assert.equal(drawn[query]![key], visible && inside ? 1 : 0);
            }),
          );
        }
      }
    }),
    { numRuns: 40 },
  );
});

test('thinned runs keep their order, and long ones stay', () => {
  const begin = Int32Array.from({ length: 1000 }, (_, i) => i);
  const runs = { begin, end: begin.map((i) => i + 1), until: begin.map((i) => i + 1 + (i % 7)), segment: begin };
  const few = thinned(runs, 50);
  assert.equal(few.begin.length, 20);
  few.begin.forEach((at, i) => assert.ok(i === 0 || at >= few.end[i - 1]!));
  assert.equal(thinned(runs, 1), runs);
});

const viewport = fc.record({
  scale: fc.double({ min: 0.01, max: LARGEST_SCALE, noNaN: true }),
  left: fc.double({ min: -100, max: 5000, noNaN: true }),
  top: fc.double({ min: -100, max: 5000, noNaN: true }),
});
const extent = fc.record({
  width: fc.integer({ min: 50, max: 2000 }),
  height: fc.integer({ min: 50, max: 2000 }),
  rows: fc.integer({ min: 1, max: 32768 }),
});

test('a clamped viewport shows the mask and nothing beside it', () => {
  fc.assert(
    fc.property(viewport, extent, (view, room) => {
      const { scale, left, top } = clamp(view, room);
      assert.ok(scale >= fitScale(room) && scale <= LARGEST_SCALE);
      for (const [first, pixels] of [
        [left, room.width],
        [top, room.height],
      ] as const) {
        assert.ok(first >= 0);
        assert.ok(first === 0 || first + pixels / scale <= room.rows * (1 + 1e-9) + 1e-6);
      }
      assert.deepEqual(clamp({ scale, left, top }, room), { scale, left, top });
    }),
  );
});

test('zooming keeps the token under the pointer, panning moves by pixels', () => {
  const point = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(viewport, extent, point, point, fc.double({ min: 0.2, max: 5, noNaN: true }), (view, room, px, py, by) => {
      const [x, y] = [px * room.width, py * room.height];
      const zoomed = zoomAt(view, by, x, y, 0.001);
      assert.ok(Math.abs(zoomed.left + x / zoomed.scale - (view.left + x / view.scale)) < 1e-6 * room.rows + 1e-6);
      assert.ok(Math.abs(zoomed.top + y / zoomed.scale - (view.top + y / view.scale)) < 1e-6 * room.rows + 1e-6);
      const moved = panBy(view, 10, -20);
      assert.ok(Math.abs((moved.left - view.left) * view.scale - 10) < 1e-6);
      assert.ok(Math.abs((moved.top - view.top) * view.scale + 20) < 1e-6);
    }),
  );
});

test('a cell is found at its middle, and revealing it brings it into view', () => {
  fc.assert(
    fc.property(viewport, extent, fc.nat(), fc.nat(), (from, room, a, b) => {
      const cell = { query: a % room.rows, key: b % room.rows };
      const view = clamp(reveal(clamp(from, room), room, cell), room);
      const x = (cell.key + 0.5 - view.left) * view.scale;
      const y = (cell.query + 0.5 - view.top) * view.scale;
      assert.deepEqual(cellAt(view, room, x, y), cell);
      const [first, last] = seen(view.left, room.width, view.scale, room.rows);
      assert.ok(first <= cell.key && cell.key < last);
    }),
  );
  assert.equal(cellAt({ scale: 1, left: 0, top: 0 }, { width: 10, height: 10, rows: 5 }, 7, 1), undefined);
});

test('a range is shown whole and in the middle', () => {
  const room = { width: 400, height: 300, rows: 10_000 };
  const view = clamp(showRange(4000, 4100, room), room);
  assert.ok(view.left <= 4000 && view.left + room.width / view.scale >= 4100);
  assert.ok(view.top <= 4000 && view.top + room.height / view.scale >= 4100);
  assert.ok(Math.abs(view.left + room.width / view.scale / 2 - 4050) < 1e-6);
});

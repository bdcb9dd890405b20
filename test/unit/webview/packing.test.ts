import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import type { BinTotals } from '../../../src/core/inspect/index.js';
import { PLAN_SIDES } from '../../../src/protocol/plan.js';
import { BinSegments } from '../../../webview/packing/segments.js';
import { binTokens, clampSlots, fitSlots, ORDERS, revealSlot, slotsOf, WIDEST_SLOT, zoomSlots } from '../../../webview/packing/slots.js';
import { binWords } from '../../../webview/packing/words.js';

/** Two sides of the same steps, each step with some bins of some tokens. */
const sides = fc
  .array(
    fc.record({
      shared: fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 4 }),
      naive: fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 6 }),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((steps) => {
    const side = (name: 'shared' | 'naive'): BinTotals => {
      const stepStart = [0];
      for (const step of steps) stepStart.push(stepStart.at(-1)! + step[name].length);
      const roleTokens = steps.flatMap((step) => step[name].flatMap((tokens) => [tokens - 1, 1, 0, 0]));
      return { stepStart: Int32Array.from(stepStart), roleTokens: Int32Array.from(roleTokens) };
    };
    return { shared: side('shared'), naive: side('naive') };
  });

test('every bin has one slot; steps stand above each other, or the longest bin comes first', () => {
  fc.assert(
    fc.property(sides, (totals) => {
      for (const order of ORDERS) {
        const { count, bins, slotOf, stepEdges } = slotsOf(totals, order);
        for (const side of PLAN_SIDES) {
          const tokens = binTokens(totals[side]);
          assert.equal(new Set(slotOf[side]).size, tokens.length);
          slotOf[side].forEach((slot, bin) => assert.equal(bins[side][slot], bin));
          assert.equal(bins[side].filter((bin) => bin >= 0).length, tokens.length);
          assert.equal(bins[side].length, count);
          if (order === 'trained') {
            stepEdges.forEach((edge, step) => assert.equal(slotOf[side][totals[side].stepStart[step]!], edge));
          } else {
            const ranked = Array.from(
              bins[side].filter((bin) => bin >= 0),
              (bin) => tokens[bin]!,
            );
            assert.deepEqual(
              ranked,
              [...ranked].sort((a, b) => b - a),
            );
          }
        }
      }
    }),
  );
});

test('the view of the slots stays within them, and a slot that is wanted comes into view', () => {
  const number = fc.double({ min: -50, max: 5000, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 40, max: 1500 }),
      number,
      fc.double({ min: 0.01, max: 200, noNaN: true }),
      fc.nat(),
      (count, width, left, scale, at) => {
        const view = clampSlots({ scale, left }, count, width);
        assert.ok(view.scale >= fitSlots(count, width).scale && view.scale <= WIDEST_SLOT && view.left >= 0);
        assert.ok(view.left === 0 || view.left + width / view.scale <= count * (1 + 1e-9));
        const slot = at % count;
        const shown = revealSlot(view, slot, count, width);
        const seen = width / shown.scale;
        assert.ok(seen < 1 || (slot >= shown.left - 1e-6 && slot + 1 <= shown.left + seen + 1e-6));
        const close = zoomSlots(view, 2, width / 2, count, width);
        assert.ok(close.scale >= view.scale);
      },
    ),
  );
});

test('segments are asked for once, in chunks that stay within the bins', () => {
  const asked: [string, number, number][] = [];
  const segments = new BinSegments({ shared: 40, naive: 70 }, (...range) => asked.push(range));
  assert.equal(segments.get('shared', 33), undefined);
  assert.equal(segments.get('shared', 34), undefined);
  assert.equal(segments.get('naive', 33), undefined);
  assert.deepEqual(asked, [
    ['shared', 32, 40],
    ['naive', 32, 64],
  ]);
  segments.add({
    type: 'bins',
    side: 'shared',
    from: 32,
    segmentStart: Int32Array.of(0, 1, 3),
    segmentLength: Int32Array.of(5, 6, 7),
    segmentRole: Int32Array.of(0, 1, 2),
    segmentPair: Int32Array.of(0, 1, 1),
    segmentRow: Int32Array.of(8, 9, -1),
  });
  assert.deepEqual(segments.get('shared', 33), [
    { length: 6, role: 1, row: 9 },
    { length: 7, role: 2, row: -1 },
  ]);
});

test('a bin is named by its step and place, with its fill', () => {
  const totals = { stepStart: Int32Array.of(0, 1, 3), roleTokens: Int32Array.of(1, 0, 0, 0, 2, 0, 0, 0, 30, 20, 10, 15) };
  assert.equal(binWords('shared', totals, 2, 100), 'Shared, step 2, bin 2 of 2: 75 of 100 tokens, 75% full.');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { panBy, shownStretch, type Viewport, withFull, zoomAt, zoomTo } from '../../../webview/run/viewport.js';

const WHOLE: Viewport = { full: [1, 1001], zoomed: undefined };

test('zooming leaves the anchor where it is; far enough out shows everything', () => {
  const near = zoomAt(WHOLE, 251, 2);
  assert.deepEqual(shownStretch(near), [126, 626]);
  assert.equal((251 - 126) / 500, (251 - 1) / 1000);
  assert.equal(zoomAt(near, 300, 0.1).zoomed, undefined);
});

test('panning stops at the ends, and moves nothing when everything is shown', () => {
  const near = zoomTo(WHOLE, [101, 201]);
  assert.deepEqual(panBy(near, 0.5).zoomed, [151, 251]);
  assert.deepEqual(panBy(near, -9).zoomed, [1, 101]);
  assert.deepEqual(panBy(near, 99).zoomed, [901, 1001]);
  assert.equal(panBy(WHOLE, 1), WHOLE);
});

test('what is zoomed to stays as a run grows, and everything stays everything', () => {
  assert.deepEqual(withFull(zoomTo(WHOLE, [101, 201]), [1, 2001]).zoomed, [101, 201]);
  assert.deepEqual(shownStretch(withFull(WHOLE, [1, 2001])), [1, 2001]);
});

test('whatever is done, what is shown lies within what there is', () => {
  const act = fc.record({
    kind: fc.constantFrom('zoom', 'pan', 'to'),
    a: fc.double({ min: -2000, max: 2000, noNaN: true }),
    b: fc.double({ min: 0.01, max: 100, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 20 }), (acts) => {
      let viewport = WHOLE;
      for (const { kind, a, b } of acts) {
        if (kind === 'zoom') viewport = zoomAt(viewport, a, b);
        else if (kind === 'pan') viewport = panBy(viewport, a);
        else viewport = zoomTo(viewport, [a, a + b]);
        const [min, max] = shownStretch(viewport);
        assert.ok(min >= 1 - 1e-6 && max <= 1001 + 1e-6 && max > min, `${min}, ${max}`);
      }
    }),
  );
});

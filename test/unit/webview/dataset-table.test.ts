// What of a dataset's table needs no page: where it is scrolled to, and which lines it has.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TableLine } from '../../../src/core/dataset-table/index.js';
import { readTableHostMessage, readTablePageMessage, readTablePageState } from '../../../src/protocol/table.js';
import { BLOCK, LineCache } from '../../../webview/table/line-cache.js';
import { TallScroll } from '../../../webview/table/tall-scroll.js';

const VIEW = 700;

test('a content of any height is scrolled from end to end', () => {
  for (const height of [100, 5000, 8e6, 9e6, 68e6, 3e9]) {
    const scroll = new TallScroll();
    scroll.resize(height, VIEW);
    assert.ok(scroll.elementHeight <= 8e6);
    const end = scroll.goTo(height);
    assert.equal(scroll.top, Math.max(0, height - VIEW));
    assert.ok(Math.abs(end - Math.max(0, scroll.elementHeight - VIEW)) < 1);
    scroll.moved(0);
    assert.equal(scroll.top, 0);
    scroll.moved(scroll.elementHeight - VIEW);
    assert.ok(Math.abs(scroll.top - Math.max(0, height - VIEW)) < 1, String(height));
  }
});

test('a step of the wheel is as far anywhere, and where scrolling rests the bar shows it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1000, max: 2e9 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 500 }),
      (height, share, step) => {
        const scroll = new TallScroll();
        scroll.resize(height, VIEW);
        const place = scroll.goTo(share * height);
        const before = scroll.top;
        const to = place + step;
        if (to >= scroll.elementHeight - VIEW) return;
        const shift = scroll.shift;
        scroll.moved(to);
        assert.ok(Math.abs(scroll.top - Math.min(before + step, Math.max(0, height - VIEW))) < 1e-3);
        if (before + step < height - VIEW) assert.ok(Math.abs(scroll.shift - shift) < 1e-3, 'what is drawn stays where it is');
        const top = scroll.top;
        const rest = scroll.rested();
        assert.equal(scroll.top, top);
        assert.ok(rest >= 0 && rest <= scroll.elementHeight);
        scroll.moved(rest);
        assert.ok(Math.abs(scroll.top - top) < 1e-3, 'the browser tells of the place that it was given');
      },
    ),
  );
});

test('further down the bar is further down the content', () => {
  const scroll = new TallScroll();
  scroll.resize(68e6, VIEW);
  let last = -1;
  for (let place = 0; place < scroll.elementHeight - VIEW; place += 50_000) {
    scroll.moved(place);
    assert.ok(scroll.top > last);
    last = scroll.top;
  }
});

const line = (row: number): TableLine => ({ row }) as TableLine;

test('lines are asked for a block at a time, kept, and asked again once they are out of date', () => {
  const asked: number[] = [];
  const cache = new LineCache((from) => asked.push(from));
  cache.want(30, 60, 1000);
  cache.want(30, 60, 1000);
  assert.deepEqual(asked, [0]);
  cache.take(
    0,
    Array.from({ length: BLOCK }, (_, at) => line(at)),
  );
  assert.equal(cache.at(30)!.row, 30);
  cache.want(30, 60, 1000);
  assert.deepEqual(asked, [0, 50]);
  cache.take(
    50,
    Array.from({ length: 7 }, (_, at) => line(50 + at)),
  );
  assert.equal(cache.at(57), undefined);
  // Of the last block all is there; when there are more lines it is asked for again.
  cache.want(30, 60, 57);
  assert.equal(asked.length, 2);
  cache.want(30, 60, 58);
  assert.deepEqual(asked.splice(0), [0, 50, 50]);
  cache.outdate();
  assert.equal(cache.at(3)!.row, 3, 'shown until it has come again');
  cache.want(0, 10, 1000);
  assert.deepEqual(asked, [0]);
  for (let block = 0; block < 100; block++) cache.take(block * BLOCK, [line(block * BLOCK)]);
  assert.equal(cache.at(0), undefined, 'those not seen for longest are let go');
  assert.equal(cache.at(99 * BLOCK)!.row, 99 * BLOCK);
});

test('messages are checked field by field', () => {
  const how = { filter: 'x', sort: { column: 'chosen', descending: true }, unit: 'tokens' };
  assert.deepEqual(readTablePageMessage({ type: 'query', query: 1, how, more: 1 }), { type: 'query', query: 1, how });
  for (const wrong of [
    { ...how, unit: 'words' },
    { ...how, sort: { column: 'nosuch', descending: true } },
    { ...how, filter: 1 },
  ])
    assert.equal(readTablePageMessage({ type: 'query', query: 1, how: wrong }), undefined);
  assert.equal(readTablePageMessage({ type: 'edit', key: { row: -1, pair: 0 }, part: 'chosen', turn: 0, text: '' }), undefined);
  assert.equal(readTablePageMessage({ type: 'act', action: 'delete', key: { row: 1, pair: 0 } }), undefined);
  assert.equal(readTablePageState({ how: { ...how, unit: 1 } }), undefined);
  assert.deepEqual(readTablePageState({ how }), { how });
  const found = { query: 1, count: 2, searched: 3, total: 4, isDone: true };
  assert.deepEqual(readTableHostMessage({ type: 'found', found }), { type: 'found', found });
  assert.equal(readTableHostMessage({ type: 'found', found: { ...found, count: '2' } }), undefined);
  assert.deepEqual(readTableHostMessage({ type: 'changed' }), { type: 'changed' });
});

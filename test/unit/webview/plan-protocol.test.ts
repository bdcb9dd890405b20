import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { viewBin } from '../../../src/core/inspect/bin-view.js';
import { packedBins, roleTokens } from '../../../src/core/inspect/packed.js';
import { PairOfSequence } from '../../../src/core/inspect/sequences.js';
import { binCount } from '../../../src/core/plan/index.js';
import { MOST_TEXTS, readMaskHostMessage, readMaskPageMessage } from '../../../src/protocol/mask.js';
import { MOST_BINS, readPackingHostMessage, readPackingPageMessage } from '../../../src/protocol/packing.js';
import { readPlanPageState } from '../../../src/protocol/plan.js';
import { planOf, planOptions, shape, tokenPairs } from '../plan/support.js';

test('bins of real plans pass, and none whose numbers lead out of its arrays', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, fc.nat(), fc.nat(), fc.integer(), async (pairs, options, a, b, wrong) => {
      const plan = await planOf(pairs, options);
      const owners = new PairOfSequence(plan);
      const view = await viewBin(plan, owners, a % binCount(plan), shape);
      const message = { type: 'bin', ...view, focus: null };
      assert.deepEqual(readMaskHostMessage(message), message);
      const rows = view.shared.tokens.length;
      const broken = (name: 'visibleUntil' | 'segmentBegin' | 'segmentParent' | 'segmentRole', value: number) => {
        const column = view.shared[name].slice();
        const at = b % column.length;
        if (column[at] === value) return undefined;
        column[at] = value;
        return { ...message, shared: { ...view.shared, [name]: column } };
      };
      for (const bad of [
        broken('visibleUntil', rows + 1 + Math.abs(wrong % 9)),
        broken('visibleUntil', -1),
        broken('segmentBegin', wrong),
        broken('segmentParent', rows + 5),
        broken('segmentRole', 4),
        { ...message, shared: { ...view.shared, position: new Int32Array(rows + 1) } },
        { ...message, sharedRow: view.sharedRow.map(() => rows) },
        { ...message, cost: { shared: { flops: 1, seconds: NaN }, naive: { flops: 1, seconds: 1 } } },
        { ...message, focus: -1 },
      ]) {
        if (bad !== undefined) assert.equal(readMaskHostMessage(bad), undefined);
      }
    }),
    { numRuns: 40 },
  );
});

test('packings of real plans pass, and none that do not fit together', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, async (pairs, options) => {
      const bins = packedBins(await planOf(pairs, options));
      const { stepStart, ...rest } = bins;
      const slice = { type: 'bins', side: 'shared', from: 0, ...rest, segmentRow: bins.segmentPair };
      assert.deepEqual(readPackingHostMessage(slice), slice);
      assert.equal(readPackingHostMessage({ ...slice, side: 'other' }), undefined);
      assert.equal(readPackingHostMessage({ ...slice, segmentRole: bins.segmentRole.subarray(1) }), undefined);
      assert.equal(readPackingHostMessage({ ...slice, segmentLength: bins.segmentLength.map(() => 0) }), undefined);
      const totals = { stepStart, roleTokens: roleTokens(bins) };
      const each = <T>(value: T) => ({ prompt: value, chosen: value, rejected: value });
      const histogram = { width: 5, counts: each(Int32Array.of(1, 2)), medians: each(3), longest: each(9) };
      const overview = { type: 'overview', shared: totals, naive: totals, histogram, cost: null, focus: null };
      assert.deepEqual(readPackingHostMessage(overview), overview);
      for (const bad of [
        { ...overview, naive: { ...totals, roleTokens: totals.roleTokens.subarray(1) } },
        { ...overview, histogram: { ...histogram, width: 0 } },
        { ...overview, histogram: { ...histogram, counts: { ...histogram.counts, chosen: Int32Array.of(1) } } },
        { ...overview, cost: { flopsRatio: 1 } },
        { ...overview, focus: 0.5 },
      ]) {
        assert.equal(readPackingHostMessage(bad), undefined);
      }
    }),
    { numRuns: 30 },
  );
});

test('what pages ask is on the list and within bounds, and nothing else', () => {
  const texts = { type: 'texts', bin: 0, side: 'naive', from: 0, to: MOST_TEXTS };
  assert.deepEqual(readMaskPageMessage(texts), texts);
  assert.equal(readMaskPageMessage({ ...texts, to: MOST_TEXTS + 1 }), undefined);
  assert.equal(readMaskPageMessage({ ...texts, side: 'constructor' }), undefined);
  assert.deepEqual(readMaskPageMessage({ type: 'ready', more: 1 }), { type: 'ready' });
  assert.deepEqual(readPackingPageMessage({ type: 'open-row', row: 3 }), { type: 'open-row', row: 3 });
  assert.equal(readPackingPageMessage({ type: 'open-row', row: -3 }), undefined);
  const bins = { type: 'bins', side: 'shared', from: 4, to: 4 + MOST_BINS };
  assert.deepEqual(readPackingPageMessage(bins), bins);
  assert.equal(readPackingPageMessage({ ...bins, from: 3 }), undefined);
  assert.equal(readPackingPageMessage({ ...bins, from: 4 + MOST_BINS, to: 4 }), undefined);
  assert.equal(readPackingPageMessage({ type: 'mask', bin: null, row: null }), undefined);
  assert.deepEqual(readPackingPageMessage({ type: 'mask', bin: null, row: 2 }), { type: 'mask', bin: null, row: 2 });
  for (const value of [undefined, null, 'ready', { type: 'rm' }, [], { type: 'save', format: 'exe' }]) {
    assert.equal(readMaskPageMessage(value), undefined);
    assert.equal(readPackingPageMessage(value), undefined);
  }
});

test('a page keeps where its plan comes from, and the bin', () => {
  assert.deepEqual(readPlanPageState({ source: '{}', bin: 2, more: 1 }), { source: '{}', bin: 2 });
  for (const value of [undefined, {}, { source: 1, bin: 0 }, { source: '', bin: -1 }]) {
    assert.equal(readPlanPageState(value), undefined);
  }
});

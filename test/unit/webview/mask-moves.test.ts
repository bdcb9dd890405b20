import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { viewBin } from '../../../src/core/inspect/bin-view.js';
import { PairOfSequence } from '../../../src/core/inspect/sequences.js';
import { explain, segmentAt, treeAt } from '../../../src/core/mask/index.js';
import { binCount } from '../../../src/core/plan/index.js';
import { Counterparts } from '../../../webview/mask/counterparts.js';
import { moved } from '../../../webview/mask/moves.js';
import { planOf, planOptions, shape, tokenPairs } from '../plan/support.js';

test('a cell has its counterpart on the other side: the same tokens, and there again the cell', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, fc.nat(), fc.nat(), async (pairs, options, a, b) => {
      const plan = await planOf(pairs, options);
      const owners = new PairOfSequence(plan);
      for (let bin = 0; bin < binCount(plan); bin++) {
        const { shared, naive, sharedRow } = await viewBin(plan, owners, bin, shape);
        const counterparts = new Counterparts(shared.tokens.length, naive, sharedRow);
        const cell = { query: a % shared.tokens.length, key: b % shared.tokens.length };
        const there = counterparts.of('shared', cell);
        assert.deepEqual(counterparts.of('naive', there), cell);
        assert.equal(naive.tokens[there.query], shared.tokens[cell.query]);
        // Who sees whom in the tree does so in one of the sequences that it stands for.
        assert.equal(explain(naive, there.query, there.key).visible, explain(shared, cell.query, cell.key).visible);
      }
    }),
    { numRuns: 60 },
  );
});

test('keys move within the mask: by token, by tile, by segment, by tree', async () => {
  const press = (key: string, more: { shiftKey?: boolean; ctrlKey?: boolean } = {}) => ({
    key,
    shiftKey: false,
    ctrlKey: false,
    metaKey: false,
    ...more,
  });
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, fc.nat(), fc.nat(), async (pairs, options, a, b) => {
      const plan = await planOf(pairs, options);
      const { shared: layout } = await viewBin(plan, new PairOfSequence(plan), 0, shape);
      const rows = layout.tokens.length;
      const cell = { query: a % rows, key: b % rows };
      const to = (...args: Parameters<typeof press>) => moved(layout, cell, press(...args), 4)!;
      const within = (row: number): number => Math.min(rows - 1, Math.max(0, row));
      assert.deepEqual(to('ArrowUp'), { ...cell, query: within(cell.query - 1) });
      assert.deepEqual(to('ArrowDown', { shiftKey: true }), { ...cell, query: within(cell.query + 4) });
      assert.deepEqual(to('ArrowRight'), { ...cell, key: within(cell.key + 1) });
      assert.deepEqual(to('ArrowLeft', { shiftKey: true }), { ...cell, key: within(cell.key - 4) });
      assert.deepEqual(to('End'), { ...cell, key: cell.query });
      assert.deepEqual(to('Home'), { ...cell, key: treeAt(layout, cell.query).begin });
      const segments = layout.segmentBegin.length;
      const after = to('ArrowDown', { ctrlKey: true }).query;
      const segment = segmentAt(layout, cell.query);
      if (segment + 1 < segments) assert.equal(after, layout.segmentBegin[segment + 1]);
      else assert.equal(after, rows - 1);
      const before = to('ArrowUp', { ctrlKey: true }).query;
      assert.ok(before === 0 || before < cell.query);
      assert.ok(layout.segmentBegin.includes(before));
      for (const key of ['PageUp', 'PageDown']) {
        const { query } = to(key);
        assert.equal(treeAt(layout, query).begin, query);
      }
      assert.equal(moved(layout, cell, press('a'), 4), undefined);
    }),
    { numRuns: 60 },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { PairOfSequence, sequencesOf } from '../../../src/core/inspect/sequences.js';
import { viewBin } from '../../../src/core/inspect/bin-view.js';
import {
  causalCells,
  classifyTiles,
  explain,
  type MaskLayout,
  pathTo,
  rowCount,
  segmentAt,
  tileAt,
  TileKind,
  treeAt,
  visibleCells,
} from '../../../src/core/mask/index.js';
import { countTiles } from '../../../src/core/cost/index.js';
import { forwardFlops } from '../../../src/core/model/index.js';
import { binCount } from '../../../src/core/plan/index.js';
import { planOf, planOptions, shape, tokenPairs } from '../plan/support.js';
import { onPath, segmentsByRow, visibleMatrix } from './support.js';

/** Layouts of real plans: bins as they are, and the same sequences naively, in one block or several. */
const layouts: fc.Arbitrary<Promise<MaskLayout[]>> = fc.tuple(tokenPairs, planOptions).map(async ([pairs, options]) => {
  const plan = await planOf(pairs, options);
  const owners = new PairOfSequence(plan);
  const views = await Promise.all(Array.from({ length: binCount(plan) }, (_, bin) => viewBin(plan, owners, bin, shape)));
  return views.flatMap(({ shared, naive }) => [shared, naive]);
});

async function each(check: (layout: MaskLayout) => void, numRuns = 60): Promise<void> {
  await fc.assert(
    fc.asyncProperty(layouts, async (all) => {
      for (const layout of await all) check(layout);
    }),
    { numRuns },
  );
}

test('segments, paths and trees are where a walk over all rows finds them', async () => {
  await each((layout) => {
    const segments = segmentsByRow(layout);
    for (let row = 0; row < rowCount(layout); row++) {
      assert.equal(segmentAt(layout, row), segments[row]);
      const path = pathTo(layout, segments[row]!);
      assert.equal(path.at(-1), segments[row]);
      const length = path.slice(0, -1).reduce((sum, at) => sum + layout.segmentEnd[at]! - layout.segmentBegin[at]!, 0);
      assert.equal(length + row - layout.segmentBegin[segments[row]!]!, layout.position[row]);
      const { begin, end } = treeAt(layout, row);
      assert.ok(begin <= row && row < end);
      assert.equal(layout.position[begin], 0);
    }
  });
});

test('explain says visible exactly on the path, and why not agrees with the tree', async () => {
  const met = new Set<string>();
  await each((layout) => {
    const segments = segmentsByRow(layout);
    for (let query = 0; query < rowCount(layout); query++) {
      for (let key = 0; key < rowCount(layout); key++) {
        const { visible, reason, querySegment, keySegment, commonSegment } = explain(layout, query, key);
        met.add(reason);
        assert.equal(visible, onPath(layout, segments, query, key));
        assert.deepEqual([querySegment, keySegment], [segments[query], segments[key]]);
        const trees = [treeAt(layout, query).begin, treeAt(layout, key).begin];
        const expected = visible
          ? query === key
            ? 'self'
            : querySegment === keySegment
              ? 'same-segment'
              : 'ancestor'
          : onPath(layout, segments, key, query)
            ? 'later'
            : trees[0] === trees[1]
              ? 'sibling'
              : layout.blockStart.some((start) => start > Math.min(query, key) && start <= Math.max(query, key))
                ? 'other-bin'
                : 'other-tree';
        assert.equal(reason, expected);
        assert.equal(commonSegment >= 0, trees[0] === trees[1]);
      }
    }
  }, 25);
  met.delete('other-bin');
  assert.deepEqual([...met].sort(), ['ancestor', 'later', 'other-tree', 'same-segment', 'self', 'sibling']);
});

test('tokens of different blocks never meet', () => {
  const layout: MaskLayout = {
    blockStart: Int32Array.of(0, 2, 4),
    tokens: Int32Array.of(1, 2, 3, 4),
    position: Int32Array.of(0, 1, 0, 1),
    visibleUntil: Int32Array.of(2, 2, 4, 4),
    segmentBegin: Int32Array.of(0, 2),
    segmentEnd: Int32Array.of(2, 4),
    segmentParent: Int32Array.of(-1, -1),
    segmentRole: Int32Array.of(0, 0),
    segmentRow: Int32Array.of(0, 1),
  };
  assert.equal(explain(layout, 2, 0).reason, 'other-bin');
  assert.equal(explain(layout, 0, 2).reason, 'other-bin');
  assert.equal(tileAt(classifyTiles(layout, 2), 2, 0), TileKind.above);
  assert.equal(causalCells(layout), 6);
});

test('tiles and cells agree with counting every cell', async () => {
  await fc.assert(
    fc.asyncProperty(layouts, fc.integer({ min: 1, max: 40 }), async (all, tile) => {
      for (const layout of await all) {
        const matrix = visibleMatrix(layout);
        assert.equal(visibleCells(layout), matrix.flat().filter(Boolean).length);
        const map = classifyTiles(layout, tile);
        const counts = { full: 0, partial: 0, skipped: 0 };
        let causal = 0;
        for (const { begin, rows, side, kinds } of map.blocks) {
          causal += (rows * (rows + 1)) / 2;
          for (let row = 0; row < side; row++) {
            for (let column = 0; column < side; column++) {
              const cells = [];
              for (let query = row * tile; query < Math.min(rows, (row + 1) * tile); query++) {
                for (let key = column * tile; key < Math.min(rows, (column + 1) * tile); key++) {
                  cells.push(matrix[begin + query]![begin + key]!);
                }
              }
              const name = column > row ? 'above' : cells.every(Boolean) ? 'full' : cells.some(Boolean) ? 'partial' : 'skipped';
              assert.equal(kinds[row * side + column], TileKind[name]);
              assert.equal(tileAt(map, begin + row * tile, begin + column * tile), TileKind[name]);
              if (name !== 'above') counts[name]++;
            }
          }
        }
        assert.equal(causalCells(layout), causal);
        assert.deepEqual(counts, { full: map.full, partial: map.partial, skipped: map.skipped });
        if (map.blocks.length === 1) assert.deepEqual(countTiles(layout.visibleUntil, tile), counts);
      }
    }),
    { numRuns: 60 },
  );
});

test('the sequences of a bin are those the pairs were made of', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, async (pairs, options) => {
      const plan = await planOf(pairs, options);
      const owners = new PairOfSequence(plan);
      const found: string[] = [];
      for (let bin = 0; bin < binCount(plan); bin++) {
        for (const { pair, side, promptLength, rows } of sequencesOf(plan, owners, bin)) {
          const source = pairs.find(({ row }) => row === plan.pairRow[pair])!;
          assert.equal(promptLength, source.promptLength);
          const tokens = Array.from(rows, (row) => plan.tokens[plan.binStart[bin]! + row]);
          assert.deepEqual(tokens, [...source[side]]);
          found.push(`${pair} ${side}`);
        }
      }
      assert.equal(new Set(found).size, found.length);
      assert.equal(found.length, 2 * plan.pairRow.length);
    }),
  );
});

test('the naive layout holds the same tokens on the same paths, each sequence by itself, in bins of the capacity', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, async (pairs, options) => {
      const plan = await planOf(pairs, options);
      const owners = new PairOfSequence(plan);
      for (let bin = 0; bin < binCount(plan); bin++) {
        const { shared, naive, sharedRow, cost } = await viewBin(plan, owners, bin, shape);
        assert.equal(cost!.shared.flops, plan.binFlops[bin]);
        assert.ok(cost!.naive.flops >= cost!.shared.flops * (1 - 1e-12));
        const segments = segmentsByRow(naive);
        for (let row = 0; row < rowCount(naive); row++) {
          assert.equal(naive.tokens[row], shared.tokens[sharedRow[row]!]);
          assert.equal(naive.position[row], shared.position[sharedRow[row]!]);
          for (let key = 0; key <= row; key++) {
            const sees = key <= row && row < naive.visibleUntil[key]!;
            assert.equal(sees, onPath(naive, segments, row, key));
            if (sees) assert.ok(explain(shared, sharedRow[row]!, sharedRow[key]!).visible);
          }
        }
        for (let block = 0; block + 1 < naive.blockStart.length; block++) {
          assert.ok(naive.blockStart[block + 1]! - naive.blockStart[block]! <= options.capacity);
        }
        // Every sequence whole: as many visible cells as all of them have one by one. FLOPs for these less the last tokens.
        const sequences = sequencesOf(plan, owners, bin);
        const cells = sequences.reduce((sum, { rows }) => sum + (rows.length * (rows.length + 1)) / 2, 0);
        assert.equal(visibleCells(naive), cells);
        const readRows = sequences.reduce((sum, { rows, promptLength }) => sum + rows.length - promptLength, 0);
        const work = { tokens: rowCount(naive) - sequences.length, visiblePairs: cells - rowCount(naive), readRows };
        assert.equal(cost!.naive.flops, forwardFlops(shape, work));
      }
    }),
    { numRuns: 40 },
  );
});

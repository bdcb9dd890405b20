import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { causalTiles, countTiles } from '../../../src/core/cost/tiles.js';
import { binCount } from '../../../src/core/plan/index.js';
import { planOf, planOptions, tokenPairs } from '../plan/support.js';

/** The same by looking at every element of the mask. */
function counted(visibleUntil: Int32Array, tile: number): { skipped: number; full: number; partial: number } {
  const rows = visibleUntil.length;
  const counts = { skipped: 0, full: 0, partial: 0 };
  for (let q0 = 0; q0 < rows; q0 += tile) {
    for (let k0 = 0; k0 <= q0; k0 += tile) {
      let [seen, all] = [0, 0];
      for (let q = q0; q < Math.min(q0 + tile, rows); q++) {
        for (let k = k0; k < Math.min(k0 + tile, rows); k++) {
          all++;
          if (k <= q && q < visibleUntil[k]!) seen++;
        }
      }
      counts[seen === 0 ? 'skipped' : seen === all ? 'full' : 'partial']++;
    }
  }
  return counts;
}

test('tiles skipped, full and partial are those of the dense mask', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, fc.integer({ min: 1, max: 20 }), async (pairs, options, tile) => {
      const plan = await planOf(pairs, options);
      for (let bin = 0; bin < binCount(plan); bin++) {
        const visibleUntil = plan.visibleUntil.subarray(plan.binStart[bin], plan.binStart[bin + 1]);
        assert.deepEqual(countTiles(visibleUntil, tile), counted(visibleUntil, tile));
      }
    }),
  );
});

test('one causal sequence: whole tiles below the diagonal, partial ones on it', () => {
  assert.deepEqual(countTiles(new Int32Array(512).fill(512)), { skipped: 0, full: 6, partial: 4 });
  assert.deepEqual(countTiles(new Int32Array(129).fill(129)), { skipped: 0, full: 2, partial: 1 });
});

test('tiles of causal sequences one behind the other, from their lengths alone', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 20 }),
      (lengths, tile) => {
        let end = 0;
        const visibleUntil = Int32Array.from(lengths.flatMap((length) => new Array<number>(length).fill((end += length))));
        const { full, partial } = counted(visibleUntil, tile);
        assert.equal(causalTiles(lengths, tile), full + partial);
      },
    ),
  );
});

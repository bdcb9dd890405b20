import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pack } from '../../../src/core/plan/pack.js';

test('every unit lies in one bin, no bin is over full, bins and units are in order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 50, max: 120 }),
      (lengths, capacity) => {
        const bins = pack(lengths, capacity);
        assert.deepEqual(
          bins.flat().sort((a, b) => a - b),
          lengths.map((_, unit) => unit),
        );
        for (const bin of bins) {
          assert.ok(bin.reduce((sum, unit) => sum + lengths[unit]!, 0) <= capacity);
          assert.deepEqual(
            bin,
            [...bin].sort((a, b) => a - b),
          );
        }
        assert.deepEqual(
          bins.map((bin) => bin[0]),
          bins.map((bin) => bin[0]!).sort((a, b) => a - b),
        );
        // No two bins could be one.
        const loads = bins.map((bin) => bin.reduce((sum, unit) => sum + lengths[unit]!, 0)).sort((a, b) => a - b);
        if (loads.length > 1) assert.ok(loads[0]! + loads[1]! > capacity);
      },
    ),
  );
});

test('a unit goes where it fits best', () => {
  // 6 and 5 open bins; 4 fills the first up; 3 fits only the second; 2 fills that.
  assert.deepEqual(pack([4, 2, 6, 3, 5], 10), [
    [0, 2],
    [1, 3, 4],
  ]);
});

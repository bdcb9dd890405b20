import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { AXES } from '../../../webview/run/series.js';
import { axisTicks } from '../../../webview/run/ticks.js';

const labels = (...args: Parameters<typeof axisTicks>): string[] => axisTicks(...args).map(({ label }) => label);

test('ticks of steps are whole, once each, also when a few steps fill the axis', () => {
  assert.deepEqual(labels('step', 1, 3, 7), ['1', '2', '3']);
  assert.deepEqual(labels('step', 1.2, 3.9, 7), ['2', '3']);
  assert.deepEqual(labels('step', 1, 24, 7), ['5', '10', '15', '20']);
  assert.deepEqual(labels('step', 1, 100_000, 6), ['20,000', '40,000', '60,000', '80,000', '100,000']);
  assert.deepEqual(labels('step', 1, 1, 7), []);
});

test('ticks of time are round in the units people count by', () => {
  assert.deepEqual(labels('time', 0, 65, 7), ['0', '15 s', '30 s', '45 s', '1 min']);
  assert.deepEqual(labels('time', 0, 3 * 3600, 7), ['0', '30 min', '1 h 00 min', '1 h 30 min', '2 h 00 min', '2 h 30 min', '3 h 00 min']);
  assert.deepEqual(labels('time', 3600, 3603, 7), ['1:00:00', '1:00:01', '1:00:02', '1:00:03']);
  assert.deepEqual(labels('time', 0, 5 * 86_400, 6).at(-1), '5 d 0 h');
});

test('ticks of tokens are short where that tells them apart', () => {
  assert.deepEqual(labels('tokens', 0, 1e6, 6), ['0', '200.0k', '400.0k', '600.0k', '800.0k', '1.0M']);
  assert.deepEqual(labels('tokens', 1_234_000, 1_234_300, 4), ['1,234,000', '1,234,100', '1,234,200', '1,234,300']);
});

test('whatever is shown: within its ends, rising, no two that read the same, not too many', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...AXES),
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      fc.double({ min: 1e-3, max: 1e9, noNaN: true }),
      fc.integer({ min: 2, max: 12 }),
      (axis, min, width, most) => {
        const ticks = axisTicks(axis, min, min + width, most);
        assert.ok(ticks.length <= most + 1, `${ticks.length} ticks`);
        assert.equal(new Set(ticks.map(({ label }) => label)).size, ticks.length, ticks.map(({ label }) => label).join(' | '));
        ticks.forEach(({ value }, i) => {
          assert.ok(value >= min - 1e-6 * (min + width) && value <= (min + width) * (1 + 1e-9) + 1e-6);
          if (i > 0) assert.ok(value > ticks[i - 1]!.value);
          assert.ok(axis !== 'step' || Number.isInteger(value));
        });
      },
    ),
    { numRuns: 3000 },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import {
  formatEpochs,
  formatCount,
  formatDuration,
  formatMetric,
  formatOption,
  formatPercent,
  formatRate,
  formatRatio,
  formatSeconds,
  formatTick,
  plural,
  sentence,
} from '../../../src/format.js';

test('durations', () => {
  const cases: [number | null, string][] = [
    [null, '–'],
    [NaN, '–'],
    [-1, '–'],
    [0, '0 s'],
    [0.2, 'under 1 s'],
    [8.4, '8 s'],
    [59.6, '1 min'],
    [60, '1 min'],
    [95, '1 min 35 s'],
    [599, '9 min 59 s'],
    [600, '10 min'],
    [3570, '1 h 00 min'],
    [3900, '1 h 05 min'],
    [86_400, '1 d 0 h'],
    [185_000, '2 d 3 h'],
  ];
  for (const [seconds, text] of cases) assert.equal(formatDuration(seconds), text);
});

test('metrics', () => {
  const cases: [number | null, string][] = [
    [null, '–'],
    [NaN, '–'],
    [0, '0'],
    [0.69314, '0.6931'],
    [1.2345, '1.234'],
    [-1.2345, '−1.234'],
    [12.345, '12.35'],
    [123.456, '123.5'],
    [1234.5, '1235'],
    [1e-6, '1.0e−6'.replace('−', '-')],
    [-2.5e-7, '−2.5e-7'],
    [123456, '1.2e5'],
  ];
  for (const [value, text] of cases) assert.equal(formatMetric(value), text);
});

test('ticks, rates, percentages, counts, ratios, options', () => {
  assert.deepEqual([0, 0.2, -1, 0.30000000000000004, 1e-7].map(formatTick), ['0', '0.2', '−1', '0.3', '1e-7']);
  assert.deepEqual([null, -1, 0.424, 12.34, 123.4, 1234, 56_700, 8_900_000, 2e9].map(formatRate), [
    '–',
    '–',
    '0.42',
    '12.3',
    '123',
    '1,234',
    '56.7k',
    '8.9M',
    '2.0G',
  ]);
  assert.deepEqual([null, 0, 0.073, 0.5234, 1].map(formatPercent), ['–', '0%', '7.3%', '52%', '100%']);
  assert.deepEqual([null, 5, 1234, 1_234_567].map(formatCount), ['–', '5', '1,234', '1,234,567']);
  assert.deepEqual([null, 1.536].map(formatRatio), ['–', '1.54×']);
  assert.deepEqual([1e-6, 5e-4, 0.1, 0, 2048, 'pair'].map(formatOption), ['1e-6', '5e-4', '0.1', '0', '2048', 'pair']);
  assert.deepEqual([true, false].map(formatOption), ['on', 'off']);
  assert.deepEqual([plural(1, 'pair'), plural(2000, 'pair')], ['1 pair', '2,000 pairs']);
  assert.equal(sentence('the disk is full'), 'The disk is full');
});

test('every number has a short text', () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      for (const format of [formatMetric, formatRate, formatDuration, formatTick]) {
        const text = format(value);
        assert.ok((text.length > 0 && !text.includes('NaN')) || Number.isNaN(value));
      }
      assert.ok(formatMetric(value).length <= 9, formatMetric(value));
    }),
  );
});

test('an option reads back as it was', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }), (value) => assert.equal(Number(formatOption(value)), value)),
  );
});

test('passes that a number of steps cuts off', () => {
  assert.deepEqual([1, 2, 3, 172 / 108, 32 / 100_000].map(formatEpochs), [
    '1 epoch',
    '2 epochs',
    '3 epochs',
    '1.59 epochs',
    '0.00032 epochs',
  ]);
});

test('seconds that may be few', () => {
  const cases = [0.0004, 0.0123, 0.9994, 0.9996, 1.239, 12.34, 99.7, NaN].map(formatSeconds);
  assert.deepEqual(cases, ['0.4 ms', '12 ms', '999 ms', '1.00 s', '1.24 s', '12.3 s', '1 min 40 s', '–']);
});

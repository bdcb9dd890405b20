import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { balance, NOTHING_SHARED } from '../../../src/core/plan/balance.js';
import { pack, spread, type Sized } from '../../../src/core/plan/pack.js';
import { Random } from '../../../src/core/plan/random.js';

const pause = (): Promise<void> => Promise.resolve();
const rising = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Units whose time is not in proportion to their tokens, as attention makes it. */
const units: fc.Arbitrary<Sized[]> = fc.array(
  fc.record({ tokens: fc.integer({ min: 1, max: 50 }), time: fc.integer({ min: 1, max: 100 }) }),
  { minLength: 1, maxLength: 60 },
);
const capacities = fc.integer({ min: 50, max: 120 });

function checkBins(bins: readonly (readonly number[])[], units: readonly Sized[], capacity: number): void {
  assert.deepEqual(
    rising(bins.flat()),
    units.map((_, unit) => unit),
    'every unit lies in one bin',
  );
  for (const bin of bins) {
    assert.ok(bin.length > 0);
    assert.ok(sum(bin.map((unit) => units[unit]!.tokens)) <= capacity);
  }
}

function slowest(bins: readonly (readonly number[])[], units: readonly Sized[]): number {
  return Math.max(...bins.map((bin) => sum(bin.map((unit) => units[unit]!.time))));
}

test('every unit lies in one bin, no bin is over full, no two bins could be one', async () => {
  await fc.assert(
    fc.asyncProperty(units, capacities, async (units, capacity) => {
      const bins = await pack(units, capacity, pause);
      checkBins(bins, units, capacity);
      const loads = rising(bins.map((bin) => sum(bin.map((unit) => units[unit]!.tokens))));
      if (loads.length > 1) assert.ok(loads[0]! + loads[1]! > capacity);
      assert.deepEqual(await pack(units, capacity, pause), bins, 'the same every time');
    }),
  );
});

test('a unit goes where it fits best', async () => {
  // 6 and 5 open bins; 4 fills the first up; 3 fits only the second; 2 fills that.
  const units = [4, 2, 6, 3, 5].map((tokens) => ({ tokens, time: 1 }));
  assert.deepEqual((await pack(units, 10, pause)).map(rising), [
    [0, 2],
    [1, 3, 4],
  ]);
  await assert.rejects(pack(units, 5, pause), RangeError);
});

test('spreading keeps to the number of bins or says that it cannot', async () => {
  await fc.assert(
    fc.asyncProperty(units, capacities, async (units, capacity) => {
      const { length } = await pack(units, capacity, pause);
      const bins = await spread(units, capacity, length, pause);
      if (bins === undefined) return;
      assert.equal(bins.length, length);
      checkBins(bins, units, capacity);
    }),
  );
  const three = [30, 30, 30].map((tokens) => ({ tokens, time: 1 }));
  assert.equal(await spread(three, 50, 2, pause), undefined);
});

test('balancing keeps bins whole and makes none slower than the slowest was', async () => {
  await fc.assert(
    fc.asyncProperty(units, capacities, async (units, capacity) => {
      const loads = units.map((unit) => ({ ...unit, shared: [] }));
      const packed = await pack(units, capacity, pause);
      const bins = await balance(packed, loads, NOTHING_SHARED, capacity, pause);
      assert.equal(bins.length, packed.length);
      checkBins(bins, units, capacity);
      assert.ok(slowest(bins, units) <= slowest(packed, units));
      assert.deepEqual(await balance(packed, loads, NOTHING_SHARED, capacity, pause), bins, 'the same every time');
    }),
  );
});

test('bins are balanced by time where tokens alone would not do it', async () => {
  // Bins full of tokens whichever way: slow units with slow units, or with fast ones.
  const units = [...new Array<number>(8).fill(9), ...new Array<number>(8).fill(1)].map((time) => ({ tokens: 10, time }));
  const together = [0, 4, 8, 12].map((from) => [from, from + 1, from + 2, from + 3]);
  const loads = units.map((unit) => ({ ...unit, shared: [] }));
  assert.equal(slowest(together, units), 36);
  assert.equal(slowest(await balance(together, loads, NOTHING_SHARED, 40, pause), units), 20);
});

test('two units go for one where one for one does not fit', async () => {
  // Both bins are full; only the long one of the first for both short ones of the second makes them equal.
  const units = [
    { tokens: 8, time: 12 },
    { tokens: 2, time: 4 },
    { tokens: 4, time: 3 },
    { tokens: 4, time: 3 },
    { tokens: 2, time: 2 },
  ];
  const loads = units.map((unit) => ({ ...unit, shared: [] }));
  const bins = await balance(
    [
      [0, 1],
      [2, 3, 4],
    ],
    loads,
    NOTHING_SHARED,
    10,
    pause,
  );
  assert.equal(slowest(bins, units), 14);
});

test('what units share counts once: those that share much are not parted', async () => {
  // Units 0 and 1 share segment 0, most of what they need; parting them would balance the bins at the price of 50 more.
  const shared = { tokens: [50], time: [50] };
  const loads = [
    { tokens: 10, time: 10, shared: [0] },
    { tokens: 10, time: 10, shared: [0] },
    { tokens: 10, time: 10, shared: [] },
  ];
  const bins = await balance([[0, 1], [2]], loads, shared, 100, pause);
  assert.deepEqual(bins.map(rising).sort(), [[0, 1], [2]]);
});

test('steps of real lengths: hardly a bin above the bound, the slowest within a percent of the mean', async () => {
  // Lengths like HH-RLHF's, drawn by seed: most are short, some long (log-normal).
  const random = new Random(11);
  const normal = (): number => Array.from({ length: 12 }, () => random.next() / 2 ** 32).reduce((a, b) => a + b) - 6;
  let [bins, bound, worst] = [0, 0, 0];
  for (let step = 0; step < 20; step++) {
    const units = Array.from({ length: 256 }, () => {
      const tokens = Math.min(2000, Math.max(20, Math.round(Math.exp(5.6 + 0.6 * normal()))));
      return { tokens, time: tokens + tokens ** 2 / 4000, shared: [] };
    });
    const packed = await pack(units, 8192, pause);
    const balanced = await balance((await spread(units, 8192, packed.length, pause)) ?? packed, units, NOTHING_SHARED, 8192, pause);
    bins += balanced.length;
    bound += Math.ceil(sum(units.map(({ tokens }) => tokens)) / 8192);
    const mean = sum(units.map(({ time }) => time)) / balanced.length;
    worst = Math.max(worst, slowest(balanced, units) / mean);
  }
  assert.ok(bins <= 1.01 * bound, `${bins} bins, at least ${bound}`);
  assert.ok(worst <= 1.01, `slowest over mean: ${worst}`);
});

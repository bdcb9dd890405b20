import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { lengthHistogram } from '../../../src/core/inspect/histogram.js';
import { packNaively } from '../../../src/core/inspect/naive.js';
import { packedBins, packedNaively, roleTokens, sequenceLengths, sliceBins } from '../../../src/core/inspect/packed.js';
import { PairOfSequence } from '../../../src/core/inspect/sequences.js';
import { binCount, stepCount } from '../../../src/core/plan/index.js';
import { planOf, planOptions, tokenPairs } from '../plan/support.js';

test('naive bins hold every sequence of their step once, with its own prompt, within the capacity', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, async (pairs, options) => {
      const plan = await planOf(pairs, options);
      const naive = await packedNaively(plan, new PairOfSequence(plan), sequenceLengths(plan));
      const none = await planOf(pairs, { ...options, sharing: 'none' });
      assert.equal(naive.stepStart.length, stepCount(plan) + 1);
      assert.equal(
        naive.segmentLength.reduce((sum, length) => sum + length, 0),
        plan.metadata.counts.naive_tokens,
      );
      // The plan that `sharing: none` makes has as many bins, but balances them.
      assert.deepEqual([...naive.stepStart], [...none.stepBinStart]);
      for (let bin = 0; bin + 1 < naive.segmentStart.length; bin++) {
        let tokens = 0;
        for (let at = naive.segmentStart[bin]!; at < naive.segmentStart[bin + 1]!; at++) tokens += naive.segmentLength[at]!;
        assert.ok(0 < tokens && tokens <= options.capacity);
      }
    }),
  );
});

test('roles and slices add up to the bins', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, fc.nat(), fc.nat(), async (pairs, options, a, b) => {
      const plan = await planOf(pairs, options);
      const bins = packedBins(plan);
      const roles = roleTokens(bins);
      const count = binCount(plan);
      for (let bin = 0; bin < count; bin++) {
        const tokens = roles.subarray(4 * bin, 4 * bin + 4).reduce((sum, value) => sum + value, 0);
        assert.equal(tokens, plan.binStart[bin + 1]! - plan.binStart[bin]!);
      }
      const [from, to] = [a % (count + 1), b % (count + 1)].sort((x, y) => x - y) as [number, number];
      assert.deepEqual(roleTokens(sliceBins(bins, from, to)), roles.slice(4 * from, 4 * to));
    }),
  );
});

test('lengths and their histogram are those of the pairs, each pair once', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, async (pairs, options) => {
      const plan = await planOf(pairs, options);
      const { width, counts, medians, longest } = lengthHistogram(plan, sequenceLengths(plan));
      const lengths = {
        prompt: pairs.map(({ promptLength }) => promptLength),
        chosen: pairs.map(({ chosen, promptLength }) => chosen.length - promptLength),
        rejected: pairs.map(({ rejected, promptLength }) => rejected.length - promptLength),
      };
      for (const kind of ['prompt', 'chosen', 'rejected'] as const) {
        counts[kind].forEach((count, index) => {
          const inside = lengths[kind].filter((length) => Math.floor(length / width) === index);
          assert.equal(count, inside.length);
        });
        assert.equal(
          counts[kind].reduce((sum, count) => sum + count, 0),
          pairs.length,
        );
        assert.equal(longest[kind], Math.max(...lengths[kind]));
        const below = lengths[kind].filter((length) => length < medians[kind]).length;
        const above = lengths[kind].filter((length) => length > medians[kind]).length;
        assert.ok(below <= pairs.length / 2 && above <= pairs.length / 2);
      }
    }),
  );
});

test('a pair that does not fit into a naive bin is divided', async () => {
  const bins = await packNaively(
    [
      { pair: 0, tokens: 6 },
      { pair: 0, tokens: 5 },
      { pair: 1, tokens: 3 },
      { pair: 1, tokens: 2 },
    ],
    8,
  );
  assert.deepEqual(bins.flat().sort(), [0, 1, 2, 3]);
  for (const bin of bins) assert.ok(bin.reduce((sum, index) => sum + [6, 5, 3, 2][index]!, 0) <= 8);
  const other = bins.find((bin) => bin.includes(2))!;
  assert.ok(other.includes(3), 'the one that fits stays together');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { binCost, sumSeconds } from '../../../src/core/cost/index.js';
import { binCount } from '../../../src/core/plan/pack.js';
import { buildPlan, type Plan, stepCount } from '../../../src/core/plan/index.js';
import type { LayoutOptions, Sharing } from '../../../src/core/options/index.js';
import type { TokenPair } from '../../../src/core/tokenizer/index.js';
import { longest, shape as small, tokenPairs } from './support.js';

/** With so many tokens, responses have little in common by chance. */
const shape = { ...small, vocabSize: 1000 };

const BASE: LayoutOptions = { sharing: 'pair', capacity: 256, batch_size: 16, epochs: 1, seed: 1, max_length: 64 };

function planned(pairs: readonly TokenPair[], options: Partial<LayoutOptions>): Promise<Plan> {
  const input = { skipped: 0, truncated: 0, sha256: { dataset: '', tokenizer: '' }, datasetFile: 'pairs.jsonl' };
  return buildPlan({ ...input, pairs, shape }, { ...BASE, ...options });
}

/** Bins of each step. */
const counts = ({ stepBinStart }: Plan): number[] => Array.from(stepBinStart.subarray(1), (end, step) => end - stepBinStart[step]!);

/** `count` pairs of a few prompts, with responses of many lengths. */
function someDataset(count: number): TokenPair[] {
  return Array.from({ length: count }, (_, row) => {
    const prompt = Array.from({ length: 8 + (row % 5) }, (_, at) => (row % 3) + at);
    const response = (side: number): number[] =>
      Array.from({ length: 4 + ((row * 7 + side * 5) % 40) }, (_, at) => 37 * row + 501 * side + at);
    const tokens = (side: number): Int32Array => Int32Array.from([...prompt, ...response(side)], (token) => token % shape.vocabSize);
    return { chosen: tokens(1), rejected: tokens(2), promptLength: prompt.length, row, line: row + 1 };
  });
}

test('for one device a plan is what it is for none', async () => {
  const pairs = someDataset(100);
  for (const sharing of ['none', 'pair', 'tree'] satisfies Sharing[])
    assert.deepEqual(await planned(pairs, { sharing, devices: 1 }), await planned(pairs, { sharing }));
});

test('for several devices a step has a multiple of their bins, as long as there are pairs for them', async () => {
  const pairs = someDataset(100);
  for (const sharing of ['none', 'pair', 'tree'] satisfies Sharing[]) {
    for (const devices of [2, 3, 4, 8]) {
      const plan = await planned(pairs, { sharing, devices });
      const [alone, several] = [counts(await planned(pairs, { sharing })), counts(plan)];
      several.forEach((bins, step) => {
        const inStep = plan.stepPairStart[step + 1]! - plan.stepPairStart[step]!;
        assert.equal(bins, binCount(alone[step]!, devices, inStep), `${sharing}, ${devices} devices, step ${step}`);
        if (inStep >= bins + devices) assert.equal(bins % devices, 0);
      });
    }
  }
});

test('the bins of a step take about the same time', async () => {
  const pairs = someDataset(512);
  for (const sharing of ['pair', 'tree'] satisfies Sharing[]) {
    const plan = await planned(pairs, { sharing, devices: 4, batch_size: 128, capacity: 2048 });
    for (let step = 0; step < stepCount(plan); step++) {
      const bins = Array.from({ length: counts(plan)[step]! }, (_, at) => plan.stepBinStart[step]! + at);
      const tokens = bins.map((bin) => plan.binStart[bin + 1]! - plan.binStart[bin]!);
      const times = bins.map((bin) => sumSeconds(binCost(plan, bin, shape, {}).seconds));
      const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
      // What a tree shares lies in whole tiles in each bin that needs it.
      assert.ok(Math.max(...times) <= (sharing === 'tree' ? 1.1 : 1.05) * mean(times), `${sharing}: ${times.join(' ')}`);
      assert.ok(Math.max(...tokens) <= 1.15 * mean(tokens), `${sharing}: ${tokens.join(' ')}`);
    }
  }
});

test('whatever the devices, a step trains the same pairs, and no bin is over full', async () => {
  await fc.assert(
    fc.asyncProperty(
      tokenPairs,
      fc.constantFrom<Sharing>('none', 'pair', 'tree'),
      fc.integer({ min: 2, max: 9 }),
      fc.integer({ min: 1, max: 8 }),
      async (pairs, sharing, devices, batch_size) => {
        const options = { sharing, batch_size, capacity: 2 * longest(pairs) };
        const [one, several] = [await planned(pairs, options), await planned(pairs, { ...options, devices })];
        assert.deepEqual(several.pairRow, one.pairRow);
        assert.deepEqual(several.stepPairStart, one.stepPairStart);
        // What is scored does not depend on where it lies.
        const scored = (plan: Plan): string[] => Array.from(plan.targetToken, (token, at) => `${plan.targetSequence[at]} ${token}`).sort();
        assert.deepEqual(scored(several), scored(one));
        several.binStart.slice(1).forEach((end, bin) => {
          const tokens = end - several.binStart[bin]!;
          assert.ok(tokens > 0 && tokens <= options.capacity);
        });
      },
    ),
  );
});

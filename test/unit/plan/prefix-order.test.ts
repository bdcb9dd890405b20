import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildPlan } from '../../../src/core/plan/index.js';
import { PrefixOrder } from '../../../src/core/plan/prefix-order.js';
import { Random } from '../../../src/core/plan/random.js';
import type { TokenPair } from '../../../src/core/tokenizer/index.js';
import { longest, shape, tokenPairs } from './support.js';

const pause = () => Promise.resolve();

/** A pair of a prompt, its responses being two tokens that no other has. */
function pairOf(prompt: readonly number[], row: number): TokenPair {
  const own = 1000 + 4 * row;
  return {
    row,
    line: row + 1,
    chosen: Int32Array.from([...prompt, own, own + 1]),
    rejected: Int32Array.from([...prompt, own + 2, own + 3]),
    promptLength: prompt.length,
  };
}

const range = (begin: number, length: number): number[] => Array.from({ length }, (_, i) => begin + i);

async function orderOf(prompts: readonly (readonly number[])[], most: number, seed = 1): Promise<number[]> {
  const order = await PrefixOrder.of(prompts.map(pairOf), most, pause);
  return [...order.order(new Random(seed))];
}

/** Places in an order of those pairs. */
function places(order: readonly number[], pairs: readonly number[]): number[] {
  return pairs.map((pair) => order.indexOf(pair)).sort((a, b) => a - b);
}

const follow = (order: readonly number[], pairs: readonly number[]): boolean => {
  const at = places(order, pairs);
  return at.every((place, i) => place === (at[0] as number) + i);
};

test('pairs of one prompt follow each other, whatever the seed, and all else is mixed', async () => {
  const prompts = range(0, 30).map((prompt) => range(10 * (prompt % 10), 8));
  const orders = await Promise.all(range(1, 20).map((seed) => orderOf(prompts, 8, seed)));
  for (const order of orders) {
    assert.deepEqual(
      [...order].sort((a, b) => a - b),
      range(0, 30),
    );
    for (const prompt of range(0, 10)) assert.ok(follow(order, [prompt, prompt + 10, prompt + 20]));
  }
  assert.ok(new Set(orders.map((order) => order[0])).size > 5, 'different pairs come first');
  assert.deepEqual(await orderOf(prompts, 8, 7), orders[6], 'the seed decides');
});

test('a conversation that goes on follows itself', async () => {
  const turns = range(0, 4).map((turn) => range(0, 10 * (turn + 1)));
  const others = range(0, 12).map((i) => range(100 * (i + 1), 20));
  for (const seed of range(1, 10)) assert.ok(follow(await orderOf([...turns, ...others], 8, seed), [0, 1, 2, 3]));
});

test('what all prompts begin with keeps nobody together', async () => {
  const system = range(0, 200);
  const prompts = range(0, 40).map((i) => [...system, ...range(1000 + 50 * i, 5)]);
  const orders = await Promise.all(range(1, 40).map((seed) => orderOf(prompts, 8, seed)));
  // Neighbours in the order of the tokens would be neighbours in the plan.
  const beside = orders.filter((order) => follow(order, [3, 4])).length;
  assert.ok(beside < 10, `${beside} of 40`);
});

test('a few tokens in common keep nobody together', async () => {
  const prompts = range(0, 20).map((i) => [i % 4, ...range(100 * (i + 1), 60)]);
  const orders = await Promise.all(range(1, 40).map((seed) => orderOf(prompts, 5, seed)));
  assert.ok(orders.filter((order) => follow(order, [0, 4, 8, 12, 16])).length < 3);
});

test('more pairs than a step has, with much in common, fill steps of their own, in a random order', async () => {
  const first = range(0, 100);
  const second = range(500, 100);
  const prompts = range(0, 64).map((i) => [...(i % 2 === 0 ? first : second), ...range(1000 + 50 * i, 5)]);
  const ofSteps = async (seed: number): Promise<number[][]> => {
    const order = await orderOf(prompts, 8, seed);
    return range(0, 8).map((step) => order.slice(8 * step, 8 * step + 8));
  };
  const steps = await ofSteps(1);
  for (const step of steps) assert.equal(new Set(step.map((pair) => pair % 2)).size, 1, 'one system prompt a step');
  assert.notDeepEqual(await ofSteps(2), steps);
});

test('a chain of prompts, each one token longer, is ordered', async () => {
  const prompts = range(0, 3000).map((i) => range(0, i + 1));
  const order = await orderOf(prompts, 32);
  assert.equal(new Set(order).size, 3000);
});

test('a plan has every pair once an epoch', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, fc.integer({ min: 1, max: 8 }), fc.nat(1000), async (pairs, batchSize, seed) => {
      const input = { pairs, skipped: 0, truncated: 0, shape, sha256: { dataset: '', tokenizer: '' }, datasetFile: 'pairs.jsonl' };
      const layout = { capacity: Math.max(longest(pairs), 64), batch_size: batchSize, epochs: 2, seed, max_length: 100 };
      const options = { ...layout, sharing: 'tree', order: 'prefix' } as const;
      const plan = await buildPlan(input, options);
      const rows = Array.from(plan.sequenceReference, (reference) => reference >> 1);
      const perEpoch = rows.length / 2;
      for (const epoch of [rows.slice(0, perEpoch), rows.slice(perEpoch)]) {
        assert.deepEqual(
          [...epoch].sort((a, b) => a - b),
          pairs.flatMap((_, pair) => [pair, pair]),
        );
      }
    }),
  );
});

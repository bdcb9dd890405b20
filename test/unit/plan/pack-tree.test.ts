import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { packTree } from '../../../src/core/plan/pack-tree.js';
import { prefixTree, SIDES, type Sequence } from '../../../src/core/plan/tree.js';
import { segmentTimes } from '../../../src/core/plan/work.js';
import { longest, tokenPairs } from './support.js';

/** Packs the sequences' tree, its segments timed by their tokens and a little attention. */
function packed(sequences: readonly Sequence[], capacity: number): Promise<number[][]> {
  const tree = prefixTree(sequences);
  const times = segmentTimes(tree, { perToken: 1, perReadRow: 0.5, perVisiblePair: 0.001 });
  return packTree(tree, times, { capacity }, () => Promise.resolve());
}

/** Tokens of a bin that holds these sequences of the tree. */
function tokensOf(sequences: readonly Sequence[], bin: readonly number[]): number {
  return prefixTree(bin.map((index) => sequences[index]!)).tokens;
}

/** `pairs` pairs with a prompt of `prompt` tokens in common and responses of `response` tokens with nothing in common. */
function family(name: number, pairs: number, prompt: number, response: number): Sequence[][] {
  return Array.from({ length: pairs }, (_, pair) =>
    SIDES.map((side, index) => ({
      tokens: Int32Array.from([
        ...new Array<number>(prompt).fill(name),
        ...new Array<number>(response).fill(1000 * name + 2 * pair + index),
      ]),
      promptLength: prompt,
      side,
      pair,
    })),
  );
}

/** The families' pairs in turn, numbered anew. */
function mixed(...families: Sequence[][][]): Sequence[] {
  const longest = Math.max(...families.map((pairs) => pairs.length));
  const pairs = Array.from({ length: longest }, (_, at) => families.flatMap((members) => members.slice(at, at + 1))).flat();
  return pairs.flatMap((sequences, pair) => sequences.map((sequence) => ({ ...sequence, pair })));
}

test('every sequence lies in one bin, no bin is over full, pairs that fit are whole, bins are in order', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, fc.integer({ min: 0, max: 100 }), async (pairs, more) => {
      const capacity = longest(pairs) + more;
      const sequences = pairs.flatMap((pair, index) =>
        SIDES.map((side) => ({ tokens: pair[side], promptLength: pair.promptLength, side, pair: index })),
      );
      const bins = await packed(sequences, capacity);
      assert.deepEqual(
        bins.flat().sort((a, b) => a - b),
        sequences.map((_, index) => index),
      );
      const firsts = bins.map((bin) => bin[0]!);
      assert.deepEqual(
        firsts,
        [...firsts].sort((a, b) => a - b),
      );
      for (const bin of bins) {
        assert.ok(tokensOf(sequences, bin) <= capacity);
        assert.deepEqual(
          bin,
          [...bin].sort((a, b) => a - b),
        );
      }
      pairs.forEach((_, pair) => {
        const whole = bins.some((bin) => bin.includes(2 * pair) && bin.includes(2 * pair + 1));
        assert.equal(whole, tokensOf(sequences, [2 * pair, 2 * pair + 1]) <= capacity);
      });
    }),
    { numRuns: 300 },
  );
});

test('a tree that fits is one bin', async () => {
  assert.deepEqual(await packed(mixed(family(1, 3, 10, 5)), 40), [[0, 1, 2, 3, 4, 5]]);
});

test('families stay together, however the pairs are mixed', async () => {
  // Three families of 100 + 4 · 10 tokens, two bins of 280: two families in one, the third in the other.
  const sequences = mixed(family(1, 2, 100, 10), family(2, 2, 100, 10), family(3, 2, 100, 10));
  const bins = await packed(sequences, 280);
  assert.equal(bins.length, 2);
  assert.deepEqual(bins.map((bin) => tokensOf(sequences, bin)).sort(), [140, 280]);
});

test('a family that is too large repeats its prompt once a bin', async () => {
  // 30 pairs of 20 tokens after a prompt of 100: five a bin of 200.
  const sequences = mixed(family(1, 30, 100, 10));
  const bins = await packed(sequences, 200);
  assert.deepEqual(
    bins.map((bin) => tokensOf(sequences, bin)),
    [200, 200, 200, 200, 200, 200],
  );
});

test('a few tokens in common do not cost a bin', async () => {
  // All begin with the same token. Pairs of 61 and 41 tokens, one of each a bin of 101, in an order that bundles badly.
  const stem = (pair: number, response: number): Sequence[] =>
    SIDES.map((side, index) => ({
      tokens: Int32Array.from([7, ...new Array<number>(response).fill(2 * pair + index + 100)]),
      promptLength: 1,
      side,
      pair,
    }));
  const sequences = [30, 30, 30, 30, 20, 20, 20, 20].flatMap((response, pair) => stem(pair, response));
  assert.equal((await packed(sequences, 101)).length, 4);
});

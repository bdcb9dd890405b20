import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { commonPrompts, sharingAdvice } from '../../../src/core/prepare/common-prompts.js';
import { tokenPairs } from '../plan/support.js';

const pause = async (): Promise<void> => undefined;

test('prompts in common are counted as texts would be, each prompt and response once', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, async (pairs) => {
      const prompts = new Map<string, number>();
      const once = new Map<string, number>();
      let apart = 0;
      for (const { chosen, rejected, promptLength } of pairs) {
        const prompt = chosen.subarray(0, promptLength).join();
        prompts.set(prompt, (prompts.get(prompt) ?? 0) + 1);
        once.set(`prompt ${prompt}`, promptLength);
        // The same tokens behind prompts of two lengths are one sequence.
        for (const tokens of [chosen, rejected]) {
          if (!once.has(tokens.join())) once.set(tokens.join(), tokens.length - promptLength);
        }
        apart += chosen.length + rejected.length - promptLength;
      }
      const repeated = [...prompts.values()].filter((times) => times > 1);
      const together = [...once.values()].reduce((a, b) => a + b, 0);
      const common = await commonPrompts(pairs, pause);
      assert.equal(common.prompts, repeated.length);
      assert.equal(
        common.pairs,
        repeated.reduce((a, b) => a + b, 0),
      );
      assert.equal(common.ratio, apart / together);
      assert.equal(common.tokens, together);
    }),
  );
});

test('four answers to a prompt, all six pairs: two thirds of the pairs’ tokens are there more than once', async () => {
  const prompt = [1, 2, 3, 4, 5, 6];
  const answers = [7, 8, 9, 10].map((answer) => Int32Array.from([...prompt, answer, answer]));
  const pairs = answers.flatMap((chosen, i) =>
    answers.slice(i + 1).map((rejected) => ({ row: i, line: i + 1, chosen, rejected, promptLength: 6 })),
  );
  assert.deepEqual(await commonPrompts(pairs, pause), {
    pairs: 6,
    prompts: 1,
    ratio: (6 * (6 + 4)) / (6 + 4 * 2),
    tokens: 14,
    promptTokens: 6,
  });
});

test('a pair that is there several times for its file’s weight is one', async () => {
  const pair = { row: 0, line: 1, chosen: Int32Array.of(1, 2, 3), rejected: Int32Array.of(1, 2, 4), promptLength: 2 };
  assert.deepEqual(await commonPrompts([pair, pair, pair], pause), { pairs: 0, prompts: 0, ratio: 1, tokens: 4, promptTokens: 2 });
});

test('advice is given step by step, and only where there is something to share', () => {
  const common = { pairs: 2400, prompts: 400, ratio: 3.46, tokens: 1000, promptTokens: 1 };
  const advice = (sharing: 'none' | 'pair' | 'tree', order: 'shuffle' | 'prefix', of = common, planTokens = 6920) =>
    sharingAdvice(of, { sharing, order, planTokens, bins: 150, epochs: 2 }, String);
  assert.deepEqual(advice('pair', 'shuffle'), {
    option: 'sharing',
    value: 'tree',
    text: '2400 pairs have 400 prompts: sharing "tree" computes a prompt once for all pairs of a step, and with order "prefix" these are in the same step: up to 3.5 times fewer tokens than each pair by itself',
  });
  assert.equal(advice('tree', 'shuffle')?.option, 'order');
  assert.equal(advice('tree', 'prefix'), undefined);
  // So few prompts that each step has all of them.
  assert.equal(advice('tree', 'shuffle', { ...common, prompts: 1 }, 2190), undefined);
  assert.match(advice('pair', 'shuffle', { ...common, prompts: 1 })?.text ?? '', /^2400 pairs have 1 prompt:/);
  assert.equal(advice('none', 'shuffle'), undefined);
  assert.equal(advice('pair', 'shuffle', { pairs: 4, prompts: 2, ratio: 1.02, tokens: 1000, promptTokens: 1 }), undefined);
});

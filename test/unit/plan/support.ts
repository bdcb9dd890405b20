import fc from 'fast-check';
import { forwardFlops, type LlamaShape } from '../../../src/core/model/index.js';
import { buildPlan, type Plan } from '../../../src/core/plan/index.js';
import type { LayoutOptions } from '../../../src/core/options/index.js';
import type { TokenPair } from '../../../src/core/tokenizer/index.js';

export const vocabSize = 6;
export const shape: LlamaShape = {
  hiddenSize: 8,
  intermediateSize: 12,
  layers: 3,
  queryHeads: 4,
  kvHeads: 2,
  headDim: 2,
  vocabSize,
};

/** Few different tokens, so that responses often share a start, are one the start of the other, or are the same. */
const tokens = (minLength: number, maxLength: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: 0, max: vocabSize - 1 }), { minLength, maxLength });

/** Pairs as a tokenizer makes them, some with different first tokens. */
const tokenPair: fc.Arbitrary<Omit<TokenPair, 'row' | 'line'>> = fc
  .record({ prompt: tokens(0, 12), common: tokens(0, 3), chosen: tokens(1, 10), rejected: tokens(1, 10) })
  .filter(({ prompt, common, chosen, rejected }) => prompt.length + common.length + Math.min(chosen.length, rejected.length) > 1)
  .map(({ prompt, common, chosen, rejected }) => ({
    chosen: Int32Array.from([...prompt, ...common, ...chosen]),
    rejected: Int32Array.from([...prompt, ...common, ...rejected]),
    promptLength: Math.max(1, prompt.length),
  }));

/**
 * A dataset's pairs. Many come from earlier ones: the same prompt again, a prompt that is the start of another's, a
 * conversation that goes on after a response, the whole pair again.
 */
export const tokenPairs: fc.Arbitrary<TokenPair[]> = fc
  .array(
    fc.record({
      fresh: tokenPair,
      kin: fc.option(fc.record({ of: fc.nat(), how: fc.constantFrom('prompt', 'shorter', 'chosen', 'rejected', 'same') }), {
        nil: undefined,
      }),
    }),
    { minLength: 1, maxLength: 20 },
  )
  .map((drawn) => {
    const pairs: TokenPair[] = [];
    for (const [index, { fresh, kin }] of drawn.entries()) {
      const other = kin === undefined ? undefined : pairs[kin.of % index];
      const pair = other === undefined ? fresh : kinOf(other, fresh, kin?.how ?? 'same');
      pairs.push({ ...pair, row: 2 * index, line: 2 * index + 1 });
    }
    return pairs;
  });

/** Tokens of the longest sequence: the least capacity for sharing `tree`. */
export function longest(pairs: readonly TokenPair[]): number {
  return Math.max(...pairs.flatMap(({ chosen, rejected }) => [chosen.length, rejected.length]));
}

/** Most tokens of a sequence of {@link tokenPairs}: what is longer is not made to go on. */
const longestSequence = 50;

function kinOf(other: TokenPair, fresh: Omit<TokenPair, 'row' | 'line'>, how: string): Omit<TokenPair, 'row' | 'line'> {
  const prompts: Readonly<Record<string, Int32Array>> = {
    prompt: other.chosen.subarray(0, other.promptLength),
    shorter: other.chosen.subarray(0, Math.ceil(other.promptLength / 2)),
    chosen: other.chosen,
    rejected: other.rejected,
  };
  const prompt = prompts[how];
  if (prompt === undefined) return other;
  const whole = (side: 'chosen' | 'rejected'): Int32Array => Int32Array.from([...prompt, ...fresh[side].subarray(fresh.promptLength)]);
  const pair = { chosen: whole('chosen'), rejected: whole('rejected'), promptLength: prompt.length };
  return Math.max(pair.chosen.length, pair.rejected.length) > longestSequence ? fresh : pair;
}

export const planOptions: fc.Arbitrary<LayoutOptions> = fc.record({
  sharing: fc.constantFrom('none' as const, 'pair' as const, 'tree' as const),
  // With sharing `none` both sequences of a pair lie in one bin.
  capacity: fc.integer({ min: 2 * longestSequence, max: 300 }),
  batch_size: fc.integer({ min: 1, max: 8 }),
  epochs: fc.integer({ min: 1, max: 3 }),
  seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  max_length: fc.constant(64),
});

export function planOf(pairs: readonly TokenPair[], options: LayoutOptions, windows?: LlamaShape['windows']): Promise<Plan> {
  const own = windows ? { ...shape, windows } : shape;
  return buildPlan(
    { pairs, skipped: 0, truncated: 0, shape: own, sha256: { dataset: 'd', tokenizer: 't' }, datasetFile: 'pairs.jsonl' },
    options,
  );
}

/** Required FLOPs of one forward pass over all sequences of all epochs when each carries its own prompt. */
export function naiveFlops(pairs: readonly TokenPair[], epochs: number, of: LlamaShape = shape): number {
  let [tokens, visiblePairs, readRows] = [0, 0, 0];
  const lengths: number[] = [];
  for (const pair of pairs) {
    for (const { length } of [pair.chosen, pair.rejected]) {
      // All but the last token, which nothing reads.
      const computed = length - 1;
      tokens += computed;
      visiblePairs += (computed * (computed + 1)) / 2;
      lengths.push(computed);
      readRows += length - pair.promptLength;
    }
  }
  const pairsWithin = (window: number): number => {
    let pairs = 0;
    for (const length of lengths) for (let at = 0; at < length; at++) pairs += Math.min(at + 1, window);
    return pairs;
  };
  return epochs * forwardFlops(of, { tokens, visiblePairs, pairsWithin, readRows });
}

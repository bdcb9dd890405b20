import fc from 'fast-check';
import type { LlamaShape } from '../../../src/core/model/index.js';
import { buildPlan, type Plan } from '../../../src/core/plan/index.js';
import type { LayoutOptions } from '../../../src/core/run/config.js';
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
export const tokenPair: fc.Arbitrary<Omit<TokenPair, 'row' | 'line'>> = fc
  .record({ prompt: tokens(0, 12), common: tokens(0, 3), chosen: tokens(1, 10), rejected: tokens(1, 10) })
  .filter(
    ({ prompt, common, chosen, rejected }) =>
      prompt.length + common.length + Math.min(chosen.length, rejected.length) > 1,
  )
  .map(({ prompt, common, chosen, rejected }) => ({
    chosen: Int32Array.from([...prompt, ...common, ...chosen]),
    rejected: Int32Array.from([...prompt, ...common, ...rejected]),
    promptLength: Math.max(1, prompt.length),
  }));

export const tokenPairs: fc.Arbitrary<TokenPair[]> = fc
  .array(tokenPair, { minLength: 1, maxLength: 20 })
  .map((pairs) => pairs.map((pair, index) => ({ ...pair, row: 2 * index, line: 2 * index + 1 })));

export const planOptions: fc.Arbitrary<LayoutOptions> = fc.record({
  sharing: fc.constantFrom('none' as const, 'pair' as const),
  capacity: fc.integer({ min: 52, max: 200 }),
  batch_size: fc.integer({ min: 1, max: 8 }),
  epochs: fc.integer({ min: 1, max: 3 }),
  seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  max_length: fc.constant(64),
});

export function planOf(pairs: readonly TokenPair[], options: LayoutOptions): Promise<Plan> {
  return buildPlan(
    { pairs, skipped: 0, truncated: 0, shape, sha256: { dataset: 'd', tokenizer: 't' }, datasetFile: 'pairs.jsonl' },
    options,
  );
}

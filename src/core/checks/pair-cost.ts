import { forwardFlops } from '../model/index.js';

export type ModelShape = Parameters<typeof forwardFlops>[0];

/** Lengths of a pair's token sequences, as they are trained on. */
export interface PairLengths {
  /** Tokens that are context of both sequences. */
  readonly prompt: number;
  /** Tokens of prompt + response. */
  readonly chosen: number;
  readonly rejected: number;
  /** Leading tokens that both sequences have: the prompt, and what the responses begin with alike. */
  readonly shared: number;
}

/** Tokens and required FLOPs of one forward pass over a pair, each sequence by itself and with the prefix shared. */
export interface PairCost {
  readonly naiveTokens: number;
  readonly sharedTokens: number;
  /** Undefined where the model's shape is not known. */
  readonly flops: { readonly naive: number; readonly shared: number } | undefined;
}

/** What a pair costs (docs/formats.md, `bin_flops`): that of the bins of a plan that holds it alone. */
export function pairCost({ prompt, chosen, rejected, shared }: PairLengths, shape: ModelShape | undefined): PairCost {
  const naiveTokens = chosen + rejected;
  const sharedTokens = naiveTokens - shared;
  if (shape === undefined) return { naiveTokens, sharedTokens, flops: undefined };
  const triangle = (length: number): number => (length * (length + 1)) / 2;
  // The last token of a response is read by nothing, so it costs nothing.
  const visiblePairs = triangle(chosen - 1) + triangle(rejected - 1);
  const inBoth = Math.min(shared, chosen - 1, rejected - 1);
  const readRows = chosen + rejected - 2 * prompt;
  // Rows from the prompt's last token on that score a token of both responses.
  const readTwice = Math.max(0, Math.min(shared - 1, chosen - 2, rejected - 2) - (prompt - 1) + 1);
  return {
    naiveTokens,
    sharedTokens,
    flops: {
      naive: forwardFlops(shape, { tokens: naiveTokens - 2, visiblePairs, readRows }),
      shared: forwardFlops(shape, {
        tokens: naiveTokens - 2 - inBoth,
        visiblePairs: visiblePairs - triangle(inBoth),
        readRows: readRows - readTwice,
      }),
    },
  };
}

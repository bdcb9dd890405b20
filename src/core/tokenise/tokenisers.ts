import type { PairText } from '../dataset/index.js';
import { BadRowError } from '../errors.js';
import { ModelTokenizer, PairTokenizer, type TokenOutcome } from '../tokenizer/index.js';
import type { TokeniserTask } from './messages.js';
import { packBatch, type LeftOutPairs, type TokenBatch } from './token-store.js';

/** Turns pairs of texts into tokens, in this thread or in others. */
export interface Tokeniser {
  /** Batches that may be under way at once. */
  readonly width: number;
  /** @throws WishboneError for the first pair of the batch that cannot be tokenised */
  tokenise(pairs: readonly PairText[]): Promise<TokenBatch>;
  /** Ends its threads, whatever they are doing. */
  close(): Promise<void>;
}

/** @throws WishboneError when the model folder's tokenizer cannot be used */
export async function tokeniseHere({ folder, template, options, skipsBadRows = false }: TokeniserTask): Promise<Tokeniser> {
  const tokenizer = new PairTokenizer(await ModelTokenizer.load(folder, template), options);
  return {
    width: 1,
    tokenise: async (pairs) => (skipsBadRows ? tokeniseGoodRows(tokenizer, pairs) : packBatch(tokenizer.tokenizeAll(pairs))),
    close: async () => undefined,
  };
}

/** A row of several pairs is left out whole; its pairs stand together. */
function tokeniseGoodRows(tokenizer: PairTokenizer, pairs: readonly PairText[]): TokenBatch {
  const all = tokenizer.tokenizeEach(pairs);
  const outcomes: TokenOutcome[] = [];
  const leftOut: LeftOutPairs[] = [];
  for (let at = 0, end = 0; at < pairs.length; at = end) {
    const { row, line } = pairs[at] as PairText;
    while (pairs[end]?.row === row) end++;
    const ofRow = all.slice(at, end);
    const bad = ofRow.find((outcome): outcome is BadRowError => outcome instanceof BadRowError);
    if (bad !== undefined) leftOut.push({ row, line, what: bad.what, pairs: end - at });
    else outcomes.push(...(ofRow as TokenOutcome[]));
  }
  return packBatch(outcomes, leftOut);
}

import type { PairText } from '../dataset/index.js';
import type { PairTokenizerOptions, TemplateName } from '../tokenizer/index.js';
import type { TokenBatch } from './token-store.js';

/** How pairs are tokenised. */
export interface TokeniserTask {
  /** The model's. */
  readonly folder: string;
  /** The chat template to take. */
  readonly template?: TemplateName | undefined;
  readonly options: PairTokenizerOptions;
  /** Rows that cannot be tokenised are left out of a batch and told of, instead of ending it. */
  readonly skipsBadRows?: boolean | undefined;
}

/** What a tokenising thread can be asked. */
export interface TokeniseCalls {
  /** Must come first. If the tokenizer cannot be loaded, every batch fails with that error too. */
  open(task: TokeniserTask): void;
  tokenise(pairs: readonly PairText[]): TokenBatch;
}

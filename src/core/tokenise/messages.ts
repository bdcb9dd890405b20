import type { PairText } from '../dataset/index.js';
import { BadRowError, WishboneError, type ExitCode } from '../errors.js';
import type { PairTokenizerOptions, TemplateName } from '../tokenizer/index.js';
import type { TokenBatch } from './token-store.js';

/** What a tokenising thread is started with (`workerData`). */
export interface TokeniserTask {
  /** The model's. */
  readonly folder: string;
  /** The chat template to take. */
  readonly template?: TemplateName | undefined;
  readonly options: PairTokenizerOptions;
  /** Rows that cannot be tokenised are left out of a batch and told of, instead of ending it. */
  readonly skipsBadRows?: boolean | undefined;
}

/** What is sent to it. It answers in this order. */
export type TokeniserRequest = readonly PairText[];

/** What it sends back for each request. */
export type TokeniserAnswer =
  | { readonly type: 'batch'; readonly batch: TokenBatch }
  | {
      readonly type: 'bad';
      readonly what: string;
      readonly where: string;
      readonly advice: string;
      readonly exitCode: ExitCode;
      readonly isBadRow: boolean;
    }
  /** A fault of ours. */
  | { readonly type: 'fault'; readonly message: string; readonly stack: string };

export function failedAnswer(error: unknown): TokeniserAnswer {
  if (error instanceof WishboneError) {
    const { what, where, advice, exitCode } = error;
    return { type: 'bad', what, where, advice, exitCode, isBadRow: error instanceof BadRowError };
  }
  const fault = error instanceof Error ? error : new Error(String(error));
  return { type: 'fault', message: fault.message, stack: fault.stack ?? '' };
}

/** @throws what the thread could not do */
export function batchOf(answer: TokeniserAnswer): TokenBatch {
  switch (answer.type) {
    case 'batch':
      return answer.batch;
    case 'bad':
      throw new (answer.isBadRow ? BadRowError : WishboneError)(answer.what, answer.where, answer.advice, answer.exitCode);
    case 'fault':
      throw Object.assign(new Error(answer.message), { stack: answer.stack });
  }
}

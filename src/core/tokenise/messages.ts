import type { PairText } from '../dataset/index.js';
import { WishboneError, type ExitCode } from '../errors.js';
import type { PairTokenizerOptions, TemplateName } from '../tokenizer/index.js';
import type { TokenBatch } from './token-store.js';

/** What a tokenising thread is started with (`workerData`). */
export interface TokeniserTask {
  /** The model's. */
  readonly folder: string;
  /** The chat template to take. */
  readonly template?: TemplateName | undefined;
  readonly options: PairTokenizerOptions;
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
    }
  /** A fault of ours. */
  | { readonly type: 'fault'; readonly message: string; readonly stack: string };

export function failedAnswer(error: unknown): TokeniserAnswer {
  if (error instanceof WishboneError) {
    const { what, where, advice, exitCode } = error;
    return { type: 'bad', what, where, advice, exitCode };
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
      throw new WishboneError(answer.what, answer.where, answer.advice, answer.exitCode);
    case 'fault':
      throw Object.assign(new Error(answer.message), { stack: answer.stack });
  }
}

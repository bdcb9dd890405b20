import { type Channel, Moved, serve, ThreadPool } from '../transport/index.js';
import type { TokeniseCalls, TokeniserTask } from './messages.js';
import { type Tokeniser, tokeniseHere } from './tokenisers.js';

/** @param worker a bundle of `src/workers/tokenise.ts` */
export function tokeniseInThreads(task: TokeniserTask, worker: string, threads?: number): Tokeniser {
  const pool = new ThreadPool<TokeniseCalls>(worker, 'tokenising the dataset', threads);
  pool.tellAll('open', task);
  return {
    width: pool.width,
    tokenise: (pairs) => pool.call('tokenise', pairs),
    close: () => pool.close(),
  };
}

/** A thread's side of {@link tokeniseInThreads}. */
export function serveTokeniser(channel: Channel): void {
  let tokeniser: Promise<Tokeniser> | undefined;
  serve<TokeniseCalls>(channel, {
    open: async (task) => void (await (tokeniser = tokeniseHere(task))),
    tokenise: async (pairs) => {
      if (tokeniser === undefined) throw new Error('no tokenizer is open');
      const batch = await (await tokeniser).tokenise(pairs);
      return new Moved(batch, [batch.tokens.buffer as ArrayBuffer, batch.meta.buffer as ArrayBuffer]);
    },
  });
}

import { availableParallelism } from 'node:os';
import type { PairText } from '../dataset/index.js';
import { ExitCode, WishboneError } from '../errors.js';
import { type Channel, Client, Moved, serve, startThread } from '../transport/index.js';
import type { TokeniseCalls, TokeniserTask } from './messages.js';
import type { TokenBatch } from './token-store.js';
import { type Tokeniser, tokeniseHere } from './tokenisers.js';

/** Each thread has its own tokenizer, which takes 100 MB and more for a large vocabulary; and one thread reads rows for about so many. */
const MOST_THREADS = 8;

/** @param worker a bundle of `src/workers/tokenise.ts` */
export function tokeniseInThreads(task: TokeniserTask, worker: string, threads?: number): Tokeniser {
  const count = threads ?? Math.min(availableParallelism(), MOST_THREADS);
  const pool = Array.from({ length: count }, () => new TokeniserThread(task, worker));
  return {
    // One batch being tokenised and one waiting, for each thread.
    width: 2 * count,
    tokenise: (pairs) => pool.reduce((a, b) => (b.waiting < a.waiting ? b : a)).tokenise(pairs),
    close: async () => void (await Promise.all(pool.map((thread) => thread.close()))),
  };
}

class TokeniserThread {
  readonly #client: Client<TokeniseCalls>;

  constructor(task: TokeniserTask, worker: string) {
    this.#client = new Client(startThread(worker));
    this.#client.call('open', task).catch(() => undefined);
  }

  get waiting(): number {
    return this.#client.waiting;
  }

  async tokenise(pairs: readonly PairText[]): Promise<TokenBatch> {
    try {
      return await this.#client.call('tokenise', pairs);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_OUT_OF_MEMORY') throw error;
      throw new WishboneError(
        'a tokenising thread ran out of memory',
        'tokenising the dataset',
        'close other programs, or split rows that are very long',
        ExitCode.outOfMemory,
      );
    }
  }

  close(): Promise<void> {
    return this.#client.end();
  }
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

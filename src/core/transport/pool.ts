import { availableParallelism } from 'node:os';
import { ExitCode, WishboneError } from '../errors.js';
import type { WorkOptions } from '../work/progress.js';
import type { Answer, Api, Argument, Method } from './api.js';
import { Client } from './client.js';
import { startThread } from './thread.js';

/** Each thread has a tokenizer of its own, which takes 100 MB and more for a large vocabulary; and one thread reads rows for about so many. */
const MOST_THREADS = 8;

/** How work is divided. */
export interface ThreadOptions {
  /** A bundle of `src/workers`; by default the one beside this bundle. */
  readonly worker?: string | undefined;
  /** By default one for each core, eight at most. */
  readonly threads?: number | undefined;
}

/** Threads that serve the same calls. */
export class ThreadPool<Calls extends Api> {
  readonly #clients: readonly Client<Calls>[];
  readonly #doing: string;

  /**
   * @param worker a bundle of `src/workers`
   * @param doing what the threads do, for messages to people: `tokenising the dataset`
   */
  constructor(worker: string, doing: string, threads = Math.min(availableParallelism(), MOST_THREADS)) {
    this.#clients = Array.from({ length: threads }, () => new Client<Calls>(startThread(worker)));
    this.#doing = doing;
  }

  /** Calls that may be under way at once: one that is worked on and one that waits, for each thread. */
  get width(): number {
    return 2 * this.#clients.length;
  }

  /** Calls a method of each thread. What goes wrong there, later calls have to tell. */
  tellAll<M extends Method<Calls>>(method: M, argument: Argument<Calls, M>): void {
    for (const client of this.#clients) client.call(method, argument).catch(() => undefined);
  }

  /** Calls a method of the thread that has least to do. @throws WishboneError what the method throws, or when memory is out */
  async call<M extends Method<Calls>>(method: M, argument: Argument<Calls, M>, work: WorkOptions = {}): Promise<Answer<Calls, M>> {
    const idlest = this.#clients.reduce((a, b) => (b.waiting < a.waiting ? b : a));
    try {
      return await idlest.call(method, argument, work);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_OUT_OF_MEMORY') throw error;
      throw new WishboneError(
        'a thread ran out of memory',
        this.#doing,
        'close other programs, or split rows that are very long',
        ExitCode.outOfMemory,
      );
    }
  }

  /** Ends the threads, whatever they are doing. */
  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end()));
  }
}

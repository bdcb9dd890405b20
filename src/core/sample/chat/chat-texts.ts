import { totalmem } from 'node:os';
import {
  type Answer,
  type Argument,
  Client,
  type Limits,
  type Method,
  readingEnded,
  startProcess,
  workerBundle,
} from '../../transport/index.js';
import type { ChatCalls } from './messages.js';

/** A tokenizer and an evaluation set that is kept in part. */
const LIMITS: Limits = { memory: Math.max(1.5 * 2 ** 30, totalmem() / 2), busy: 60 };

/** What `serveChat` does, in a process of its own: templates, tokenizers and datasets may come from anywhere. */
export class ChatTexts {
  readonly #worker: string | undefined;
  #client: Client<ChatCalls> | undefined;

  /** @param worker a bundle of `src/workers/chat.ts`; by default the one beside this bundle */
  constructor(worker = workerBundle('chat')) {
    this.#worker = worker;
  }

  /** @param files that are read for it, and may be at fault when the process ends early; the next call starts another */
  async ask<M extends Method<ChatCalls>>(
    method: M,
    argument: Argument<ChatCalls, M>,
    files: readonly string[],
  ): Promise<Answer<ChatCalls, M>> {
    const client = (this.#client ??= this.#start());
    try {
      return await client.call(method, argument);
    } catch (error) {
      throw readingEnded(error, files);
    }
  }

  close(): void {
    void this.#client?.end(new Error('the chat was closed'));
    this.#client = undefined;
  }

  #start(): Client<ChatCalls> {
    if (this.#worker === undefined) throw new Error('there is no bundle of src/workers/chat.ts');
    const channel = startProcess(this.#worker, { limits: LIMITS });
    const client = new Client<ChatCalls>(channel, {
      onEnd: () => {
        if (this.#client === client) this.#client = undefined;
      },
    });
    // A panel that is open keeps no process alive.
    channel.keepAlive(false);
    return client;
  }
}

import { totalmem } from 'node:os';
import { type Answer, type Argument, type Client, type Limits, type Method, readingEnded, startReading } from '../../transport/index.js';
import type { ChatCalls } from './messages.js';

/** A tokenizer and an evaluation set that is kept in part. */
const LIMITS: Limits = { memory: Math.max(1.5 * 2 ** 30, totalmem() / 2), busy: 60 };

/** What `serveChat` does, in a process of its own: templates, tokenizers and datasets may come from anywhere. */
export class ChatTexts {
  readonly #bundle: string | undefined;
  #client: Client<ChatCalls> | undefined;

  /** @param bundle of `src/workers/chat.ts`; by default the one beside this bundle */
  constructor(bundle?: string) {
    this.#bundle = bundle;
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
    const onEnd = (): void => {
      if (this.#client === client) this.#client = undefined;
    };
    const client = startReading<ChatCalls>('chat', LIMITS, { onEnd }, this.#bundle);
    return client;
  }
}

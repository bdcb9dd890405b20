import type { Progress, WorkOptions } from '../work/progress.js';
import type { Answer, Api, Argument, Method } from './api.js';
import type { OwnedChannel } from './channel.js';
import { errorOf } from './failure.js';
import type { ToClient, ToServer } from './messages.js';

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: ((progress: Progress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
  readonly cancel: () => void;
}

/** Who hears what the other side tells without being asked. */
export interface ClientListener<Events extends Api> {
  readonly events?: { readonly [N in Method<Events>]: (value: Events[N]) => void };
  /** A fault of ours on the other side, outside any call. */
  readonly onFault?: (error: Error) => void;
  /** The other side ended though nobody had asked it to. */
  readonly onEnd?: (error: Error) => void;
}

/** Asks a thread or process that runs {@link serve}. */
export class Client<Calls extends Api, Events extends Api = object> {
  readonly #channel: OwnedChannel;
  readonly #listener: ClientListener<Events>;
  readonly #waiting = new Map<number, Waiting>();
  #ids = 0;
  #ended: Error | undefined;

  constructor(channel: OwnedChannel, listener: ClientListener<Events> = {}) {
    this.#channel = channel;
    this.#listener = listener;
    channel.listen({
      onMessage: (message) => this.#take(message as ToClient),
      onEnd: (error) => {
        const isNews = this.#ended === undefined;
        this.#giveUp(error);
        if (isNews) listener.onEnd?.(error);
      },
    });
  }

  /** Calls without an answer so far. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Aborting asks the other side to stop; the promise rejects with the signal's reason once it has. Whoever cannot wait for
   * that calls {@link end}.
   *
   * @throws WishboneError what the method throws
   */
  async call<M extends Method<Calls>>(
    method: M,
    argument: Argument<Calls, M>,
    { onProgress, signal }: WorkOptions = {},
  ): Promise<Answer<Calls, M>> {
    signal?.throwIfAborted();
    if (this.#ended !== undefined) throw this.#ended;
    const id = this.#ids++;
    const cancel = (): void => this.#send({ type: 'cancel', id });
    const answer = new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, onProgress, signal, cancel });
    });
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      this.#send({ type: 'call', id, method, argument });
    } catch (error) {
      this.#done(id)?.reject(error);
    }
    return (await answer) as Answer<Calls, M>;
  }

  /** Calls a method whose answer nobody waits for. What it throws is heard by `onFault`. */
  tell<M extends Method<Calls>>(method: M, argument: Argument<Calls, M>): void {
    if (this.#ended === undefined) this.#send({ type: 'tell', method, argument });
  }

  /** Nothing more will be asked: the other side may end once it has nothing more to do. */
  close(): void {
    if (this.#ended !== undefined) return;
    this.#send({ type: 'close' });
    this.#giveUp(new Error('the connection was closed'));
  }

  /** Ends the other side at once, whatever it is doing; calls without an answer reject. Resolves when it is gone. */
  async end(reason = new Error('the connection was closed')): Promise<void> {
    this.#giveUp(reason);
    await this.#channel.kill();
  }

  #send(message: ToServer): void {
    this.#channel.send(message);
  }

  #take(message: ToClient): void {
    switch (message.type) {
      case 'progress':
        return this.#waiting.get(message.id)?.onProgress?.(message.progress);
      case 'answer':
        return this.#done(message.id)?.resolve(message.answer);
      case 'failure': {
        const waiting = this.#done(message.id);
        return waiting?.reject(errorOf(message.failure, waiting.signal?.reason));
      }
      case 'event':
        return this.#listener.events?.[message.name as Method<Events>]?.(message.value as Events[Method<Events>]);
      case 'fault':
        return this.#listener.onFault?.(errorOf(message.failure) as Error);
    }
  }

  #done(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.signal?.removeEventListener('abort', waiting.cancel);
    return waiting;
  }

  #giveUp(error: Error): void {
    this.#ended ??= error;
    for (const id of this.#waiting.keys()) this.#done(id)?.reject(error);
  }
}

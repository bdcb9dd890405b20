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

/** Receives what the other side sends unasked. */
export interface ClientListener<Events extends Api> {
  readonly events?: { readonly [N in Method<Events>]: (value: Events[N]) => void };
  /** A bug on the other side, outside any call. */
  readonly onFault?: (error: Error) => void;
  /** The other side ended unexpectedly. */
  readonly onEnd?: (error: Error) => void;
}

/** Calls a thread or process that runs {@link serve}. */
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

  /** Number of calls that are not answered yet. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Aborting asks the other side to stop; the promise rejects with the signal's reason once it has stopped. If you cannot wait
   * for that, call {@link end}.
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

  /** Calls a method without waiting for an answer. Errors go to `onFault`. */
  tell<M extends Method<Calls>>(method: M, argument: Argument<Calls, M>): void {
    if (this.#ended === undefined) this.#send({ type: 'tell', method, argument });
  }

  /** Says that no more calls will come, so that the other side can exit when it is done. */
  close(): void {
    if (this.#ended !== undefined) return;
    this.#send({ type: 'close' });
    this.#giveUp(new Error('the connection was closed'));
  }

  /** Kills the other side, whatever it is doing. Open calls reject. Resolves when it is gone. */
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

import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Answer, Api, Argument, Method } from './api.js';
import type { Channel } from './channel.js';
import { errorOf } from './failure.js';
import type { ToClient, ToServer } from './messages.js';
import { portChannel } from './thread.js';

/** Indices of the 32-bit numbers that a caller who waits where it stands shares with the thread that it waits for. */
export const Shared = {
  /** Messages so far; waited on. */
  messages: 0,
  /** Goes on as long as the thread shows signs of life. */
  beats: 1,
  /** The first that both may use as they like. */
  own: 2,
} as const;

/** Waiting is cut into slices of so many milliseconds: when the machine or the process slept, one of them has passed. */
const slice = 100;

/** The other side neither answered nor showed a sign of life for too long. */
export class NoAnswer extends Error {}

/** Asks a thread and waits for the answer where the caller stands (`Atomics.wait`), for callers whose own work is synchronous. */
export class BlockingClient<Calls extends Api> {
  readonly #port: MessagePort;
  readonly #shared: Int32Array;
  #ids = 0;

  /** @param shared as the thread gives it to {@link wakingChannel} */
  constructor(port: MessagePort, shared: Int32Array) {
    this.#port = port;
    this.#shared = shared;
  }

  /**
   * @param patience longest time without a sign of life, in milliseconds
   * @throws NoAnswer when it was longer; what the method throws, or an error that befell the thread meanwhile
   */
  call<M extends Method<Calls>>(method: M, argument: Argument<Calls, M>, patience: number): Answer<Calls, M> {
    const id = this.#ids++;
    this.#port.postMessage({ type: 'call', id, method, argument } satisfies ToServer);
    for (;;) {
      const message = this.#receive(patience);
      if (message.type === 'answer' && message.id === id) return message.answer as Answer<Calls, M>;
      if (message.type === 'fault' || (message.type === 'failure' && message.id === id)) throw errorOf(message.failure);
    }
  }

  #receive(patience: number): ToClient {
    let beats = -1;
    let silence = 0;
    for (;;) {
      const count = Atomics.load(this.#shared, Shared.messages);
      const received = receiveMessageOnPort(this.#port) as { message: ToClient } | undefined;
      if (received) return received.message;
      if (Atomics.wait(this.#shared, Shared.messages, count, slice) !== 'timed-out') continue;
      const now = Atomics.load(this.#shared, Shared.beats);
      silence = now === beats ? silence + slice : 0;
      beats = now;
      if (silence >= patience) throw new NoAnswer(`no answer within ${patience} ms`);
    }
  }
}

/** A channel that wakes the {@link BlockingClient} at its other end. */
export function wakingChannel(port: MessagePort, shared: Int32Array): Channel {
  const channel = portChannel(port);
  return {
    ...channel,
    send: (message, transfer) => {
      channel.send(message, transfer);
      Atomics.add(shared, Shared.messages, 1);
      Atomics.notify(shared, Shared.messages);
    },
  };
}

import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Answer, Api, Argument, Method } from './api.js';
import type { Channel } from './channel.js';
import { errorOf } from './failure.js';
import type { ToClient, ToServer } from './messages.js';
import { portChannel } from './thread.js';

/** Indices of the 32-bit numbers that a blocked caller shares with the thread it waits for. */
export const Shared = {
  /** Number of messages so far; the caller waits for it to change. */
  messages: 0,
  /** Counts up while the thread is alive. */
  beats: 1,
  /** First index that the two sides may use for their own purposes. */
  own: 2,
} as const;

/** The caller waits in slices of this many milliseconds. If the machine or the process was suspended, only one slice has passed. */
const SLICE = 100;

/** The other side neither answered nor showed signs of life for too long. */
export class NoAnswer extends Error {}

/** Calls a thread and blocks until it answers (`Atomics.wait`), for callers whose own work is synchronous. */
export class BlockingClient<Calls extends Api> {
  readonly #port: MessagePort;
  readonly #shared: Int32Array;
  #ids = 0;

  /** @param shared the same numbers that the thread gives to {@link wakingChannel} */
  constructor(port: MessagePort, shared: Int32Array) {
    this.#port = port;
    this.#shared = shared;
  }

  /**
   * @param patience longest time without signs of life, in milliseconds
   * @throws NoAnswer when that time is exceeded; otherwise what the method throws, or a fault of the thread
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
      if (Atomics.wait(this.#shared, Shared.messages, count, SLICE) !== 'timed-out') continue;
      const now = Atomics.load(this.#shared, Shared.beats);
      silence = now === beats ? silence + SLICE : 0;
      beats = now;
      if (silence >= patience) throw new NoAnswer(`no answer within ${patience} ms`);
    }
  }
}

/** A channel that wakes up the {@link BlockingClient} at its other end. */
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

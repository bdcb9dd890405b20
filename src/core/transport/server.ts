import { type Api, type Handler, type Handlers, type Method, Moved } from './api.js';
import type { Channel } from './channel.js';
import { failureOf, isOutOfMemory } from './failure.js';
import type { ToClient, ToServer } from './messages.js';

/** Sends events to the client. */
export interface Teller<Events extends Api> {
  tell<N extends Method<Events>>(name: N, value: Events[N]): void;
  /** Reports a bug. */
  fault(error: unknown): void;
}

/**
 * Serves calls from a channel until the client closes it or goes away. Calls start in the order they arrive and run
 * concurrently.
 *
 * @param handlers whatever they throw is sent to the caller
 */
export function serve<Calls extends Api, Events extends Api = object>(channel: Channel, handlers: Handlers<Calls>): Teller<Events> {
  const running = new Map<number, AbortController>();
  const send = (message: ToClient): void => channel.send(message);
  const find = (method: string): Handler<Calls, Method<Calls>> => {
    if (!Object.hasOwn(handlers, method)) throw new Error(`there is no method "${method}"`);
    return handlers[method as Method<Calls>];
  };

  async function answer({ id, method, argument }: ToServer & { type: 'call' }): Promise<void> {
    const abort = new AbortController();
    const { signal } = abort;
    running.set(id, abort);
    try {
      const given = await find(method)(argument as never, {
        signal,
        onProgress: (progress) => send({ type: 'progress', id, progress }),
      });
      const [answer, buffers] = given instanceof Moved ? [given.answer, given.buffers] : [given, undefined];
      channel.send({ type: 'answer', id, answer } satisfies ToClient, buffers);
    } catch (error) {
      if (isOutOfMemory(error)) channel.giveUp?.(error);
      send({ type: 'failure', id, failure: failureOf(error, signal) });
    } finally {
      running.delete(id);
    }
  }

  async function hear({ method, argument }: ToServer & { type: 'tell' }): Promise<void> {
    const { signal } = new AbortController();
    try {
      await find(method)(argument as never, { signal, onProgress: () => undefined });
    } catch (error) {
      send({ type: 'fault', failure: failureOf(error) });
    }
  }

  channel.listen({
    onMessage: (message) => {
      const request = message as ToServer;
      switch (request.type) {
        case 'call':
          return void answer(request);
        case 'tell':
          return void hear(request);
        case 'cancel':
          return running.get(request.id)?.abort();
        case 'close':
          return channel.close();
      }
    },
    // Nobody is left to receive the answers.
    onEnd: () => running.forEach((abort) => abort.abort()),
  });
  return {
    tell: (name, value) => send({ type: 'event', name, value }),
    fault: (error) => send({ type: 'fault', failure: failureOf(error) }),
  };
}

import { availableParallelism } from 'node:os';
import { type Channel, Client, Moved, serve, startThread } from '../../transport/index.js';
import type { TensorType } from '../tensor-types.js';
import { isSlow, quantise } from './index.js';

/** Quantises numbers, perhaps elsewhere. */
export interface Quantiser {
  /** How many pieces are worth having at once. */
  readonly width: number;
  quantise(type: TensorType, x: Float32Array<ArrayBuffer>): Promise<Uint8Array>;
  close(): Promise<void>;
}

export const quantiserHere: Quantiser = {
  width: 1,
  quantise: async (type, x) => quantise(type, x),
  close: async () => undefined,
};

interface QuantiseCalls {
  quantise(piece: { readonly type: TensorType; readonly x: Float32Array<ArrayBuffer> }): Uint8Array;
}

/** Threads for the types that take long; the others are computed here. @param worker a bundle of `src/workers/quantise.ts` */
export function quantiserInThreads(worker: string, threads = availableParallelism()): Quantiser {
  let pool: Client<QuantiseCalls>[] | undefined;
  return {
    width: threads + 1,
    quantise: async (type, x) => {
      if (!isSlow(type)) return quantise(type, x);
      pool ??= Array.from({ length: threads }, () => new Client<QuantiseCalls>(startThread(worker)));
      const idle = pool.reduce((a, b) => (b.waiting < a.waiting ? b : a));
      return idle.call('quantise', { type, x });
    },
    close: async () => void (await Promise.all((pool ?? []).map((client) => client.end()))),
  };
}

/** A thread's side of {@link quantiserInThreads}. */
export function serveQuantiser(channel: Channel): void {
  serve<QuantiseCalls>(channel, {
    quantise: async ({ type, x }) => {
      const bytes = quantise(type, x);
      return new Moved(bytes, [bytes.buffer]);
    },
  });
}

/** Maps items in their order, with some under way at once. */
export async function* inOrder<A, B>(items: AsyncIterable<A>, width: number, map: (item: A) => Promise<B>): AsyncGenerator<B> {
  const under: Promise<B>[] = [];
  for await (const item of items) {
    const one = map(item);
    // Looked at in its turn.
    one.catch(() => undefined);
    under.push(one);
    if (under.length >= width) yield await under.shift()!;
  }
  for (const one of under) yield await one;
}

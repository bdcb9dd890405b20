import path from 'node:path';
import { Worker } from 'node:worker_threads';

import { WishboneError } from '../errors.js';
import type { Progress, WorkOptions } from '../progress.js';
import type { InspectCalls, InspectMethod, InspectReply, InspectRequest, PlanInfo } from './messages.js';
import type { PlanSource } from './source.js';

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

/** An `InspectedPlan` in a thread of its own. */
export class PlanInspector {
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #ended: Error | undefined;

  private constructor(readonly worker: Worker) {
    worker.on('message', (reply: InspectReply) => this.#take(reply));
    worker.on('error', (error) => this.#end(error));
    worker.on('exit', () => this.#end(new Error('the plan was closed')));
  }

  /**
   * Opens a plan. Aborting ends the worker at once and rejects with the signal's reason; planning writes nothing.
   *
   * @param options.worker the bundled `src/workers/inspect.ts`; by default `workers/inspect.js` beside this bundle
   * @throws WishboneError as `InspectedPlan.open`
   */
  static async open(
    source: PlanSource,
    options: WorkOptions & { readonly worker?: string } = {},
  ): Promise<{ readonly inspector: PlanInspector; readonly info: PlanInfo }> {
    const { signal, onProgress } = options;
    signal?.throwIfAborted();
    const inspector = new PlanInspector(new Worker(options.worker ?? path.join(__dirname, 'workers', 'inspect.js')));
    const abort = (): void => inspector.#end(signal?.reason as Error);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return { inspector, info: await inspector.#call('open', source, onProgress) };
    } catch (error) {
      inspector.close();
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** @throws WishboneError when the answer is that something outside is wrong */
  ask<M extends InspectMethod>(method: M, argument: InspectCalls[M][0]): Promise<InspectCalls[M][1]> {
    return this.#call(method, argument);
  }

  close(): void {
    this.#end(new Error('the plan was closed'));
  }

  #call<M extends InspectMethod>(
    method: M,
    argument: InspectCalls[M][0],
    onProgress?: (progress: Progress) => void,
  ): Promise<InspectCalls[M][1]> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject, onProgress });
      this.worker.postMessage({ id, method, argument } satisfies InspectRequest<M>);
    });
  }

  #take(reply: InspectReply): void {
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    if (reply.type === 'progress') {
      waiting.onProgress?.(reply.progress);
      return;
    }
    this.#waiting.delete(reply.id);
    switch (reply.type) {
      case 'answer':
        waiting.resolve(reply.answer);
        break;
      case 'bad':
        waiting.reject(new WishboneError(reply.what, reply.where, reply.advice, reply.exitCode));
        break;
      case 'fault':
        waiting.reject(Object.assign(new Error(reply.message), { stack: reply.stack }));
        break;
    }
  }

  #end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    void this.worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

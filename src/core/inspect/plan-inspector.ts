import type { WorkOptions } from '../work/progress.js';
import { type Answer, type Argument, Client, type Method, startThread } from '../transport/index.js';
import type { InspectCalls, PlanInfo } from './messages.js';
import type { PlanSource } from './source.js';

/** An `InspectedPlan` in a thread of its own. */
export class PlanInspector {
  readonly #client = new Client<InspectCalls>(startThread('inspect'));

  private constructor() {}

  /**
   * Opens a plan. Aborting ends the thread at once and rejects with the signal's reason; planning writes nothing.
   *
   * @throws WishboneError as `InspectedPlan.open`
   */
  static async open(
    source: PlanSource,
    { signal, onProgress }: WorkOptions = {},
  ): Promise<{ readonly inspector: PlanInspector; readonly info: PlanInfo }> {
    signal?.throwIfAborted();
    const inspector = new PlanInspector();
    const abort = (): void => void inspector.#client.end(signal?.reason as Error);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return { inspector, info: await inspector.#client.call('open', source, { onProgress }) };
    } catch (error) {
      inspector.close();
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** @throws WishboneError when the answer is that something outside is wrong */
  ask<M extends Method<InspectCalls>>(method: M, argument: Argument<InspectCalls, M>): Promise<Answer<InspectCalls, M>> {
    return this.#client.call(method, argument);
  }

  close(): void {
    void this.#client.end(new Error('the plan was closed'));
  }
}

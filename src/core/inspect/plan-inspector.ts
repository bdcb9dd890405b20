import { totalmem } from 'node:os';
import type { WorkOptions } from '../work/progress.js';
import { type Answer, type Argument, type Client, type Limits, type Method, readingEnded, startReading } from '../transport/index.js';
import type { InspectCalls, PlanInfo } from './messages.js';
import { filesOf, type PlanSource } from './source.js';

/** A plan and the layouts of it that are shown take what they take; but not all of the machine. */
const LIMITS: Limits = { memory: Math.max(2 ** 30, totalmem() / 2), busy: 60 };

/** An `InspectedPlan` in a process of its own: it is made of files that may come from anywhere. */
export class PlanInspector {
  readonly #client: Client<InspectCalls>;

  private constructor() {
    this.#client = startReading('inspect', LIMITS);
  }

  /**
   * Opens a plan. Aborting ends the process at once and rejects with the signal's reason; planning writes nothing.
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
      throw readingEnded(error, filesOf(source));
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** @throws WishboneError when the answer is that something outside is wrong */
  async ask<M extends Method<InspectCalls>>(method: M, argument: Argument<InspectCalls, M>): Promise<Answer<InspectCalls, M>> {
    try {
      return await this.#client.call(method, argument);
    } catch (error) {
      throw readingEnded(error, []);
    }
  }

  close(): void {
    void this.#client.end(new Error('the plan was closed'));
  }
}

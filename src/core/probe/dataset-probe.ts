import type { DatasetForm } from '../dataset/index.js';
import { WishboneError } from '../errors.js';
import { Client, LeftAlone, type Limits, type OwnedChannel, readingEnded, startProcess, workerBundle } from '../transport/index.js';
import type { ProbeResult } from './probe-dataset.js';

/** What the process can be asked. */
export interface ProbeCalls {
  probe(file: string): ProbeResult;
}

/** A preference file's form, or why a file of that kind cannot be read; neither for any other file. */
export interface Probed {
  readonly form?: DatasetForm | undefined;
  readonly problem?: WishboneError | undefined;
}

/** A look at a file's first row takes a fraction of these. */
const LIMITS: Limits = { memory: 800 * 2 ** 20, busy: 8 };
/** Milliseconds after which a process that is asked nothing is let go. */
const IDLE = 15_000;

/**
 * Looks at files in a process of its own, one after the other: a workspace may hold any. A file that ends the process is
 * named, and left alone until it changes; the process is started again for the next.
 */
export class DatasetProbe {
  readonly #leftAlone = new LeftAlone();
  readonly #bundle: string | undefined;
  readonly #limits: Limits;
  #client: Client<ProbeCalls> | undefined;
  #channel: OwnedChannel | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;

  /** @param bundle of `src/workers/probe.ts`; by default the one beside this bundle */
  constructor(bundle = workerBundle('probe'), own: Limits = LIMITS) {
    this.#bundle = bundle;
    this.#limits = own;
  }

  look(file: string): Promise<Probed> {
    const looked = this.#last.then(() => this.#look(file));
    this.#last = looked.catch(() => undefined);
    return looked;
  }

  async dispose(): Promise<void> {
    clearTimeout(this.#idle);
    const client = this.#client;
    this.#client = undefined;
    await client?.end();
  }

  async #look(file: string): Promise<Probed> {
    const known = this.#leftAlone.problem([file]);
    if (known !== undefined) return { problem: known };
    clearTimeout(this.#idle);
    try {
      const client = this.#running();
      // Between two files it keeps nobody alive.
      this.#channel?.keepAlive(true);
      const { form, problem } = await client.call('probe', file);
      return { form, problem: problem && new WishboneError(problem.what, problem.where, problem.advice) };
    } catch (error) {
      const ended = readingEnded(error, [file]);
      if (!(ended instanceof WishboneError)) throw ended;
      this.#leftAlone.note([file], ended);
      return { problem: ended };
    } finally {
      this.#channel?.keepAlive(false);
      this.#idle = setTimeout(() => void this.dispose(), IDLE);
      this.#idle.unref();
    }
  }

  #running(): Client<ProbeCalls> {
    if (this.#client !== undefined) return this.#client;
    if (this.#bundle === undefined) throw new Error('there is no bundle of src/workers/probe.ts');
    const channel = startProcess(this.#bundle, { limits: this.#limits, heap: 512 });
    this.#channel = channel;
    const client = new Client<ProbeCalls>(channel, {
      onEnd: () => {
        if (this.#client === client) this.#client = undefined;
      },
    });
    return (this.#client = client);
  }
}

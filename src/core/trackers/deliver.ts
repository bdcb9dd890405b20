import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WishboneError } from '../errors.js';
import { ConnectionError, type Network } from '../download/index.js';
import type { RunEvent } from '../events/events.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { readRun } from '../run/folder.js';
import { isActive, runState } from '../run/state.js';
import type { AskedTrackers } from './asked.js';
import { describeRun } from './described.js';
import { MlflowTracker } from './mlflow/tracker.js';
import type { Variables } from './places.js';
import { readRecord, type TrackerRecord, type Trouble, writeRecord } from './record.js';
import { TRACKER_LABELS, type TrackerName } from './report-to.js';
import { nextPart, type Part } from './spool.js';
import type { Tracker, TrackerContext } from './tracker.js';
import { TrackioTracker } from './trackio/tracker.js';
import { WandbTracker } from './wandb/tracker.js';

/** How long is waited where; milliseconds. */
export interface Patience {
  /** Between two sendings: what comes meanwhile goes together. */
  readonly pause: number;
  /** After a failure; twice as long after each further one, up to `longest`. */
  readonly retry: number;
  readonly longest: number;
  /** That trying goes on after the run has ended. */
  readonly linger: number;
  /** Of connections that fail before it is said: one that comes back soon is nobody's concern. */
  readonly quiet: number;
}

export const PATIENCE: Patience = { pause: 2000, retry: 1000, longest: 60_000, linger: 15 * 60_000, quiet: 10_000 };
const LONGEST_RETRY_AFTER = 10 * 60_000;

export interface DeliverOptions {
  readonly variables?: Variables | undefined;
  readonly network?: Network | undefined;
  readonly patience?: Partial<Patience> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Hears of what fails and cannot be mended by waiting a moment, once until it is well again. */
  readonly onTrouble?: ((name: TrackerName, trouble: Trouble) => void) | undefined;
}

/**
 * Sends a run's events to one of its trackers from where it is, until the run has ended and all of it was sent. Whatever goes wrong is tried
 * again, ever more slowly; the log keeps what is left meanwhile.
 *
 * @returns whether everything was sent
 * @throws the signal's reason
 */
export async function deliver(folder: string, name: TrackerName, asked: AskedTrackers, options: DeliverOptions = {}): Promise<boolean> {
  return new Delivery(folder, name, asked, options).run();
}

class Delivery {
  readonly #patience: Patience;
  readonly #signal: AbortSignal;
  #record: TrackerRecord | undefined;
  #tracker: Tracker | undefined;
  #failures = 0;
  #failing: number | undefined;
  #overSince: number | undefined;

  constructor(
    readonly folder: string,
    readonly name: TrackerName,
    readonly asked: AskedTrackers,
    readonly options: DeliverOptions,
  ) {
    this.#patience = { ...PATIENCE, ...options.patience };
    this.#signal = options.signal ?? new AbortController().signal;
  }

  async run(): Promise<boolean> {
    for (;;) {
      this.#signal.throwIfAborted();
      try {
        const more = await this.#step();
        this.#failures = 0;
        this.#failing = undefined;
        if (more === 'complete') return true;
        if (more === 'later') await this.#sleep(this.#patience.pause);
      } catch (error) {
        this.#signal.throwIfAborted();
        if (await this.#givesUp(error)) return false;
      }
    }
  }

  /** Sends the next part, if there is one. */
  async #step(): Promise<'more' | 'later' | 'complete'> {
    const record = (this.#record ??= await readRecord(this.folder, this.name));
    // Before the log: what a run says last is there once it is over.
    const isOver = !isActive(await runState(this.folder));
    const part = await nextPart(this.folder, record.cursor);
    if (part !== undefined) {
      await this.#send(part);
      return part.more || isOver ? 'more' : 'later';
    }
    if (!isOver) return 'later';
    if (record.cursor.seq < 0) return 'complete';
    if (!record.complete || record.trouble !== undefined) await this.#close();
    return 'complete';
  }

  async #send({ events, cursor }: Part): Promise<void> {
    if (events.length > 0) {
      const run = describeRun(await readRun(this.folder));
      const remote = await this.#opened().send({ events, run, card: await this.#card(events) });
      await this.#keep({ cursor, complete: false, trouble: undefined, ...(remote && { remote }) });
    } else await this.#keep({ cursor, complete: false, trouble: undefined });
  }

  /** The run has ended and its log is with the tracker; one that crashed has no word of that in it. */
  async #close(): Promise<void> {
    if ((await runState(this.folder)) === 'crashed') {
      const run = describeRun(await readRun(this.folder));
      const remote = await this.#opened().send({ events: [], run, crashed: new Date().toISOString() });
      await this.#keep({ complete: true, trouble: undefined, ...(remote && { remote }) });
    } else await this.#keep({ complete: true, trouble: undefined });
  }

  async #card(events: readonly RunEvent[]): Promise<string | undefined> {
    if (!events.some((event) => event.type === 'finished')) return undefined;
    return readPlainText(path.join(this.folder, 'export', 'README.md'), mostBytes.record).catch(() => undefined);
  }

  #opened(): Tracker {
    return (this.#tracker ??= newTracker(this.name, this.asked, {
      key: this.asked.key,
      folder: this.folder,
      variables: this.options.variables ?? process.env,
      network: this.options.network ?? {},
      remote: this.#record?.remote ?? {},
      keep: (remote, url) => this.#keep({ remote, url }),
      signal: this.#signal,
    }));
  }

  async #keep(change: Partial<TrackerRecord>): Promise<void> {
    this.#record = { ...(this.#record ?? (await readRecord(this.folder, this.name))), ...change };
    await writeRecord(this.folder, this.name, this.#record);
  }

  /** Waits before the next attempt. @returns true when there is none */
  async #givesUp(error: unknown): Promise<boolean> {
    this.#failing ??= performance.now();
    const isRefusal = !(error instanceof ConnectionError);
    const trouble = troubleOf(this.folder, this.name, error, this.asked);
    if (isRefusal || performance.now() - this.#failing >= this.#patience.quiet) await this.#tell(trouble);
    // What a tracker had in memory may not be what it has.
    this.#tracker = undefined;
    const isOver = !isActive(await runState(this.folder));
    if (isOver) this.#overSince ??= performance.now();
    else this.#overSince = undefined;
    const waited = this.#overSince === undefined ? 0 : performance.now() - this.#overSince;
    if (isOver && (isRefusal ? this.#failures > 0 : waited >= this.#patience.linger)) {
      await this.#tell(trouble);
      return true;
    }
    const { retry, longest } = this.#patience;
    const asked =
      error instanceof ConnectionError && error.retryAfter !== undefined ? Math.min(error.retryAfter * 1000, LONGEST_RETRY_AFTER) : 0;
    const own = Math.min(longest, retry * 2 ** Math.min(this.#failures, 20)) * (0.75 + Math.random() / 4);
    this.#failures++;
    await this.#sleep(Math.max(asked, own));
    return false;
  }

  async #tell(trouble: Trouble): Promise<void> {
    if (JSON.stringify(this.#record?.trouble) === JSON.stringify(trouble)) return;
    this.options.onTrouble?.(this.name, trouble);
    // The disk may be what is full.
    await this.#keep({ trouble }).catch(() => undefined);
  }

  async #sleep(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#signal }).catch(() => this.#signal.throwIfAborted());
  }
}

function newTracker(name: TrackerName, { places: { mlflow, trackio, wandb } }: AskedTrackers, context: TrackerContext): Tracker {
  if (name === 'mlflow' && mlflow !== undefined) return new MlflowTracker(mlflow, context);
  if (name === 'trackio' && trackio !== undefined) return new TrackioTracker(trackio, context);
  if (name === 'wandb' && wandb !== undefined) return new WandbTracker(wandb, context);
  throw new Error(`there is no tracker ${name}`);
}

function troubleOf(folder: string, name: TrackerName, error: unknown, { places }: AskedTrackers): Trouble {
  if (error instanceof WishboneError) return { what: error.what, where: error.where, advice: error.advice };
  const message = error instanceof Error ? error.message : String(error);
  const where = { mlflow: places.mlflow?.uri, trackio: places.trackio?.server ?? places.trackio?.folder, wandb: undefined }[name] ?? folder;
  const what = `${TRACKER_LABELS[name]} cannot be reached: ${message}`;
  return { what, where, advice: 'the run goes on, and what is left is sent once it can be, or by `wishbone track`' };
}

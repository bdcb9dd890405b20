import { access } from 'node:fs/promises';
import path from 'node:path';

import { bestModel, type BestModel, crashAdvice, exitText, lastLogLines } from '../../core/runner/index.js';
import { followEvents, type LogState } from '../../core/events/index.js';
import {
  isActive,
  LOG_FILE,
  readLabels,
  readProcessRecord,
  readRun,
  type RunConfig,
  RUN_FILE,
  type RunState,
  stateOf,
} from '../../core/run/index.js';
import { jobStatus, type JobStatus, jobText, readJobRecord } from '../../core/slurm/index.js';
import { RunHistory } from '../../core/history/index.js';
import { type Tracked, trackedRun } from '../../core/trackers/index.js';
import { mayEndOtherwise } from './failure-cause.js';

/** Events come in bursts; listeners are told once for those within this time. */
const BATCH_MILLISECONDS = 40;
/** Events of which a running run has many, and after which it still runs. */
const GOES_ON: ReadonlySet<string> = new Set(['progress', 'step']);
/** How often a process that should live is looked for. */
const LIVENESS_MILLISECONDS = 1000;
/** Lines of the log kept for a run that crashed. */
const LOG_LINES = 20;

export interface RunChange {
  /** First row of the history that is new or other; its length when no row is. */
  readonly changedFrom: number;
  /** The state before, when this change is one of state. */
  readonly previous: RunState | undefined;
}

/** What is known of a process that ended without a word. */
export interface Crash {
  readonly exit: string;
  /** What to do, most likely first. */
  readonly advice: readonly string[];
  /** The last lines of the runner's log. */
  readonly log: readonly string[];
}

/** A run being watched: its events as they come, and how it stands. Knows nothing of VS Code. */
export class LiveRun {
  readonly history = new RunHistory();
  #config: RunConfig;
  #tags: readonly string[];
  #notes: string;
  #pinned: boolean;
  #state: RunState;
  #crash: Crash | undefined;
  /** Whether the crash says how the process ended. */
  #knowsEnd = false;
  #job: JobStatus | undefined;
  #trackers: readonly Tracked[] = [];
  #gone = false;
  #sameCause = false;
  #best: BestModel | undefined;
  #log: LogState = { more: false, skipped: 0, unfinished: false };
  /** The newest event that listeners know of. */
  #toldEvent: RunHistory['lastEvent'];
  readonly #listeners = new Set<(change: RunChange) => void>();
  readonly #end = new AbortController();
  #batch: NodeJS.Timeout | undefined;
  /** Whether what came since listeners were told may have changed how the run stands. */
  #mayStandOtherwise = false;
  #liveness: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> | undefined;

  private constructor(
    readonly folder: string,
    config: RunConfig,
    tags: readonly string[],
    notes: string,
    pinned: boolean,
    state: RunState,
  ) {
    this.#config = config;
    this.#tags = tags;
    this.#notes = notes;
    this.#pinned = pinned;
    this.#state = state;
  }

  /**
   * Opens a run and has read its events so far when it returns.
   *
   * @throws WishboneError when the folder is no run or its log cannot be read
   */
  static async open(folder: string): Promise<LiveRun> {
    const { folder: absolute, config, tags, notes, pinned } = await readRun(folder);
    const run = new LiveRun(absolute, config, tags, notes, pinned, 'planned');
    await run.#follow();
    await run.refresh();
    return run;
  }

  get state(): RunState {
    return this.#state;
  }

  /** As in `run.json`, but with the name that the run was given since. */
  get config(): RunConfig {
    return this.#config;
  }

  get tags(): readonly string[] {
    return this.#tags;
  }

  get notes(): string {
    return this.#notes;
  }

  /** Whether it stands before others in tables. */
  get pinned(): boolean {
    return this.#pinned;
  }

  /** Set while the state is `crashed`. */
  get crash(): Crash | undefined {
    return this.#crash;
  }

  /** Of a run that a cluster has. */
  get job(): JobStatus | undefined {
    return this.#job;
  }

  /** How it stands with the trackers that it is sent to. */
  get trackers(): readonly Tracked[] {
    return this.#trackers;
  }

  /** What is there of the model that the best evaluation was of; undefined before the first evaluation. */
  get best(): BestModel | undefined {
    return this.#best;
  }

  /** How whole the run's event log is. */
  get log(): LogState {
    return this.#log;
  }

  /** The run has failed, and would fail again: nothing that was at fault has changed since, as far as can be told. */
  get sameCause(): boolean {
    return this.#sameCause;
  }

  /** True once the run's folder was removed. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Calls back after every change. Returns the function that ends it. */
  onChange(listener: (change: RunChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Looks at once at how the run stands; otherwise that happens with its events and every second. */
  async refresh(): Promise<void> {
    // One after the other, so that an earlier look never overwrites what a later one saw.
    const next = (this.#refreshing ?? Promise.resolve()).then(() => this.#look());
    this.#refreshing = next.catch(() => undefined);
    await next;
  }

  /** Takes over the labels that were written to the run's folder, and tells of them. */
  async relabel(): Promise<void> {
    const { name = this.#config.name, tags, notes = '', pinned = false } = await readLabels(this.folder);
    const same = name === this.#config.name && tags.join() === this.#tags.join() && notes === this.#notes && pinned === this.#pinned;
    if (same) return;
    this.#config = { ...this.#config, name };
    this.#tags = tags;
    this.#notes = notes;
    this.#pinned = pinned;
    this.#tell({ changedFrom: this.history.steps.length, previous: undefined });
  }

  dispose(): void {
    this.#end.abort();
    clearTimeout(this.#batch);
    clearTimeout(this.#liveness);
    this.#listeners.clear();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#end;
    await new Promise<void>((caughtUp, fail) => {
      followEvents(
        this.folder,
        (events, reset, log) => {
          if (reset) this.history.clear();
          for (const event of events) this.history.add(event);
          this.#log = log;
          this.#mayStandOtherwise ||= reset || !events.every(({ type }) => GOES_ON.has(type));
          if (log.more) return;
          this.#batch ??= setTimeout(() => {
            this.#batch = undefined;
            this.#afterEvents();
          }, BATCH_MILLISECONDS);
          // What was there is read.
          caughtUp();
        },
        signal,
      ).then(caughtUp, fail);
    });
  }

  /** Steps of a run that is known to go tell of themselves; files are looked at after other events, and every second. */
  #afterEvents(): void {
    if (this.#mayStandOtherwise || this.#state !== 'running') {
      this.#mayStandOtherwise = false;
      void this.refresh().catch(() => undefined);
      return;
    }
    this.#toldEvent = this.history.lastEvent;
    this.#tell({ changedFrom: this.history.takeChangedFrom(), previous: undefined });
  }

  async #look(): Promise<void> {
    if (this.#end.signal.aborted) return;
    const gone = await access(path.join(this.folder, RUN_FILE)).then(
      () => false,
      () => true,
    );
    const state = await stateOf(this.folder, this.history);
    const job = await jobStatus(this.folder, await readJobRecord(this.folder), this.history);
    const crash = state === 'crashed' ? await this.#lookAtCrash(job) : undefined;
    const best = await bestModel(this.folder, this.history);
    const trackers = await trackedRun(this.folder);
    const { terminal } = this.history;
    // The runner writes down there what a run is repeated with, once it knows: the number of threads that "all" are.
    const config =
      state === this.#state
        ? undefined
        : await readRun(this.folder).then(
            ({ config }) => config,
            () => undefined,
          );
    const sameCause = state === 'failed' && terminal?.type === 'failed' && !(await mayEndOtherwise(terminal));
    if (this.#end.signal.aborted) return;
    const previous = state === this.#state ? undefined : this.#state;
    const changedFrom = this.history.takeChangedFrom();
    const changed =
      previous !== undefined ||
      gone !== this.#gone ||
      sameCause !== this.#sameCause ||
      crash !== this.#crash ||
      JSON.stringify(job) !== JSON.stringify(this.#job) ||
      JSON.stringify(trackers) !== JSON.stringify(this.#trackers) ||
      best?.step !== this.#best?.step ||
      best?.folder !== this.#best?.folder ||
      best?.kept !== this.#best?.kept ||
      this.history.lastEvent !== this.#toldEvent ||
      changedFrom < this.history.steps.length;
    this.#toldEvent = this.history.lastEvent;
    this.#state = state;
    this.#config = config ?? this.#config;
    this.#crash = crash;
    this.#job = job;
    this.#trackers = trackers;
    this.#gone = gone;
    this.#sameCause = sameCause;
    this.#best = best;
    clearTimeout(this.#liveness);
    if (!gone) {
      this.#liveness = setTimeout(
        () => void this.refresh().catch(() => undefined),
        isActive(state) ? LIVENESS_MILLISECONDS : 4 * LIVENESS_MILLISECONDS,
      );
      this.#liveness.unref();
    }
    if (changed) this.#tell({ changedFrom, previous });
  }

  #tell(change: RunChange): void {
    for (const listener of [...this.#listeners]) listener(change);
  }

  /** What is known of the crash; looked at again as long as nobody has noted how the process ended. */
  async #lookAtCrash(job: JobStatus | undefined): Promise<Crash> {
    const known = this.#crash;
    if (job !== undefined) {
      const exit = jobText(job, 'crashed');
      if (known?.exit === exit) return known;
      const log = await lastLogLines(path.join(this.folder, LOG_FILE), { count: LOG_LINES });
      return { exit, advice: crashAdvice(undefined), log };
    }
    let record = await readProcessRecord(this.folder);
    if (known !== undefined && (this.#knowsEnd || record?.ended === undefined)) return known;
    // Whoever started the process may need a moment to note it. Most often it comes with the first word of the crash.
    for (let i = 0; i < 5 && record !== undefined && record.ended === undefined; i++) {
      await new Promise((resolve) => setTimeout(resolve, 40));
      record = await readProcessRecord(this.folder);
    }
    this.#knowsEnd = record?.ended !== undefined;
    return {
      exit: record?.ended === undefined ? 'it ended without an error message' : exitText(record.ended),
      advice: crashAdvice(record?.ended),
      log: await lastLogLines(path.join(this.folder, LOG_FILE), { count: LOG_LINES }),
    };
  }
}

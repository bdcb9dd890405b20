import * as vscode from 'vscode';

import { headline } from '../../core/history/index.js';
import { listRun, listRuns, type RunListing } from '../../core/run/index.js';
import type { Problems } from '../problems.js';
import type { LiveRun } from './live-run.js';
import type { RunStore } from './run-store.js';

/**
 * Every run of the workspace as lists show it: from its folder, and as it goes for those that are watched. Reads nothing
 * and watches nothing before it is asked.
 */
export class RunCatalog implements vscode.Disposable {
  readonly #listings = new Map<string, RunListing>();
  readonly #changed = new vscode.EventEmitter<RunListing | undefined>();
  readonly #disposables: vscode.Disposable[] = [this.#changed];
  #loading: Promise<void> | undefined;
  /** What was told of runs while their folders are being read. */
  #told: Map<string, RunListing> | undefined;
  /** Fires with the run that changed, or with undefined when runs came or went. */
  readonly onDidChange = this.#changed.event;

  constructor(
    readonly store: RunStore,
    readonly problems: Problems,
  ) {}

  dispose(): void {
    for (const disposable of this.#disposables.splice(0)) disposable.dispose();
  }

  /** All runs, newest first, those that cannot be read last. */
  async all(): Promise<RunListing[]> {
    this.#watch();
    await (this.#loading ??= this.#load());
    const created = (run: RunListing): string => (run.problem === undefined ? run.config.created : '');
    return [...this.#listings.values()].sort((a, b) => (created(a) < created(b) ? 1 : created(a) > created(b) ? -1 : 0));
  }

  /** Looks at all folders again. */
  async refresh(): Promise<void> {
    await this.store.look();
    this.#loading = undefined;
    this.#changed.fire(undefined);
  }

  /** Looks at one run again, for somebody who has just written there. */
  async look(folder: string): Promise<void> {
    await this.store.relabel(folder);
    await this.#look(folder);
  }

  async #load(): Promise<void> {
    const told = new Map<string, RunListing>();
    this.#told = told;
    const lists = await Promise.all(this.store.runsFolders.map((folder) => listRuns(folder)));
    // Another look has begun since, which knows more.
    if (this.#told !== told) return this.#loading;
    this.#told = undefined;
    this.#listings.clear();
    for (const listing of lists.flat()) this.#listings.set(listing.folder, listing);
    // What was told while the folders were read is newer than what they said.
    for (const [folder, listing] of told) this.#listings.set(folder, listing);
    for (const run of this.store.active) this.#listings.set(run.folder, listingOf(run));
  }

  #watch(): void {
    if (this.#disposables.length > 1) return;
    this.#disposables.push(
      this.store.onDidChangeFolders((change) => {
        if (change.kind === 'runs') this.#reload();
        else void this.#look(change.folder).catch((error: unknown) => this.problems.log(error));
      }),
      this.store.onDidChange(({ run, change }) => {
        if (run.gone) return this.#reload();
        const isNew = !this.#listings.has(run.folder);
        const listing = listingOf(run);
        this.#set(listing);
        this.#changed.fire(isNew || change.previous !== undefined ? undefined : listing);
      }),
    );
  }

  #reload(): void {
    this.#loading = undefined;
    this.#changed.fire(undefined);
  }

  async #look(folder: string): Promise<void> {
    const live = this.store.active.find((run) => run.folder === folder);
    const listing = live === undefined ? await listRun(folder) : listingOf(live);
    // A folder that is no run any more goes with the next look at all of them.
    if (listing.problem !== undefined && !this.#listings.has(folder)) return;
    // A tree that is drawn anew for nothing may lose the click that is just being made.
    const before = this.#listings.get(folder);
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(listing)) return;
    this.#set(listing);
    this.#changed.fire(undefined);
  }

  #set(listing: RunListing): void {
    this.#listings.set(listing.folder, listing);
    this.#told?.set(listing.folder, listing);
  }
}

/** A watched run as lists show it. */
function listingOf(
  run: Pick<LiveRun, 'folder' | 'config' | 'tags' | 'notes' | 'pinned' | 'state' | 'history' | 'job'>,
): Exclude<RunListing, { problem: Error }> {
  const { folder, config, tags, notes, pinned, state, history, job } = run;
  return {
    folder,
    config,
    tags,
    notes,
    pinned,
    state,
    ...(job && { job }),
    step: history.step,
    steps: history.totalSteps,
    figures: headline(history),
    ...(history.pace === undefined ? {} : { secondsLeft: history.pace.secondsLeft }),
  };
}

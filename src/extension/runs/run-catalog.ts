import path from 'node:path';

import * as vscode from 'vscode';

import { LABELS_FILE, listRun, listRuns, type RunListing } from '../../core/run/index.js';
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
    this.#loading = undefined;
    this.#changed.fire(undefined);
  }

  async #load(): Promise<void> {
    const lists = await Promise.all(this.store.runsFolders.map((folder) => listRuns(folder)));
    this.#listings.clear();
    for (const listing of lists.flat()) this.#listings.set(listing.folder, listing);
    for (const run of this.store.active) this.#listings.set(run.folder, listingOf(run));
  }

  #watch(): void {
    if (this.#disposables.length > 1) return;
    // Folders appear whole and go whole; within one only the labels are of interest, the rest the store tells.
    const folders = vscode.workspace.createFileSystemWatcher('**/.wishbone/runs/*', false, true, false);
    const labels = vscode.workspace.createFileSystemWatcher(`**/.wishbone/runs/*/${LABELS_FILE}`);
    const reload = (): void => void this.refresh();
    const relabel = (uri: vscode.Uri): void => this.#look(path.dirname(uri.fsPath));
    this.#disposables.push(
      folders,
      labels,
      folders.onDidCreate(reload),
      folders.onDidDelete(reload),
      labels.onDidCreate(relabel),
      labels.onDidChange(relabel),
      labels.onDidDelete(relabel),
      vscode.workspace.onDidChangeWorkspaceFolders(reload),
      this.store.onDidChange(({ run, change }) => {
        if (run.gone) return reload();
        const isNew = !this.#listings.has(run.folder);
        const listing = listingOf(run);
        this.#listings.set(run.folder, listing);
        this.#changed.fire(isNew || change.previous !== undefined ? undefined : listing);
      }),
    );
  }

  #look(folder: string): void {
    if (!this.#listings.has(folder)) return;
    void this.store
      .relabel(folder)
      .then(() => listRun(folder))
      .then((listing) => {
        this.#listings.set(folder, listing);
        this.#changed.fire(undefined);
      })
      .catch((error: unknown) => this.problems.log(error));
  }
}

/** A watched run as lists show it. */
export function listingOf(
  run: Pick<LiveRun, 'folder' | 'config' | 'tags' | 'state' | 'history'>,
): Exclude<RunListing, { problem: Error }> {
  const { folder, config, tags, state, history } = run;
  return {
    folder,
    config,
    tags,
    state,
    step: history.step,
    steps: history.totalSteps,
    loss: history.latest('loss'),
    margin: history.latest('rewards/margins'),
    accuracy: history.latest('rewards/accuracies'),
    ...(history.pace === undefined ? {} : { secondsLeft: history.pace.secondsLeft }),
  };
}

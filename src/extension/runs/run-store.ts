import path from 'node:path';

import * as vscode from 'vscode';

import { activeRuns, isActive, type RunsChange, RunsWatcher } from '../../core/run/index.js';
import type { Problems } from '../problems.js';
import { LiveRun, type RunChange } from './live-run.js';

export interface RunEvent {
  readonly run: LiveRun;
  readonly change: RunChange;
}

/** A use of a run; while there is one, the run is watched. */
export interface RunUse extends vscode.Disposable {
  readonly run: LiveRun;
}

interface Entry {
  readonly opening: Promise<LiveRun>;
  run: LiveRun | undefined;
  users: number;
  /** True while the store itself uses the run because it is at work. */
  kept: boolean;
}

/** The runs this window watches: those at work in the workspace, and those a panel shows. */
export class RunStore implements vscode.Disposable {
  readonly #entries = new Map<string, Entry>();
  readonly #changed = new vscode.EventEmitter<RunEvent>();
  readonly #foldersChanged = new vscode.EventEmitter<RunsChange>();
  readonly #disposables: vscode.Disposable[] = [this.#changed, this.#foldersChanged];
  #watchers: RunsWatcher[] = [];
  readonly onDidChange = this.#changed.event;
  /** What happens to run folders on the disk, whoever does it. Fires once the store knows what it needs of it. */
  readonly onDidChangeFolders = this.#foldersChanged.event;

  constructor(readonly problems: Problems) {
    this.#watch();
    this.#disposables.push(
      vscode.workspace.onDidChangeWorkspaceFolders(() => {
        this.#watch();
        this.findActive();
        this.#foldersChanged.fire({ kind: 'runs' });
      }),
    );
  }

  dispose(): void {
    for (const disposable of [...this.#disposables, ...this.#watchers]) disposable.dispose();
    for (const { opening } of this.#entries.values())
      void opening.then(
        (run) => run.dispose(),
        () => undefined,
      );
    this.#entries.clear();
  }

  /** Where each workspace folder keeps its runs. */
  get runsFolders(): string[] {
    return this.#watchers.map(({ runs }) => runs);
  }

  /** The runs at work, latest first. */
  get active(): LiveRun[] {
    return [...this.#entries.values()]
      .flatMap(({ run }) => (run !== undefined && isActive(run.state) ? [run] : []))
      .sort((a, b) => (a.config.created < b.config.created ? 1 : -1));
  }

  /**
   * Watches a run until the use is disposed of.
   *
   * @throws WishboneError when the folder is no run
   */
  async use(folder: string): Promise<RunUse> {
    const key = path.resolve(folder);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { opening: LiveRun.open(key), run: undefined, users: 0, kept: false };
      this.#entries.set(key, entry);
      const opened = entry;
      opened.opening.then(
        (run) => {
          opened.run = run;
          run.onChange((change) => this.#onChange(opened, run, change));
          if (isActive(run.state)) this.#onChange(opened, run, { changedFrom: 0, previous: undefined });
        },
        () => this.#entries.delete(key),
      );
    }
    const used = entry;
    used.users++;
    let ended = false;
    const dispose = (): void => {
      if (!ended) this.#release(key, used);
      ended = true;
    };
    try {
      return { run: await used.opening, dispose };
    } catch (error) {
      dispose();
      throw error;
    }
  }

  /** Looks for runs at work in the workspace, in the background. */
  findActive(): void {
    for (const watcher of this.#watchers) {
      // Watched first: a run that starts while the others are looked through is then told of.
      void watcher
        .look()
        .then(() => this.#noticeActive(watcher))
        .catch((error: unknown) => this.problems.log(error));
    }
  }

  /** Looks at the folders at once, for somebody who has just written there. */
  async look(): Promise<void> {
    await Promise.all(this.#watchers.map((watcher) => watcher.look()));
  }

  /** Looks at a run that may be at work; if it is, it stays watched until it ends. */
  async notice(folder: string): Promise<void> {
    const use = await this.use(folder);
    try {
      await use.run.refresh();
    } finally {
      // By now the store keeps it if it is active.
      use.dispose();
    }
  }

  /** Takes over new labels of a run, when it is watched. */
  async relabel(folder: string): Promise<void> {
    await this.#entries.get(path.resolve(folder))?.run?.relabel();
  }

  /** Looks at once at a run that is watched. */
  async refresh(folder: string): Promise<void> {
    await this.#entries.get(path.resolve(folder))?.run?.refresh();
  }

  #onChange(entry: Entry, run: LiveRun, change: RunChange): void {
    const active = isActive(run.state) && !run.gone;
    if (active && !entry.kept) {
      entry.kept = true;
      entry.users++;
    }
    this.#changed.fire({ run, change });
    if (!active && entry.kept) {
      entry.kept = false;
      this.#release(run.folder, entry);
    }
  }

  #release(folder: string, entry: Entry): void {
    if (--entry.users > 0) return;
    if (this.#entries.get(folder) === entry) this.#entries.delete(folder);
    entry.run?.dispose();
  }

  #watch(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.dispose();
    this.#watchers = (vscode.workspace.workspaceFolders ?? [])
      .filter(({ uri }) => uri.scheme === 'file')
      .map(({ uri }) => {
        const watcher: RunsWatcher = new RunsWatcher(uri.fsPath, (change) => {
          this.#onFolders(watcher, change).catch((error: unknown) => this.problems.log(error));
        });
        return watcher;
      });
  }

  async #onFolders(watcher: RunsWatcher, change: RunsChange): Promise<void> {
    try {
      // A run that the command line or another window starts shows itself by the record of its process.
      if (change.kind === 'runs') await this.#noticeActive(watcher);
      else if (change.file !== 'labels.json') await this.notice(change.folder);
      else await this.relabel(change.folder);
    } finally {
      this.#foldersChanged.fire(change);
    }
  }

  async #noticeActive({ runs }: RunsWatcher): Promise<void> {
    await Promise.all((await activeRuns(runs)).map((folder) => this.notice(folder)));
  }
}

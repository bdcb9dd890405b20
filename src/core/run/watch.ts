import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';

import { runFolders, RUNS_FOLDER } from './folder.js';
import { LABELS_FILE } from './labels.js';
import { JOB_FILE } from '../slurm/job-record.js';
import { PROCESS_FILE } from './process-record.js';

/** What changes within a run folder beside its event log. */
const WATCHED_FILES = [PROCESS_FILE, JOB_FILE, LABELS_FILE] as const;
export type WatchedFile = (typeof WATCHED_FILES)[number];

/** What a {@link RunsWatcher} tells of. */
export type RunsChange =
  /** Runs came or went. */
  | { readonly kind: 'runs' }
  /** A run's process record, its job or its labels were written or removed. */
  | { readonly kind: 'file'; readonly folder: string; readonly file: WatchedFile };

/** How often it looks by itself: for file systems that tell of nothing. */
const POLL_MILLISECONDS = 4000;

interface Watched {
  readonly watcher: FSWatcher | undefined;
  readonly inode: bigint | undefined;
  /** When its files were changed last, as of the last look: all there is to go by where a folder cannot be watched. */
  seen: readonly (string | undefined)[];
}

/**
 * Watches where a workspace folder keeps its runs, whether that is there yet or not.
 *
 * A watch on a tree that does not exist yet, or whose folders are made one in another within a moment, misses what was
 * made before it was in place. So every level is watched by itself, and whatever it holds is listed once the watch on it
 * is in place: what is made before is listed, what is made after is told.
 */
export class RunsWatcher {
  /** Absolute path of the folder of runs. */
  readonly runs: string;
  readonly #levels: readonly string[];
  readonly #listener: (change: RunsChange) => void;
  readonly #watched = new Map<string, Watched>();
  readonly #poll: NodeJS.Timeout;
  #folders: ReadonlySet<string> | undefined;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #ended = false;

  /** @param workspace absolute path; watching begins with the first {@link look} */
  constructor(workspace: string, listener: (change: RunsChange) => void, poll = POLL_MILLISECONDS) {
    this.runs = path.join(workspace, RUNS_FOLDER);
    this.#levels = [workspace, path.dirname(this.runs), this.runs];
    this.#listener = listener;
    this.#poll = setInterval(() => void this.look(), poll);
    this.#poll.unref();
  }

  /** Looks at once. When it resolves, whatever was there at the call is known and told of. Never rejects. */
  async look(): Promise<void> {
    if (this.#looking !== undefined) {
      // The look under way may be past what the caller knows of.
      this.#lookAgain = true;
      return this.#looking;
    }
    this.#looking = (async () => {
      do {
        this.#lookAgain = false;
        await this.#look().catch(() => undefined);
      } while (this.#lookAgain && !this.#ended);
      this.#looking = undefined;
    })();
    return this.#looking;
  }

  dispose(): void {
    this.#ended = true;
    clearInterval(this.#poll);
    for (const folder of [...this.#watched.keys()]) this.#leave(folder);
  }

  async #look(): Promise<void> {
    for (const level of this.#levels) await this.#watch(level);
    const found = new Set(await runFolders(this.runs).catch(() => []));
    if (this.#ended) return;
    const before = this.#folders;
    for (const folder of before ?? []) if (!found.has(folder)) this.#leave(folder);
    const files: { readonly folder: string; readonly file: WatchedFile }[] = [];
    for (const folder of found) {
      const known = this.#watched.get(folder);
      if (known?.watcher !== undefined) continue;
      await this.#watch(folder);
      const now = this.#watched.get(folder);
      if (now === undefined) continue;
      now.seen = await Promise.all(WATCHED_FILES.map((file) => changeTime(path.join(folder, file))));
      // What was there at the first look is nobody's news.
      if (before === undefined) continue;
      WATCHED_FILES.forEach((file, i) => {
        if (now.seen[i] !== known?.seen[i]) files.push({ folder, file });
      });
    }
    if (this.#ended) return;
    this.#folders = found;
    if (before !== undefined && (before.size !== found.size || [...found].some((folder) => !before.has(folder))))
      this.#listener({ kind: 'runs' });
    for (const file of files) this.#listener({ kind: 'file', ...file });
  }

  /** Watches a folder, if it is there and not the one that is watched already. */
  async #watch(folder: string): Promise<void> {
    const inode = await stat(folder, { bigint: true }).then(
      ({ ino }) => ino,
      () => undefined,
    );
    if (this.#ended) return;
    const known = this.#watched.get(folder);
    if (known?.watcher !== undefined && known.inode === inode) return;
    this.#leave(folder);
    if (inode === undefined) return;
    let watcher: FSWatcher | undefined;
    try {
      watcher = watch(folder, { persistent: false }, (_kind, name) => this.#onEvent(folder, name));
      watcher.on('error', () => this.#leave(folder));
    } catch {
      // Out of watches, or gone again: the next look comes anyway.
    }
    this.#watched.set(folder, { watcher, inode, seen: [] });
  }

  #leave(folder: string): void {
    this.#watched.get(folder)?.watcher?.close();
    this.#watched.delete(folder);
  }

  #onEvent(folder: string, name: string | null): void {
    if (this.#ended) return;
    // Moved or removed itself: another one of that name is not watched by this, even where it gets the same number.
    const isItself = name === path.basename(folder);
    if (isItself) this.#leave(folder);
    const level = this.#levels.indexOf(folder);
    const next = this.#levels[level + 1];
    if (level >= 0) {
      // The last level's entries are runs; of the others only the way to it is of interest.
      if (isItself || name === null || next === undefined || name === path.basename(next)) void this.look();
      return;
    }
    const file = WATCHED_FILES.find((known) => known === name);
    if (file !== undefined) this.#listener({ kind: 'file', folder, file });
    else if (isItself) void this.look();
  }
}

/** When a file was changed last, as text; undefined when it is not there. */
async function changeTime(file: string): Promise<string | undefined> {
  return stat(file, { bigint: true }).then(
    ({ mtimeNs, ino }) => `${mtimeNs}/${ino}`,
    () => undefined,
  );
}

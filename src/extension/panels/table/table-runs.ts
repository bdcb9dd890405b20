import { stat } from 'node:fs/promises';
import path from 'node:path';

import * as vscode from 'vscode';

import { usesFile } from '../../../core/pairs/file-place.js';
import { PAIR_RECORD_FILE } from '../../../core/pairs/record.js';
import { listRuns, type RunListing } from '../../../core/run/index.js';
import { showInformation } from '../../messages.js';
import { listingText } from '../../run-text.js';
import type { RunStore } from '../../runs/run-store.js';

type Listing = Exclude<RunListing, { problem: Error }>;

/** Where it is kept which run was chosen for a file; an empty folder: none. */
const MEMORY = 'wishbone.tableRuns';
const NONE = '$(circle-slash) No Run';

/** The runs of datasets that are shown as tables, with a record of their pairs. */
export class TableRuns {
  constructor(
    readonly store: RunStore,
    readonly memory: vscode.Memento,
  ) {}

  /** The runs that use a file, newest first, and the one that is most likely meant: chosen before, else the newest that finished. */
  async of(file: string): Promise<{ readonly folders: readonly string[]; readonly likely: string | undefined }> {
    const runs = await this.#runsOf(file);
    const folders = runs.map(({ folder }) => folder);
    const chosen = this.#chosen[file];
    if (chosen === '' || (chosen !== undefined && folders.includes(chosen))) return { folders, likely: chosen === '' ? undefined : chosen };
    return { folders, likely: (runs.find(({ state }) => state === 'finished') ?? (runs.length === 1 ? runs[0] : undefined))?.folder };
  }

  /** Asks for one. @returns undefined when nothing was chosen; a folder that is undefined: none is wanted */
  async choose(file: string, current: string | undefined): Promise<{ readonly folder: string | undefined } | undefined> {
    const runs = await this.#runsOf(file);
    if (runs.length === 0) {
      void showInformation(`Wishbone: no run of ${path.basename(file)} in this workspace has a record of its pairs.`);
      return undefined;
    }
    const items = runs.map((run) => ({ ...listingText(run), folder: run.folder as string | undefined, picked: run.folder === current }));
    const picked = await vscode.window.showQuickPick([...items, { label: NONE, folder: undefined }], {
      title: 'Margins of a Run',
      placeHolder: `Runs of ${path.basename(file)}, newest first`,
      matchOnDescription: true,
      matchOnDetail: true,
    });
    return picked && { folder: picked.folder };
  }

  async remember(file: string, folder: string | undefined): Promise<void> {
    await this.memory.update(MEMORY, { ...this.#chosen, [file]: folder ?? '' });
  }

  get #chosen(): Readonly<Record<string, string>> {
    return this.memory.get<Record<string, string>>(MEMORY) ?? {};
  }

  async #runsOf(file: string): Promise<Listing[]> {
    const lists = await Promise.all(this.store.runsFolders.map((folder) => listRuns(folder)));
    const using = lists.flat().filter((run): run is Listing => run.problem === undefined && usesFile(run.config, file));
    const recorded = await Promise.all(using.map(({ folder }) => hasRecord(folder)));
    return using.filter((_, at) => recorded[at]).sort((a, b) => (a.config.created < b.config.created ? 1 : -1));
  }
}

function hasRecord(folder: string): Promise<boolean> {
  return stat(path.join(folder, PAIR_RECORD_FILE)).then(
    (info) => info.isFile(),
    () => false,
  );
}

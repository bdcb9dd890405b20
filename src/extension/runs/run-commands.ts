import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import {
  isActive,
  isResumable,
  nameProblem,
  parseTags,
  readLabels,
  type RunListing,
  tagsProblem,
  writeLabels,
} from '../../core/run/index.js';
import { plural, sentence } from '../../format.js';
import type { RunPanels } from '../panels/run/run-panels.js';
import { listingText } from '../run-text.js';
import { sendRun } from '../trackers/send-run.js';
import { ensureTrusted } from '../trust.js';
import type { RunActions } from './run-actions.js';
import { deleteRuns } from './delete-runs.js';
import { exportGgufOf, pushRun } from './hand-on.js';
import { foldersOf } from './given-entries.js';
import type { RunCatalog } from './run-catalog.js';
import { namesList, namesText } from './run-names.js';
import { showInformation, showWarning } from '../messages.js';
import { noneText } from '../none-text.js';
import { firstFolder } from '../workspace.js';

type Listing = Exclude<RunListing, { problem: Error }>;

/** The runs that a command is for: in words, as what it needs, and whether a run is one. */
interface Wanted {
  readonly words: string;
  readonly fits: (run: Listing) => boolean;
}

const ANY: Wanted = { words: 'a run that can be read', fits: () => true };
const BEGUN: Wanted = { words: 'a run that has taken a step', fits: ({ state, step }) => state !== 'planned' && step > 0 };
const TRIABLE: Wanted = { words: 'a run that has taken a step', fits: ({ state, step }) => state === 'finished' || step > 0 };
const RESUMABLE: Wanted = {
  words: 'a run that has not finished and is not active',
  fits: ({ state }) => isResumable(state) || state === 'planned',
};
const FINISHED: Wanted = { words: 'a finished run', fits: ({ state }) => state === 'finished' };
const EVALUATED: Wanted = {
  words: 'a run that was evaluated while it trained (eval_steps)',
  fits: ({ figures }) => figures?.best !== undefined,
};
const INACTIVE: Wanted = { words: 'a run that is not active', fits: ({ state }) => !isActive(state) };
/** Has a model that can be handed on. */
const WITH_MODEL: Wanted = {
  words: 'a finished run, or one that was evaluated while it trained (eval_steps)',
  fits: (run) => FINISHED.fits(run) || EVALUATED.fits(run),
};

/** What can be done with runs from their view and the palette. Each takes the view's items, or asks which run. */
export class RunCommands {
  constructor(
    readonly catalog: RunCatalog,
    readonly actions: RunActions,
    readonly panels: RunPanels,
  ) {}

  async rename(item: unknown): Promise<void> {
    const run = await this.#one(item, 'Rename Run');
    if (run === undefined || !(await ensureTrusted())) return;
    const name = await vscode.window.showInputBox({
      title: 'Rename Run',
      prompt: 'Shown in views and charts; the folder keeps its name',
      value: run.config.name,
      validateInput: (text) => sentenceOrNone(nameProblem(text)),
    });
    if (name === undefined) return;
    await writeLabels(run.folder, { ...(await readLabels(run.folder)), name: name.trim() });
    await this.catalog.look(run.folder);
  }

  /** Tags of one run, or of several: then what they have in common is changed, and what each has beside that stays. */
  async tag(item: unknown, selection: unknown): Promise<void> {
    const chosen = await this.#several(item, selection);
    const runs = chosen.length > 0 ? chosen : [await this.#one(undefined, 'Tag Run')].flatMap((run) => run ?? []);
    const [first] = runs;
    if (first === undefined || !(await ensureTrusted())) return;
    const common = first.tags.filter((tag) => runs.every(({ tags }) => tags.includes(tag)));
    const changed = (run: Listing, typed: string): string[] => [
      ...new Set([...run.tags.filter((tag) => !common.includes(tag)), ...parseTags(typed)]),
    ];
    const text = await vscode.window.showInputBox({
      title: runs.length === 1 ? 'Tag Run' : `Tag ${plural(runs.length, 'Run')}`,
      prompt:
        runs.length === 1
          ? 'Tags, separated by spaces; empty for none'
          : `Tags that ${namesText(runs)} have in common, separated by spaces; other tags are kept`,
      value: common.join(' '),
      validateInput: (typed) =>
        sentenceOrNone(runs.map((run) => tagsProblem(changed(run, typed))).find((problem) => problem !== undefined)),
    });
    if (text === undefined) return;
    for (const run of runs) {
      await writeLabels(run.folder, { ...(await readLabels(run.folder)), tags: changed(run, text) });
      await this.catalog.look(run.folder);
    }
  }

  /** Asks runs to stop: those of the selection that are at work, after one question when they are several. */
  async stop(item: unknown, selection: unknown): Promise<void> {
    const folders = foldersOf(item, selection);
    if (folders.length < 2) return this.actions.stop(folders[0]);
    const runs = (await this.#several(item, selection)).filter(({ state }) => isActive(state));
    if (runs.length === 0) {
      void showInformation('Wishbone: none of these runs is active.');
      return;
    }
    if (!(await ensureTrusted())) return;
    if (runs.length > 1) {
      const stop = `Stop ${plural(runs.length, 'Run')}`;
      const detail = `${namesList(runs)}\n\nEach run finishes its step, writes a checkpoint and ends. You can resume it later.`;
      if ((await showWarning(`${stop}?`, { modal: true, detail }, stop)) !== stop) return;
    }
    await this.actions.stopAll(runs.map(({ folder }) => folder));
  }

  /** Several runs in one panel. */
  async compare(item: unknown, selection: unknown): Promise<void> {
    const chosen = foldersOf(item, selection);
    const folders = chosen.length > 1 ? chosen : await this.#pickSeveral(chosen);
    if (folders === undefined) return;
    await this.panels.show(...folders);
  }

  /** Why the chosen rewards of a run fell, in its panel. */
  async explain(item: unknown): Promise<void> {
    const run = await this.#one(item, 'Why Did Chosen Rewards Fall?', BEGUN);
    if (run !== undefined) await this.panels.showWhy(run.folder);
  }

  async resume(item: unknown): Promise<void> {
    const run = await this.#one(item, 'Resume Run', RESUMABLE);
    if (run === undefined || !(await ensureTrusted())) return;
    const use = await this.actions.store.use(run.folder);
    try {
      await this.actions.resume(use.run);
    } finally {
      use.dispose();
    }
    await this.panels.show(run.folder);
  }

  async exportBest(item: unknown): Promise<void> {
    const run = await this.#one(item, 'Export Best Model', EVALUATED);
    if (run !== undefined) await this.actions.exportBest(run.folder, run.config.name);
  }

  async exportGguf(item: unknown): Promise<void> {
    const run = await this.#one(item, 'Export as GGUF', WITH_MODEL);
    if (run !== undefined) await exportGgufOf(run.folder, run.config.name, (file) => this.actions.reveal(file));
  }

  async push(item: unknown): Promise<void> {
    const run = await this.#one(item, 'Upload to Hub', WITH_MODEL);
    if (run !== undefined) await pushRun(run.folder, run.config.name);
  }

  async reveal(item: unknown): Promise<void> {
    const [folder = (await this.#one(undefined, 'Reveal Run Folder'))?.folder] = foldersOf(item, undefined);
    if (folder !== undefined) await this.actions.reveal(path.join(folder, 'run.json'));
  }

  /** Folder of a run that may have a model, for `wishbone.tryRun`. */
  async toTry(item: unknown): Promise<string | undefined> {
    return (await this.#one(item, 'Try It', TRIABLE))?.folder;
  }

  /** A run for `wishbone.judgeRun`, with others that it can be judged beside. */
  async toJudge(item: unknown): Promise<{ readonly run: Listing; readonly others: readonly Listing[] } | undefined> {
    const run = await this.#one(item, 'Judge Completions', FINISHED);
    if (run === undefined) return undefined;
    const all = (await this.catalog.all()).flatMap((each) => (each.problem === undefined ? [each] : []));
    return { run, others: all.filter((each) => FINISHED.fits(each) && each.folder !== run.folder) };
  }

  /** A run for `wishbone.duplicateRun`. */
  async toDuplicate(item: unknown): Promise<Listing | undefined> {
    return this.#one(item, 'Duplicate Run with Changes');
  }

  /** Sends what its trackers do not have yet. */
  async track(item: unknown): Promise<void> {
    const run = await this.#one(item, 'Send to Trackers');
    if (run !== undefined && (await ensureTrusted())) await sendRun(run.folder, run.config.name, this.actions.trackers);
  }

  async delete(item: unknown, selection: unknown): Promise<void> {
    let folders = foldersOf(item, selection);
    if (folders.length === 0) {
      const picked = await this.#one(undefined, 'Delete Run', INACTIVE);
      if (picked === undefined) return;
      folders = [picked.folder];
    }
    const listings = (await this.catalog.all()).filter(({ folder }) => folders.includes(folder));
    const active = listings.filter((run): run is Listing => run.problem === undefined && isActive(run.state));
    const ended = listings.filter((run) => !active.includes(run as Listing));
    if (ended.length === 0) {
      if (active.length === 0) return;
      const what = `${namesText(active)} ${active.length === 1 ? 'is' : 'are'} still running`;
      throw new WishboneError(what, active[0]!.folder, 'stop first, then delete');
    }
    if (!(await ensureTrusted())) return;
    await deleteRuns(ended, active);
    await this.catalog.refresh();
  }

  /** The runs of a selection that can be read. */
  async #several(item: unknown, selection: unknown): Promise<Listing[]> {
    const folders = foldersOf(item, selection);
    if (folders.length === 0) return [];
    const all = await this.catalog.all();
    return all.filter((run): run is Listing => run.problem === undefined && folders.includes(run.folder));
  }

  /** The run of an item, or one that is picked among those that are wanted; broken ones are not offered. */
  async #one(item: unknown, title: string, { words, fits }: Wanted = ANY): Promise<Listing | undefined> {
    const listings = await this.catalog.all();
    const readable = listings.flatMap((run) => (run.problem === undefined ? [run] : []));
    const [folder] = foldersOf(item, undefined);
    if (folder !== undefined) {
      const run = listings.find((listing) => listing.folder === folder);
      if (run?.problem !== undefined) throw run.problem;
      return run;
    }
    const offered = readable.filter(fits);
    if (offered.length === 0) {
      void showInformation(noneText(title, 'run', { wanted: words, hasFolder: firstFolder() !== undefined, isAny: listings.length > 0 }));
      return undefined;
    }
    const picked = await vscode.window.showQuickPick(
      offered.map((run) => ({ ...listingText(run), run })),
      { title, placeHolder: 'Which run?', matchOnDescription: true, matchOnDetail: true },
    );
    return picked?.run;
  }

  async #pickSeveral(already: readonly string[]): Promise<string[] | undefined> {
    const listings = (await this.catalog.all()).flatMap((run) => (run.problem === undefined ? [run] : []));
    if (listings.length < 2) {
      void showInformation('Wishbone: comparing needs at least two runs in this workspace.');
      return undefined;
    }
    const picked = await vscode.window.showQuickPick(
      listings.map((run) => ({ ...listingText(run), folder: run.folder, picked: already.includes(run.folder) })),
      { title: 'Compare Runs', placeHolder: 'Choose two or more', canPickMany: true, matchOnDescription: true },
    );
    if (picked === undefined || picked.length === 0) return undefined;
    return picked.map(({ folder }) => folder);
  }
}

function sentenceOrNone(problem: string | undefined): string | undefined {
  return problem === undefined ? undefined : sentence(problem);
}

import path from 'node:path';

import * as vscode from 'vscode';

import { changeSweep, giveOrder, type Order, queueOf, type SweepProgress, type TrialProgress } from '../../core/sweep/index.js';
import { plural } from '../../format.js';
import { showInformation, showWarning } from '../messages.js';
import { noneText } from '../none-text.js';
import { runCommand } from '../run-command.js';
import { hasTrash } from '../runs/delete-runs.js';
import { ensureTrusted } from '../trust.js';
import { firstFolder } from '../workspace.js';
import type { SweepListing } from './sweep-catalog.js';
import type { SweepStarter } from './sweep-starter.js';
import { DAMAGED, isIdle, sweepDescription, tableLook, trialDescription } from './sweep-text.js';

/** A sweep of the workspace with how far it is; one that cannot be read has no such thing. */
export interface KnownSweep {
  readonly sweep: SweepListing;
  readonly progress: SweepProgress | undefined;
}

/** A trial by its sweep's record. */
interface NamedTrial {
  readonly file: string;
  readonly name: string;
}

type Whole = { readonly sweep: Exclude<SweepListing, { readonly problem: Error }>; readonly progress: SweepProgress };

/** The sweeps that a command is for: in words, as what it needs, and whether a sweep is one. */
interface Wanted {
  readonly words: string;
  readonly fits: (known: Whole) => boolean;
}

const ANY: Wanted = { words: 'a sweep that can be read', fits: () => true };

const isWhole = (known: KnownSweep): known is Whole => known.progress !== undefined;
const stateText = ({ sweep, progress }: KnownSweep): string =>
  sweep.problem !== undefined || progress === undefined ? DAMAGED : sweepDescription(sweep, progress);
const isOpen = ({ state }: TrialProgress): boolean => state === 'waiting' || state === 'working';

/** What can be done with sweeps from their view and the palette. Each takes the view's items, or asks which. */
export class SweepCommands {
  constructor(
    readonly starter: SweepStarter,
    /** Looks at all sweeps. */
    readonly all: () => Promise<readonly KnownSweep[]>,
    /** Something was done. */
    readonly onDone: () => Promise<void>,
  ) {}

  /** The runs at work stop after their step, and no other starts. */
  async pause(item: unknown): Promise<void> {
    const known = await this.#one(item, 'Pause Sweep', { words: 'a sweep at work', fits: ({ sweep }) => sweep.isAtWork });
    if (known === undefined || !(await ensureTrusted())) return;
    await giveOrder(known.sweep.file, { pause: true });
    void showInformation(`${known.sweep.name}: its runs stop after their step, each with a checkpoint. Go On takes them up again.`);
    await this.onDone();
  }

  async resume(item: unknown): Promise<void> {
    const idle: Wanted = {
      words: 'a sweep that was paused or ended before its last run',
      fits: ({ sweep, progress }) => isIdle(sweep, progress),
    };
    const known = await this.#one(item, 'Go On with Sweep', idle);
    if (known !== undefined) await this.#goOn(known, false);
  }

  /** Does again what failed, or was passed over. */
  async retry(item: unknown): Promise<void> {
    const broken: Wanted = {
      words: 'a sweep that is not at work and has failed or skipped runs',
      fits: ({ sweep, progress: { counts } }) => !sweep.isAtWork && counts.failed + counts.skipped > 0,
    };
    const known = await this.#one(item, 'Retry Failed Runs of Sweep', broken);
    if (known !== undefined) await this.#goOn(known, true);
  }

  async skip(item: unknown, selection: unknown): Promise<void> {
    await this.#order(
      await this.#trials(item, selection, 'Skip Run of Sweep', 'a sweep with a run that waits or is at work', isOpen),
      (name) => ({ skip: name }),
    );
  }

  /** Of several the first comes first. */
  async first(item: unknown, selection: unknown): Promise<void> {
    const found = await this.#trials(
      item,
      selection,
      'Put Run of Sweep First',
      'a sweep with a run that waits',
      ({ state }) => state === 'waiting',
    );
    await this.#order(found?.reverse(), (name) => ({ first: name }));
  }

  async #order(found: readonly NamedTrial[] | undefined, order: (name: string) => Pick<Order, 'skip' | 'first'>): Promise<void> {
    if (found === undefined || !(await ensureTrusted())) return;
    for (const { file, name } of found) await changeSweep(file, { ...order(name), exactly: true });
    await this.onDone();
  }

  /** Its runs in the table of runs, those of a setting together. */
  async showTable(item: unknown): Promise<void> {
    const known = await this.#one(item, 'Show Sweep as a Table');
    if (known === undefined) return;
    await runCommand('wishbone.showRunsTable', tableLook(known.sweep.name, known.progress));
  }

  async openConfig(item: unknown): Promise<void> {
    const known = await this.#one(item, 'Open Config of Sweep');
    if (known === undefined) return;
    await vscode.window.showTextDocument(vscode.Uri.file(known.sweep.record.config), { preview: false });
  }

  /** Removes the record of a sweep, after a question. Its runs stay. */
  async forget(item: unknown): Promise<void> {
    const all = await this.all();
    const known = all.find(({ sweep }) => sweep.file === fileOf(item)) ?? (await this.#pick(all, 'Forget Sweep'));
    if (known === undefined || !(await ensureTrusted())) return;
    const { file, name } = known.sweep;
    if ((await queueOf(file)) !== undefined) {
      void showInformation(`${name} is at work. Pause it first.`);
      return;
    }
    const forget = 'Forget Sweep';
    const folder = path.dirname(file);
    const detail = `${folder}\n\nIts runs and its run config stay. Started again, the sweep begins anew.`;
    if ((await showWarning(`Forget the sweep ${name}?`, { modal: true, detail }, forget)) !== forget) return;
    await vscode.workspace.fs.delete(vscode.Uri.file(folder), { recursive: true, useTrash: hasTrash() });
    await this.onDone();
  }

  async #goOn({ sweep }: Whole, retry: boolean): Promise<void> {
    if (!(await ensureTrusted())) return;
    const { record, file } = sweep;
    await this.starter.goOn(record.config, file, { parallel: String(record.parallel ?? 1), retry });
    await this.onDone();
  }

  /** The sweep of an item, or one that is picked among those that are wanted; what cannot be read says so. */
  async #one(item: unknown, title: string, { words, fits }: Wanted = ANY): Promise<Whole | undefined> {
    const all = await this.all();
    const file = fileOf(item);
    if (file !== undefined) {
      const known = all.find(({ sweep }) => sweep.file === file);
      if (known?.sweep.problem !== undefined) throw known.sweep.problem;
      return known !== undefined && isWhole(known) ? known : undefined;
    }
    const offered = all.filter(isWhole).filter(fits);
    if (offered.length > 0 || all.length === 0) return this.#pick(offered, title);
    void showInformation(noneText(title, 'sweep', { wanted: words, hasFolder: true, isAny: true }));
    return undefined;
  }

  async #pick<K extends KnownSweep>(offered: readonly K[], title: string): Promise<K | undefined> {
    if (offered.length === 0) {
      void showInformation(noneText(title, 'sweep', { wanted: ANY.words, hasFolder: firstFolder() !== undefined, isAny: false }));
      return undefined;
    }
    const picked = await vscode.window.showQuickPick(
      offered.map((known) => ({ label: known.sweep.name, description: stateText(known), known })),
      { title, placeHolder: 'Which sweep?' },
    );
    return picked?.known;
  }

  /** Those of the view's items, or one that is picked. */
  async #trials(
    item: unknown,
    selection: unknown,
    title: string,
    wanted: string,
    fits: (trial: TrialProgress) => boolean,
  ): Promise<NamedTrial[] | undefined> {
    const items: unknown[] = Array.isArray(selection) && selection.length > 0 ? selection : [item];
    const named = items.flatMap((each) => trialOf(each, fits) ?? []);
    if (named.length > 0) return named;
    const known = await this.#one(item, title, { words: wanted, fits: ({ progress }) => progress.trials.some(fits) });
    if (known === undefined) return undefined;
    const trials = known.progress.trials.filter(fits);
    const picked = await vscode.window.showQuickPick(
      trials.map((trial) => ({ label: trial.name, description: trialDescription(trial) })),
      { title, placeHolder: `Which of ${plural(trials.length, 'run')}?` },
    );
    return picked === undefined ? undefined : [{ file: known.sweep.file, name: picked.label }];
  }
}

/** The record of the view's item for a sweep. */
function fileOf(item: unknown): string | undefined {
  const file = (item as { readonly sweep?: { readonly file?: unknown } } | null | undefined)?.sweep?.file;
  return typeof file === 'string' ? file : undefined;
}

/** The view's item for a trial. */
function trialOf(item: unknown, fits: (trial: TrialProgress) => boolean): NamedTrial | undefined {
  const { sweepFile: file, trial } = (item ?? {}) as { readonly sweepFile?: unknown; readonly trial?: TrialProgress };
  return typeof file === 'string' && typeof trial?.name === 'string' && fits(trial) ? { file, name: trial.name } : undefined;
}

import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import { exportBest, locateRunner, type RunnerAhead, startRunner, stopRunner } from '../../core/runner/index.js';
import { datasetName, isActive, LOG_FILE } from '../../core/run/index.js';
import { changedScript, readJobRecord, type SlurmTarget, submitRun } from '../../core/slurm/index.js';
import { targetSetting } from '../settings.js';
import type { Problems } from '../problems.js';
import type { TrackerSettings } from '../trackers/tracker-settings.js';
import { ensureTrusted } from '../trust.js';
import type { LiveRun } from './live-run.js';
import type { RunStore } from './run-store.js';
import { showInformation, showWarning, withProgress } from '../messages.js';

const END_NOW = 'End Now';
const SUBMIT_CHANGED = 'Submit It as It Is';
const WRITE_ANEW = 'Write It Anew';
const REVEAL = 'Reveal Model';

/** What can be done with a run. */
export class RunActions {
  /** Runs whose start is under way: how that ends is told by whoever starts them. */
  readonly starting = new Set<string>();
  /** Runs that are stopped for their best model: that they stopped is told with where it is. */
  readonly stoppingForBest = new Set<string>();

  constructor(
    readonly store: RunStore,
    readonly problems: Problems,
    readonly trackers: TrackerSettings,
  ) {}

  /**
   * Starts the runner on a run, or resumes it: here, or on a cluster. `anew`: its batch script is written even where it was changed by hand.
   * `ahead`: a runner that got ready for it.
   *
   * @throws WishboneError when it does not start
   */
  async start(
    folder: string,
    {
      resume,
      target,
      anew,
      ahead,
    }: {
      readonly resume: boolean;
      readonly target?: SlurmTarget | undefined;
      readonly anew?: boolean;
      readonly ahead?: RunnerAhead | undefined;
    },
  ): Promise<void> {
    this.starting.add(folder);
    try {
      if (target === undefined) await startRunner(folder, { resume, ahead });
      else await submitRun(folder, target, await locateRunner(), { anew: anew === true });
    } finally {
      await this.store.notice(folder).catch((error: unknown) => this.problems.log(error));
      // The folder may be one that nobody watches yet.
      void this.store.look();
      this.starting.delete(folder);
    }
  }

  /** Resumes a run, or starts one that never was: where it was before, or was to be. */
  async resume(run: LiveRun): Promise<void> {
    if (!(await ensureTrusted()) || this.starting.has(run.folder)) return;
    const job = await readJobRecord(run.folder);
    const target = job === undefined ? undefined : targetSetting(job.target);
    const anew = target === undefined ? false : await this.#writesAnew(run);
    if (anew === undefined) return;
    await withProgress({ location: vscode.ProgressLocation.Window, title: `Starting ${run.config.name}` }, () =>
      this.start(run.folder, { resume: run.state !== 'planned', target, anew }),
    );
  }

  /** Whether a batch script that was changed by hand gives way to a new one; undefined when the run is not to start after all. */
  async #writesAnew(run: LiveRun): Promise<boolean | undefined> {
    const changed = await changedScript(run.folder);
    if (changed === undefined) return false;
    const choice = await showWarning(
      `The batch script of ${run.config.name} was changed by hand.`,
      { modal: true, detail: `${changed.file}\n\nWritten anew, it is as the target in the settings says, and the changes are lost.` },
      SUBMIT_CHANGED,
      WRITE_ANEW,
    );
    return choice === undefined ? undefined : choice === WRITE_ANEW;
  }

  /**
   * Asks a run to stop: the given one, the only one at work, or one that is picked. When it was asked already, offers
   * to end it at once.
   */
  async stop(folder?: unknown): Promise<void> {
    if (!(await ensureTrusted())) return;
    const run = await this.#pickActive(folder);
    if (run === undefined) return;
    if (run.state === 'stopping') {
      await this.#endNow(run);
      return;
    }
    if (!(await stopRunner(run.folder))) {
      void showInformation(`Wishbone: ${run.config.name} has already ended.`);
    }
    await run.refresh();
  }

  /** Asks several runs to stop, without a question. */
  async stopAll(folders: readonly string[]): Promise<void> {
    for (const folder of folders) {
      await stopRunner(folder);
      await this.store.refresh(folder);
    }
  }

  /** Stops a run, and once it has ended exports the model of its best evaluation. All of it is one message that changes. */
  async stopAndExportBest(run: LiveRun): Promise<void> {
    if (!isActive(run.state)) return this.exportBest(run.folder, run.config.name);
    if (!(await ensureTrusted())) return;
    this.stoppingForBest.add(run.folder);
    try {
      await this.#exportBest(run.folder, run.config.name, async (say) => {
        const ended = new Promise<void>((done) => {
          const end = run.onChange(() => {
            if (isActive(run.state) && !run.gone) return;
            end();
            done();
          });
        });
        if (run.state !== 'stopping') await stopRunner(run.folder);
        await run.refresh();
        say('stopping the run');
        await ended;
        return !run.gone;
      });
    } finally {
      this.stoppingForBest.delete(run.folder);
    }
  }

  /**
   * Exports the model of a run's best evaluation, and says where it is.
   *
   * @throws WishboneError when it cannot be had
   */
  async exportBest(folder: string, name: string): Promise<void> {
    if (await ensureTrusted()) await this.#exportBest(folder, name, async () => true);
  }

  /** @param before what has to be done first; resolves to false when there is nothing to export after it */
  async #exportBest(folder: string, name: string, before: (say: (what: string) => void) => Promise<boolean>): Promise<void> {
    const model = await withProgress(
      { location: vscode.ProgressLocation.Notification, title: `Exporting the best model of ${name}`, cancellable: true },
      async (progress, token) => {
        const end = new AbortController();
        const cancelled = new Promise<false>((done) => {
          token.onCancellationRequested(() => {
            end.abort();
            done(false);
          });
        });
        // What was asked to stop stops all the same.
        if (!(await Promise.race([before((message) => progress.report({ message })), cancelled]))) return undefined;
        progress.report({ message: 'writing it' });
        return exportBest(folder, { signal: end.signal }).catch((error: unknown) => {
          if (!end.signal.aborted) throw error;
          return undefined;
        });
      },
    );
    if (model === undefined) return;
    await this.store.refresh(folder);
    const where = path.relative(path.dirname(folder), model);
    const choice = await showInformation(`The best model of ${name} is in ${where}.`, REVEAL);
    if (choice === REVEAL) await this.reveal(model);
  }

  async showLog(folder: string): Promise<void> {
    const file = path.join(folder, LOG_FILE);
    try {
      await vscode.window.showTextDocument(vscode.Uri.file(file), { preview: true });
    } catch {
      throw new WishboneError('the run has no log yet', file, 'start the run first');
    }
  }

  /** Shows a file or folder in the Explorer view when it is in the workspace, else in the system's file manager. */
  async reveal(file: string): Promise<void> {
    const uri = vscode.Uri.file(file);
    const inWorkspace = vscode.workspace.getWorkspaceFolder(uri) !== undefined;
    await vscode.commands.executeCommand(inWorkspace ? 'revealInExplorer' : 'revealFileInOS', uri);
  }

  async #endNow(run: LiveRun): Promise<void> {
    const choice = await showWarning(
      `${run.config.name} is finishing its step and will then write a checkpoint. ` +
        'If you end it now, it can only be resumed from its last checkpoint.',
      END_NOW,
    );
    if (choice !== END_NOW) return;
    await stopRunner(run.folder, { force: true });
    await run.refresh();
  }

  async #pickActive(folder: unknown): Promise<LiveRun | undefined> {
    const { active } = this.store;
    if (typeof folder === 'string') return active.find((run) => run.folder === folder);
    if (active.length === 0) {
      void showInformation('Wishbone: no run is active in this workspace.');
      return undefined;
    }
    if (active.length === 1) return active[0];
    const picked = await vscode.window.showQuickPick(
      active.map((run) => ({
        label: `$(sync) ${run.config.name}`,
        description: datasetName(run.config.dataset),
        run,
      })),
      { title: 'Stop Run', placeHolder: 'Which run?' },
    );
    return picked?.run;
  }
}

import path from 'node:path';

import * as vscode from 'vscode';

import { type DecidedRun, decideRun, forecastRun } from '../../core/forecast/index.js';
import type { ModelInfo } from '../../core/model/index.js';
import type { PlanSummary } from '../../core/prepare/index.js';
import { checkDiskSpace, writeForecast } from '../../core/run/index.js';
import { locateRunner, RunnerAhead } from '../../core/runner/index.js';
import type { SlurmTarget } from '../../core/slurm/index.js';
import { planRun } from '../../core/tasks/plan-run.js';
import { askFor } from '../../core/trackers/index.js';
import { formatRatio, plural } from '../../format.js';
import { cacheLimitSetting } from '../cache.js';
import type { LaunchOptions } from '../draft/read-draft.js';
import type { RunPanels } from '../panels/run/run-panels.js';
import type { PathChooser } from '../paths/path-chooser.js';
import { withPlanProgress } from '../plan-progress.js';
import { runsFolderFor } from '../workspace.js';
import type { RunActions } from './run-actions.js';
import { showWarning, withProgress } from '../messages.js';

const OPEN_RUN = 'Open Run';

/** Everything that is decided before a run starts. */
export interface Decision extends LaunchOptions {
  /** Several files make one dataset. */
  readonly dataset: readonly string[];
  readonly evalDataset: readonly string[] | undefined;
  readonly model: ModelInfo;
  /** As it was given: a path, or an id of the hub. */
  readonly names: { readonly dataset: string };
  readonly name: string | undefined;
  /** Trackers, as somebody types them. */
  readonly reportTo: string;
  /** The cluster that it is given to; undefined: this machine. */
  readonly target?: SlurmTarget | undefined;
}

/** Starts runs. */
export class RunStarter {
  constructor(
    readonly paths: PathChooser,
    readonly actions: RunActions,
    readonly panels: RunPanels,
  ) {}

  /**
   * Plans in a worker, with progress and a cancel button, then creates the run, starts it and shows it.
   *
   * @returns false if it was cancelled
   * @throws WishboneError when it cannot be planned or created
   */
  async start({ dataset, evalDataset, model, names, name, plan, training, runner: asked, reportTo, target }: Decision): Promise<boolean> {
    const first = dataset[0] ?? '';
    const runsFolder = runsFolderFor(first);
    if (runsFolder === undefined) return false;
    const places = this.actions.trackers.placesOf(reportTo);
    await locateRunner();
    await checkDiskSpace(runsFolder, model.parameters, training);
    await this.paths.remember(names.dataset, model.folder);
    const data = { dataset, evalDataset, model: model.folder, plan, cacheLimit: cacheLimitSetting() };
    let ahead: RunnerAhead | undefined;
    const decide = async (): Promise<DecidedRun> => {
      const decided = await decideRun({ ...data, training, runner: asked, target, runsFolders: this.actions.store.runsFolders });
      if (target === undefined) ahead = await RunnerAhead.start({ model: model.folder, training, runner: decided.runner });
      return decided;
    };
    try {
      const prepared = await withPlanProgress(first, (work) => planRun({ ...data, name, training, runsFolder }, work, decide));
      if (prepared === undefined) return false;
      const { folder, summary, runner, backends } = prepared;
      await askFor(folder, places);
      const time = await forecastRun({ model: model.folder, plan, training, runner, summary, runsFolders: [runsFolder], backends });
      if (time !== undefined) await writeForecast(folder, time);
      await this.#run(folder, { target, ahead });
      tellOfSkipped(summary, first);
      return true;
    } finally {
      ahead?.dismiss();
    }
  }

  async #run(folder: string, how: { readonly target: SlurmTarget | undefined; readonly ahead: RunnerAhead | undefined }): Promise<void> {
    try {
      await withProgress(
        { location: vscode.ProgressLocation.Window, title: how.target === undefined ? 'Starting the run' : 'Submitting the run' },
        () => this.actions.start(folder, { resume: false, ...how }),
      );
    } catch (error) {
      // The run exists and has a log, so its panel can say more than a message.
      void this.actions.problems.show(error, OPEN_RUN).then((choice) => (choice === OPEN_RUN ? this.panels.show(folder) : undefined));
      return;
    }
    await this.panels.show(folder);
  }
}

function tellOfSkipped({ skipped, truncated, pairs, tokenRatio, leftOutRows }: PlanSummary, dataset: string): void {
  if (leftOutRows > 0) {
    void showWarning(`${path.basename(dataset)}: ${plural(leftOutRows, 'unreadable row')} left out, training on ${plural(pairs, 'pair')}.`);
  }
  if (skipped === 0 && truncated === 0) return;
  const parts = [
    ...(skipped > 0 ? [`${plural(skipped, 'pair')} left out because a response does not fit`] : []),
    ...(truncated > 0 ? [`${plural(truncated, 'pair')} truncated`] : []),
  ];
  void showWarning(
    `${path.basename(dataset)}: ${parts.join('; ')} at the maximum length. ` +
      `Training on ${plural(pairs, 'pair')}, token ratio ${formatRatio(tokenRatio)}.`,
  );
}

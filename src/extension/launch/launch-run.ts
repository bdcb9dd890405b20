import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import { inspectModel, type ModelInfo } from '../../core/model/index.js';
import type { PlanSummary } from '../../core/prepare.js';
import { prepareRunInWorker } from '../../core/prepare-in-worker.js';
import {
  checkDiskSpace,
  DEFAULT_RUNNER,
  locateRunner,
  type Preset,
  PRESETS,
  type RunConfig,
  type RunnerOptions,
  runnerBackends,
  RUNS_FOLDER,
} from '../../core/run/index.js';
import { formatRatio, plural } from '../../format.js';
import { givenPath } from '../given-path.js';
import { withPlanProgress } from '../plan-progress.js';
import type { RunPanels } from '../panel/run-panels.js';
import type { Problems } from '../problems.js';
import type { RunActions } from '../runs/run-actions.js';
import { ensureTrusted } from '../trust.js';
import { datasetForm, mayBeDataset } from './candidates.js';
import { pickDataset } from './pick-dataset.js';
import { pickModel } from './pick-model.js';
import { RecentPaths } from './recent.js';
import { review } from './review.js';
import type { LaunchOptions } from './settings.js';
import { pickStep } from './steps.js';

const TITLE = 'Launch Run';
const OPEN_FOLDER = 'Open Folder…';
const OPEN_RUN = 'Open Run';

/** What settings begin from: a preset, or those of another run. */
type Start = Pick<Preset, 'label' | 'plan' | 'training'> & { readonly runner?: RunnerOptions };

/** Everything that has been decided when a run is launched. */
interface Decision {
  readonly dataset: string;
  readonly model: ModelInfo;
  readonly options: LaunchOptions;
  readonly runsFolder: string;
}

/** From nothing to a run at work: asks, checks, plans, starts, shows. */
export class Launcher {
  readonly #datasets: RecentPaths;
  readonly #models: RecentPaths;

  constructor(
    context: vscode.ExtensionContext,
    readonly actions: RunActions,
    readonly panels: RunPanels,
    readonly problems: Problems,
  ) {
    this.#datasets = new RecentPaths(context.workspaceState, 'recentDatasets');
    this.#models = new RecentPaths(context.globalState, 'recentModels');
  }

  /** @param dataset a preference file to begin with (a path or an address), so that it is not asked for */
  async launch(dataset?: unknown): Promise<void> {
    await this.#launch(givenPath(dataset), undefined);
  }

  /** Launches a run like another one, with every setting open to be changed first. */
  async duplicate(config: RunConfig): Promise<void> {
    await this.#launch(config.dataset.path, config);
  }

  async #launch(dataset: string | undefined, like: RunConfig | undefined): Promise<void> {
    if (!(await ensureTrusted()) || !(await ensureFolder())) return;
    // Said before anything is asked: without it all answers would be in vain.
    await locateRunner();
    const decision = await this.#decide(dataset, like);
    if (decision === undefined) return;
    await checkDiskSpace(decision.runsFolder, decision.model.parameters, decision.options.training);
    await Promise.all([this.#datasets.add(decision.dataset), this.#models.add(decision.model.folder)]);
    const prepared = await this.#prepare(decision);
    if (prepared === undefined) return;
    await this.#start(prepared.folder);
    tellOfSkipped(prepared.summary, decision.dataset);
  }

  /** The four questions, with the way back. */
  async #decide(given: string | undefined, like: RunConfig | undefined): Promise<Decision | undefined> {
    const totalSteps = 4;
    // Asked for early and needed last.
    const backends = runnerBackends();
    let dataset = given;
    let model = like === undefined ? undefined : await this.#inspect(like.model.path);
    let preset: Start | undefined = like === undefined ? undefined : { label: `As ${like.name}`, ...like };
    // A model that is gone is asked for.
    for (let step = dataset === undefined ? 1 : model === undefined ? 2 : 4; ;) {
      const position = { step, totalSteps, title: TITLE };
      switch (step) {
        case 1: {
          const picked = await pickDataset(this.#datasets, position);
          if (typeof picked === 'string') return undefined;
          if (await this.#isDataset(picked.value)) {
            dataset = picked.value;
            step = 2;
          }
          break;
        }
        case 2: {
          const picked = await pickModel(this.#models, position);
          if (picked === 'cancel') return undefined;
          if (picked === 'back') {
            step = 1;
            break;
          }
          model = await this.#inspect(picked.value);
          if (model !== undefined) step = 3;
          break;
        }
        case 3: {
          const before = preset;
          const picked = await pickStep<Start>({
            ...position,
            back: true,
            placeholder: 'Preset: what to begin from; every setting can be changed next',
            active: (value) => value === before,
            fill: (show) => show(PRESETS.map((value) => ({ label: value.label, detail: value.description, value }))),
          });
          if (picked === 'cancel') return undefined;
          if (picked === 'back') {
            step = 2;
            break;
          }
          preset = picked.value;
          step = 4;
          break;
        }
        default: {
          const begin = optionsFor(preset!, model!);
          const reviewed = await review(dataset!, model!, preset!.label, begin, await backends, position);
          if (reviewed === 'cancel') return undefined;
          if (reviewed === 'back') {
            step = 3;
            break;
          }
          return { dataset: dataset!, model: model!, options: reviewed.value, runsFolder: runsFolderFor(dataset!) };
        }
      }
    }
  }

  /** True when a chosen file can be what it should; else says what it should be. */
  async #isDataset(file: string): Promise<boolean> {
    if (!mayBeDataset(file) && (await datasetForm(file)) === undefined) {
      const advice = 'choose a .jsonl, .json, .csv, .tsv or .parquet file of preference pairs';
      void this.problems.show(new WishboneError('the file holds no preference pairs', file, advice));
      return false;
    }
    return true;
  }

  async #inspect(folder: string): Promise<ModelInfo | undefined> {
    try {
      return await inspectModel(folder);
    } catch (error) {
      if (!(error instanceof WishboneError)) throw error;
      void this.problems.show(error);
      return undefined;
    }
  }

  /** Plans in a worker, with progress and a way out; undefined when it was cancelled. */
  async #prepare({
    dataset,
    model,
    options,
    runsFolder,
  }: Decision): Promise<{ folder: string; summary: PlanSummary } | undefined> {
    return withPlanProgress(dataset, (work) =>
      prepareRunInWorker({ dataset, model: model.folder, ...options, runsFolder }, work),
    );
  }

  async #start(folder: string): Promise<void> {
    try {
      await vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title: 'Starting the run' }, () =>
        this.actions.start(folder, { resume: false }),
      );
    } catch (error) {
      // The run is there, with its log: its panel can tell more than a message.
      void this.problems
        .show(error, OPEN_RUN)
        .then((choice) => (choice === OPEN_RUN ? this.panels.show(folder) : undefined));
      return;
    }
    await this.panels.show(folder);
  }
}

/** A preset's options as far as the model allows them. */
function optionsFor({ plan, training, runner = DEFAULT_RUNNER }: Start, { config }: ModelInfo): LaunchOptions {
  return { plan: { ...plan, max_length: Math.min(plan.max_length, config.maxPositions) }, training, runner };
}

/** A run lives in the workspace folder its dataset is in, or in the first one. */
function runsFolderFor(dataset: string): string {
  const own = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(dataset));
  const folder = own ?? vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file');
  // `ensureFolder` has seen one; it may have been closed while the questions were asked.
  return path.join(folder?.uri.fsPath ?? path.dirname(dataset), RUNS_FOLDER);
}

async function ensureFolder(): Promise<boolean> {
  if (vscode.workspace.workspaceFolders?.some(({ uri }) => uri.scheme === 'file') === true) return true;
  const choice = await vscode.window.showInformationMessage(
    'Wishbone keeps runs in the folder that is open. Open one first.',
    OPEN_FOLDER,
  );
  if (choice === OPEN_FOLDER) await vscode.commands.executeCommand('workbench.action.files.openFolder');
  return false;
}

function tellOfSkipped({ skipped, truncated, pairs, tokenRatio }: PlanSummary, dataset: string): void {
  if (skipped === 0 && truncated === 0) return;
  const parts = [
    ...(skipped > 0 ? [`${plural(skipped, 'pair')} left out, because a response does not fit`] : []),
    ...(truncated > 0 ? [`${plural(truncated, 'pair')} cut off`] : []),
  ];
  void vscode.window.showWarningMessage(
    `${path.basename(dataset)}: ${parts.join('; ')} at the longest sequence. ` +
      `${plural(pairs, 'pair')} in training, token ratio ${formatRatio(tokenRatio)}.`,
  );
}

import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../../core/errors.js';
import { earlierPaces, type EarlierPace, type ForecastMeans } from '../../../core/forecast/index.js';
import { type ConfigFile, resolveConfig } from '../../../core/config-file/index.js';
import type { ModelInfo } from '../../../core/model/index.js';
import type { PlanSummary } from '../../../core/prepare/index.js';
import { type BackendInfo, locateRunner, runnerBackends } from '../../../core/runner/index.js';
import { checkDiskSpace, type RunConfig, RUNS_FOLDER } from '../../../core/run/index.js';
import { DEFAULT_RUNNER, PRESETS } from '../../../core/options/index.js';
import { runTask } from '../../../core/tasks/index.js';
import { formatRatio, plural } from '../../../format.js';
import { readLaunchPageState } from '../../../protocol/launch.js';
import { cacheLimitSetting } from '../../cache.js';
import { onlyDataset } from '../../datasets/find-datasets.js';
import type { DatasetSummaries } from '../../datasets/summaries.js';
import { errorLine } from '../../error-text.js';
import { pageOptions } from '../page.js';
import type { RunPanels } from '../run/run-panels.js';
import { withPlanProgress } from '../../plan-progress.js';
import type { Problems } from '../../problems.js';
import type { RunActions } from '../../runs/run-actions.js';
import { mayBeDataset, mayBeModel } from '../../paths/candidates.js';
import { type LaunchOptions, optionTexts, type Values } from '../../draft/read-draft.js';
import { KeptForms } from './kept-forms.js';
import { type FormStart, LaunchForm } from './launch-panel.js';
import { pickDataset } from '../../paths/pick-dataset.js';
import { onlyModel, pickModel } from '../../paths/pick-model.js';
import { RecentPaths } from '../../paths/recent.js';

const VIEW_TYPE = 'wishbone.launch';
const OPEN_RUN = 'Open Run';

/** Everything that has been decided when a run is started. */
export interface Decision extends LaunchOptions {
  /** Several files make one dataset. */
  readonly dataset: string | readonly string[];
  readonly evalDataset: string | readonly string[] | undefined;
  readonly model: ModelInfo;
  readonly name: string | undefined;
}

/** From nothing to a run at work: opens forms, and plans, starts and shows what they decide. */
export class Launcher implements vscode.Disposable, vscode.WebviewPanelSerializer {
  readonly defaultRunner = DEFAULT_RUNNER;
  readonly #datasets: RecentPaths;
  readonly #models: RecentPaths;
  readonly keptForms: KeptForms;
  readonly #forms = new Set<LaunchForm>();
  readonly #disposables: vscode.Disposable[] = [vscode.window.registerWebviewPanelSerializer(VIEW_TYPE, this)];
  readonly #runnerChanged = new vscode.EventEmitter<void>();
  /** Another runner was chosen. */
  readonly onDidChangeRunner = this.#runnerChanged.event;
  #backends: Promise<readonly BackendInfo[]> | undefined;

  constructor(
    readonly context: vscode.ExtensionContext,
    readonly actions: RunActions,
    readonly panels: RunPanels,
    readonly summaries: DatasetSummaries,
    readonly problems: Problems,
  ) {
    this.#datasets = new RecentPaths(context.workspaceState, 'recentDatasets');
    this.#models = new RecentPaths(context.globalState, 'recentModels');
    this.keptForms = new KeptForms(context.workspaceState);
    this.#disposables.push(
      this.#runnerChanged,
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('wishbone.runner')) this.forgetDevices();
      }),
    );
  }

  get extensionUri(): vscode.Uri {
    return this.context.extensionUri;
  }

  dispose(): void {
    for (const disposable of this.#disposables) disposable.dispose();
    for (const form of this.#forms) form.dispose();
  }

  /**
   * Opens a form.
   *
   * @param given a preference file to begin with: a path, an address, or an item of the Datasets view
   * @param more texts of fields, by the field
   */
  async launch(given?: unknown, more: Values = {}): Promise<void> {
    const { dataset, model } = await this.likelyPaths(given);
    const preset = PRESETS[0]!;
    const options = { ...preset, runner: DEFAULT_RUNNER };
    // Preset and learning rate follow once the model was looked at.
    this.#open({ values: { ...valuesOf({ dataset, model, options }), ...more }, preset: preset.id, own: { rate: false, preset: false } });
  }

  /** What a form begins with: the file that was given, else the likeliest one; and a model. */
  async likelyPaths(given: unknown): Promise<{ dataset: string | undefined; model: string | undefined }> {
    const [dataset, model] = await Promise.all([givenPath(given) ?? this.#likelyDataset(), this.#likelyModel()]);
    return { dataset, model };
  }

  /** Opens a form with another run's settings, every one open to be changed. */
  async duplicate(config: RunConfig): Promise<void> {
    const { dataset, eval_dataset: evaluation, model, plan } = config;
    // Pairs that were held out will be again.
    const evalDataset = plan.eval_fraction > 0 || evaluation === undefined ? undefined : (evaluation.names ?? evaluation.path);
    const values = valuesOf({ dataset: dataset.names ?? dataset.path, evalDataset, model: model.path, options: config });
    this.#open({ values, preset: '', own: { rate: true, preset: true } });
  }

  /** Opens a form with what a run config says. What it leaves out is the likeliest file and model. */
  async launchConfig(config: ConfigFile): Promise<void> {
    const { name = '', preset = 'standard', dataset: given, evalDataset, model: folder } = config;
    const likely = given !== undefined && folder !== undefined ? undefined : await this.likelyPaths(given?.[0]);
    const [dataset, model] = [given ?? likely?.dataset, folder ?? likely?.model];
    const values = valuesOf({ dataset, evalDataset, model, options: resolveConfig(config) });
    const rate = config.training.learning_rate !== undefined;
    this.#open({ values: { ...values, name }, preset, own: { rate, preset: true } });
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    panel.webview.options = pageOptions(this.extensionUri);
    const id = readLaunchPageState(state)?.form;
    const kept = id === undefined ? undefined : this.keptForms.get(id);
    const begin = valuesOf({ options: { ...PRESETS[0]!, runner: DEFAULT_RUNNER } });
    const known = Object.entries(kept?.values ?? {}).filter(([field]) => field in begin);
    this.#attach(panel, { values: { ...begin, ...Object.fromEntries(known) }, preset: kept?.preset ?? PRESETS[0]!.id, own: kept?.own ?? { rate: false, preset: false } }, id);
  }

  /**
   * Plans in a worker, with progress and a way out, makes the run, starts it and shows it.
   *
   * @returns false when it was cancelled
   * @throws WishboneError when it cannot be planned or made
   */
  async start(decision: Decision): Promise<boolean> {
    const { dataset, evalDataset, model, name, plan, training, runner } = decision;
    const first = [dataset].flat()[0] ?? '';
    const runsFolder = this.runsFolderFor(first);
    if (runsFolder === undefined) return false;
    await locateRunner();
    await checkDiskSpace(runsFolder, model.parameters, training);
    await Promise.all([this.#datasets.add(first), this.#models.add(model.folder)]);
    const request = { dataset, evalDataset, model: model.folder, name, plan, training, runner, runsFolder, cacheLimit: cacheLimitSetting() };
    const prepared = await withPlanProgress(first, (work) => runTask('prepare', request, work));
    if (prepared === undefined) return false;
    await this.#run(prepared.folder);
    tellOfSkipped(prepared.summary, first);
    return true;
  }

  /** What the runner can run on; asked once, and again after it could not answer. */
  async backends(): Promise<readonly BackendInfo[]> {
    const backends = await (this.#backends ??= runnerBackends());
    if (backends.length === 0) this.#backends = undefined;
    return backends;
  }

  /** The runner may find other devices than before: whoever shows them asks again. */
  forgetDevices(): void {
    this.#backends = undefined;
    this.#runnerChanged.fire();
  }

  /** Why there is no runner to start, as one line; empty when there is one. */
  async runnerFault(): Promise<string> {
    try {
      await locateRunner();
      return '';
    } catch (error) {
      if (!(error instanceof WishboneError)) throw error;
      return errorLine(error);
    }
  }

  forecastMeans(): ForecastMeans {
    const paces = (): Promise<readonly EarlierPace[]> => earlierPaces(this.panels.store.runsFolders);
    return {
      plan: (request, work) =>
        runTask('forecast', { ...request, cacheLimit: cacheLimitSetting() }, work),
      backends: () => this.backends(),
      paces,
      mayAskRunner: () => vscode.workspace.isTrusted,
    };
  }

  /** Asks for a file or folder among those that are likely, or any other; undefined when it was given up. */
  async choosePath(what: 'dataset' | 'model'): Promise<string | undefined> {
    const picked = what === 'dataset' ? await pickDataset(this.#datasets) : await pickModel(this.#models);
    return typeof picked === 'string' ? undefined : picked.value;
  }

  /** A run lives in the workspace folder its dataset is in, or in the first one; undefined when none is open. */
  runsFolderFor(dataset: string): string | undefined {
    const own = dataset === '' ? undefined : vscode.workspace.getWorkspaceFolder(vscode.Uri.file(dataset));
    const folder = own ?? vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file');
    return folder === undefined ? undefined : path.join(folder.uri.fsPath, RUNS_FOLDER);
  }

  #open(start: FormStart): void {
    const options = { ...pageOptions(this.extensionUri), retainContextWhenHidden: false };
    this.#attach(vscode.window.createWebviewPanel(VIEW_TYPE, 'Launch Run', vscode.ViewColumn.Active, options), start);
  }

  #attach(panel: vscode.WebviewPanel, start: FormStart, id?: string): void {
    const form = new LaunchForm(panel, this, start, id);
    this.#forms.add(form);
    panel.onDidDispose(() => {
      this.#forms.delete(form);
      form.dispose();
      this.keptForms.forget(form.id).catch((error: unknown) => this.problems.log(error));
    });
  }

  /** The file in the editor, else the one used last here, else the only one there is. */
  async #likelyDataset(): Promise<string | undefined> {
    const editor = vscode.window.activeTextEditor?.document.uri;
    if (editor?.scheme === 'file' && mayBeDataset(editor.fsPath) && !/\.json$/i.test(editor.fsPath)) return editor.fsPath;
    const [last] = this.#datasets.all;
    return last ?? onlyDataset();
  }

  /** The model used last that is still there, else the only one of the workspace. */
  async #likelyModel(): Promise<string | undefined> {
    for (const folder of this.#models.all) {
      if (await mayBeModel(folder)) return folder;
    }
    return onlyModel();
  }

  async #run(folder: string): Promise<void> {
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

function valuesOf(of: {
  readonly dataset?: string | readonly string[] | undefined;
  readonly evalDataset?: string | readonly string[] | undefined;
  readonly model?: string | undefined;
  readonly options: LaunchOptions;
}): Values {
  const { dataset = '', evalDataset = '', model = '', options } = of;
  const lines = (paths: string | readonly string[]): string => [paths].flat().join('\n');
  return { name: '', dataset: lines(dataset), evalDataset: lines(evalDataset), model, ...optionTexts(options) };
}

function givenPath(argument: unknown): string | undefined {
  // The Datasets view gives its item.
  if (typeof argument === 'object' && argument !== null && 'file' in argument) return givenPath(argument.file);
  if (argument instanceof vscode.Uri) return argument.scheme === 'file' ? argument.fsPath : undefined;
  return typeof argument === 'string' && path.isAbsolute(argument) ? argument : undefined;
}

function tellOfSkipped({ skipped, truncated, pairs, tokenRatio, leftOutRows }: PlanSummary, dataset: string): void {
  if (leftOutRows > 0) {
    void vscode.window.showWarningMessage(`${path.basename(dataset)}: ${plural(leftOutRows, 'unreadable row')} left out, training on ${plural(pairs, 'pair')}.`);
  }
  if (skipped === 0 && truncated === 0) return;
  const parts = [
    ...(skipped > 0 ? [`${plural(skipped, 'pair')} left out because a response does not fit`] : []),
    ...(truncated > 0 ? [`${plural(truncated, 'pair')} truncated`] : []),
  ];
  void vscode.window.showWarningMessage(
    `${path.basename(dataset)}: ${parts.join('; ')} at the maximum length. ` +
      `Training on ${plural(pairs, 'pair')}, token ratio ${formatRatio(tokenRatio)}.`,
  );
}

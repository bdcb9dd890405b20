import { randomUUID } from 'node:crypto';
import path from 'node:path';

import * as vscode from 'vscode';

import { homeFolder } from '../../../core/files/home-folder.js';
import { checkConfigName, type ConfigSettings, configText } from '../../../core/config-file/index.js';
import { stateOfBackends } from '../../../core/cuda-library/index.js';
import { ExitCode, WishboneError } from '../../../core/errors.js';
import type { ForecastMeans } from '../../../core/forecast/index.js';
import { type BackendInfo, devicesInUse, type DevicesInUse, gpus } from '../../../core/runner/index.js';
import { DEFAULT_RUNNER, PRESETS, presetById } from '../../../core/options/index.js';
import {
  type FormState,
  type LaunchHostMessage,
  type LaunchPageMessage,
  type LaunchPageState,
  readLaunchPageMessage,
  readLaunchPageState,
} from '../../../protocol/launch.js';
import { type SlurmTarget, TARGETS_SETTING } from '../../../core/slurm/index.js';
import type { DatasetSummaries } from '../../datasets/summaries.js';
import { formSections, SWEEP_SECTION } from '../../draft/fields.js';
import { changedOptions, choosePreset, fitted, follow, type Followed, rateNote, rateWarning } from '../../draft/following.js';
import { isPathField, PATH_FIELDS, pathKind } from '../../draft/look-at.js';
import { idleFields, readDraft, type Values } from '../../draft/read-draft.js';
import { RunDraft } from '../../draft/run-draft.js';
import {
  canHaveSeveral,
  firstTexts,
  HALVING_FIELDS,
  isSweep,
  itemsOf,
  severalOptions,
  SWEEP_FIELDS,
  withSeveral,
} from '../../draft/sweep-draft.js';
import { Downloads } from '../../hub/downloads.js';
import { windowHub } from '../../hub/hub-settings.js';
import type { PathChooser } from '../../paths/path-chooser.js';
import { CONFIG_FILTERS } from '../../run-config/choose-config.js';
import type { Runner } from '../../runner/runner.js';
import type { RunStarter } from '../../runs/run-starter.js';
import { runCommand } from '../../run-command.js';
import type { SweepStarter } from '../../sweeps/sweep-starter.js';
import { errorLine } from '../../error-text.js';
import { targetsSetting } from '../../settings.js';
import { manageTrust } from '../../trust.js';
import { firstFolder, runsFolderFor } from '../../workspace.js';
import type { Asked, Page, PanelKind } from '../page.js';
import type { PanelContext } from '../panels.js';
import { saveAs } from '../save-as.js';
import { configName, configSettings } from './config-settings.js';
import { countedText } from '../../views/dataset-text.js';
import { forecastView } from './forecast-view.js';
import type { KeptForms } from './kept-forms.js';
import { sweepView } from './sweep-view.js';

export const LAUNCH: PanelKind<LaunchPageMessage, LaunchPageState> = {
  name: 'launch',
  title: 'Launch Run',
  readMessage: readLaunchPageMessage,
  readState: readLaunchPageState,
};

/** What the forms of one window share. */
export interface LaunchContext extends PanelContext {
  readonly runner: Runner;
  readonly paths: PathChooser;
  readonly means: ForecastMeans;
  readonly starter: RunStarter;
  readonly sweeps: SweepStarter;
  readonly kept: KeptForms;
  readonly summaries: DatasetSummaries;
}

/** Files of a dataset that are read and checked for its note. */
const MOST_COUNTED = 8;

/** What the editor and the Datasets view say about the files together. */
async function countedIn(files: readonly string[], summaries: DatasetSummaries): Promise<string | undefined> {
  return files.length > MOST_COUNTED ? undefined : countedText(await Promise.all(files.map((file) => summaries.of(file))));
}

/** A field's text, if there is one. */
const at = (field: string, text: string | undefined): Record<string, string> => (text === undefined ? {} : { [field]: text });

/** One launch form: a draft of a run that is checked and forecast while it changes, and then started. */
export class LaunchPanel implements vscode.Disposable {
  readonly #subscriptions: vscode.Disposable;
  readonly #draft: RunDraft;
  readonly #downloads = new Downloads(windowHub, () => this.#downloaded());
  #wasDownloading = false;
  #preset: string;
  #own: Followed['own'];
  /** Fields that the user has changed here. */
  readonly #touched = new Set<string>();
  /** Whether a start was tried. From then on, missing values count as faults. */
  #tried = false;
  #backends: readonly BackendInfo[] = [];
  #inUse: DevicesInUse = new Map();
  #targets: readonly SlurmTarget[] = [];
  #targetsFault = '';
  #runnerFault = '';
  /** Why a GPU that is there cannot be used; empty if it can. */
  #gpuFault = '';
  #starting = false;

  constructor(
    readonly page: Page<LaunchHostMessage, LaunchPageMessage>,
    readonly context: LaunchContext,
    start: Followed,
    /** Identifies the form across reloads of the window. */
    readonly id: string = randomUUID(),
  ) {
    this.#preset = start.preset;
    this.#own = start.own;
    this.#readTargets();
    this.#draft = new RunDraft({
      values: start.values,
      paths: PATH_FIELDS,
      downloads: true,
      means: context.means,
      rules: () => ({ ...this.#targetProblems(), ...this.#trackerProblems() }),
      describe: (files) => countedIn(files, context.summaries),
      onSet: () => this.#suit(),
      onLooked: (field) => {
        if (field !== 'model') return;
        this.#suit();
        if (this.#preset !== '') this.#adapt((form) => ({ ...form, values: fitted(form.values, this.#draft.followed) }));
      },
      onChange: () => this.#changed(),
      onForecast: () => {
        this.#sendState();
        this.#sendForecast();
      },
      onError: (error) => context.problems.log(error),
    });
    this.#subscriptions = vscode.Disposable.from(
      this.#draft,
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#draft.again()),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('wishbone.trackers')) this.#draft.changed();
        if (!event.affectsConfiguration(TARGETS_SETTING)) return;
        this.#readTargets();
        this.#sendAll();
        this.#draft.changed();
      }),
      context.runner.onDidChange(async () => {
        await this.#askRunner();
        this.#sendAll();
        this.#draft.changed();
      }),
      vscode.workspace.onDidSaveTextDocument(({ uri }) => void this.#draft.saved(uri.fsPath)),
    );
    page.listen({
      prepare: () => this.#askRunner(),
      show: () => this.#sendAll(),
      answer: (message) => this.#answer(message),
    });
    void this.#draft.look();
  }

  /** Reads the targets of the settings. */
  #readTargets(): void {
    this.#targetsFault = '';
    try {
      this.#targets = targetsSetting();
    } catch (error) {
      if (!(error instanceof WishboneError)) throw error;
      this.#targets = [];
      this.#targetsFault = errorLine(error);
    }
  }

  /** A target that is wrong, or gone. */
  #targetProblems(): Record<string, string> {
    const target = this.#draft.values['target'] ?? '';
    if (isSweep(this.#draft.values) && target !== '') return { target: 'A sweep runs on this machine' };
    if (this.#targetsFault !== '' && target !== '') return { target: this.#targetsFault };
    return target === '' || this.#targets.some(({ name }) => name === target)
      ? {}
      : { target: `There is no target ${target} in the settings` };
  }

  /** A tracker that is none, or that nothing says the place of. */
  #trackerProblems(): Record<string, string> {
    return at('reportTo', this.context.starter.actions.trackers.problem(this.#draft.values['reportTo'] ?? ''));
  }

  dispose(): void {
    this.#downloads.cancel();
    this.#subscriptions.dispose();
    this.page.dispose();
  }

  async #answer(message: Asked<LaunchPageMessage>): Promise<void> {
    switch (message.type) {
      case 'set':
        return this.#typed(message.field, message.value);
      case 'choose':
        return this.#choose(message.field, message.index);
      case 'preset':
        return this.#usePreset(message.id);
      case 'sweep':
        return this.#turnSweep(message.on);
      case 'several':
        return this.#turnSeveral(message.field, message.on);
      case 'start':
        return isSweep(this.#draft.values) ? this.#startSweep() : this.#start();
      case 'save-config':
        return this.#saveConfig();
      case 'open-fault': {
        const { forecast } = this.#draft;
        if (forecast.kind === 'failed') await this.context.problems.open(forecast.error);
        return;
      }
      case 'manage-trust':
        return manageTrust();
      case 'download':
        await this.#download();
        return;
      case 'cancel-download':
        return this.#downloads.cancel();
      case 'ask-again':
        return isPathField(message.field) ? this.#draft.again([message.field]) : undefined;
      case 'open-page': {
        const page = this.#draft.pages[message.field];
        if (page !== undefined) await vscode.env.openExternal(vscode.Uri.parse(page, true));
        return;
      }
    }
  }

  /** Fetches what is missing, and looks at it. @returns false when it was cancelled */
  async #download(): Promise<boolean> {
    if (!vscode.workspace.isTrusted || this.#downloads.isRunning) return false;
    await this.#downloads.want(this.#draft.missing);
    try {
      return await this.#downloads.fetch();
    } finally {
      // Part of it may be here, whatever ended it.
      await this.#draft.again();
    }
  }

  async #askRunner(): Promise<void> {
    const { runner } = this.context;
    this.#backends = await runner.backends();
    this.#inUse = gpus(this.#backends).length === 0 ? new Map() : await devicesInUse(this.context.starter.actions.store.runsFolders);
    this.#runnerFault = await runner.fault();
    const gpu = stateOfBackends(this.#backends);
    this.#gpuFault = gpu.kind === 'library' ? gpu.problem : '';
  }

  #sendAll(): void {
    const sections = formSections(
      this.#backends,
      this.#inUse,
      this.#targets.map(({ name }) => name),
    );
    const presets = PRESETS.map(({ id, label, description }) => ({ id, label, description }));
    const form = {
      presets,
      sections: [...sections, SWEEP_SECTION],
      several: sections.flatMap(({ fields }) => fields.map(({ id }) => id)).filter(canHaveSeveral),
    };
    this.#send({ type: 'form', id: this.id, form, values: this.#draft.values });
    this.#sendState();
    this.#sendForecast();
    this.#sendDownloads();
  }

  async #typed(field: string, value: string): Promise<void> {
    // Runs one by one come from a config: here they can only be given up.
    if (field === 'sweep.runs' && value !== '') return;
    this.#touched.add(field);
    if (field === 'training.learning_rate') this.#own = { ...this.#own, rate: true };
    const evaluated = this.#draft.values['training.eval_steps'] ?? '';
    const isBegun = field === 'sweep.halving' && value === 'true' && this.#draft.values['sweep.rungs'] === '' && Number(evaluated) > 0;
    await this.#draft.set({
      ...{ [field]: value },
      // Found by a search where nothing has several values yet.
      ...(SWEEP_FIELDS.includes(field) ? { sweep: 'true' } : {}),
      ...(isBegun ? { 'sweep.rungs': evaluated } : {}),
    });
    if (isBegun) this.#send({ type: 'values', values: { 'sweep.rungs': evaluated } });
  }

  /** Without a sweep, what had several values has its first. */
  async #turnSweep(on: boolean): Promise<void> {
    const { values } = this.#draft;
    await this.#change({ ...(on ? values : { ...firstTexts(values), 'sweep.several': '', 'sweep.runs': '' }), sweep: String(on) });
  }

  async #turnSeveral(field: string, on: boolean): Promise<void> {
    if (!isSweep(this.#draft.values)) return;
    if (field === 'training.learning_rate' && on) this.#own = { ...this.#own, rate: true };
    this.#touched.add(field);
    await this.#change(withSeveral(this.#draft.values, field, on));
  }

  async #change(values: Values): Promise<void> {
    this.#take({ ...this.#followed, values });
    this.#suit();
    this.#draft.changed();
  }

  async #choose(field: string, index: number): Promise<void> {
    if (!isPathField(field)) return;
    const chosen = await this.context.paths.choose(pathKind(field));
    if (chosen === undefined) return;
    const lines = (this.#draft.values[field] ?? '').split('\n');
    if (index < lines.length) lines[index] = chosen;
    const value = lines.join('\n');
    await this.#typed(field, value);
    this.#send({ type: 'values', values: { [field]: value } });
  }

  #usePreset(id: string): void {
    const preset = presetById(id);
    if (preset === undefined) return;
    this.#adapt((form) => choosePreset(form, preset, this.#draft.followed, DEFAULT_RUNNER));
    this.#draft.changed();
  }

  /** Adapts what the user has not decided to the model. */
  #suit(): void {
    this.#adapt((form) => follow(form, this.#draft.followed, DEFAULT_RUNNER));
  }

  /** Takes over what goes by model and preset: worked out as for the first of several values, which stay as they are. */
  #adapt(work: (form: Followed) => Followed): void {
    const { values } = this.#draft;
    const several = severalOptions(values);
    const { values: next, preset, own } = work({ ...this.#followed, values: firstTexts(values) });
    const kept = Object.fromEntries(several.map((option) => [option, values[option] ?? '']));
    const isOwnRate = own.rate || several.includes('training.learning_rate');
    this.#take({ values: { ...next, ...kept }, preset, own: { ...own, rate: isOwnRate } });
  }

  #take({ values, preset, own }: Followed): void {
    const before = this.#draft.values;
    const other = Object.entries(values).filter(([field, value]) => before[field] !== value);
    this.#draft.take(values);
    [this.#preset, this.#own] = [preset, own];
    if (other.length > 0) this.#send({ type: 'values', values: Object.fromEntries(other) });
  }

  get #followed(): Followed {
    return { values: this.#draft.values, preset: this.#preset, own: this.#own };
  }

  #state(): FormState {
    const { values, problems, notes, followed: model, pages } = this.#draft;
    const several = severalOptions(values);
    const first = { ...this.#followed, values: firstTexts(values) };
    const changed = [...new Set([...changedOptions(first, model, DEFAULT_RUNNER), ...several])];
    const paged = Object.keys(pages);
    return {
      title: isSweep(values) ? 'Launch Sweep' : LAUNCH.title,
      problems,
      quiet: this.#tried ? [] : PATH_FIELDS.filter((field) => problems[field] !== undefined && !this.#touched.has(field)),
      warnings: this.#warnings(problems),
      notes: { ...notes, ...at('training.learning_rate', rateNote(first, model)) },
      asked: this.#draft.fromHub.filter((field) => problems[field] !== undefined),
      paged,
      hidden: [...(this.#targets.length === 0 && values['target'] === '' ? ['target'] : []), ...this.#idle].filter(
        (field) => !changed.includes(field) && problems[field] === undefined,
      ),
      changed,
      preset: this.#preset,
      blocked: this.#blocked(),
      trusted: vscode.workspace.isTrusted,
      starting: this.#starting,
      sweep: sweepView(values, this.#draft.forecast),
    };
  }

  /** Fields that do nothing as things are. */
  get #idle(): readonly string[] {
    const { values } = this.#draft;
    const isHalved = values['sweep.halving'] === 'true';
    return [...idleFields(values), ...(isSweep(values) ? (isHalved ? [] : HALVING_FIELDS) : SWEEP_FIELDS)];
  }

  #warnings(problems: Values): Record<string, string> {
    const { values, followed: model } = this.#draft;
    const field = 'training.learning_rate';
    const rates = severalOptions(values).includes(field) ? itemsOf(field, values[field] ?? '') : [values[field] ?? ''];
    const warnings = rates.map((rate) => rateWarning({ ...firstTexts(values), [field]: rate }, model));
    const rate = problems[field] === undefined ? warnings.find((warning) => warning !== undefined) : undefined;
    const missed = this.#gpuFault !== '' && values['runner.backend'] !== 'cpu';
    const gpu = missed ? `The GPU cannot be used yet: ${this.#gpuFault}. Run Wishbone: Set Up GPU…` : undefined;
    return { ...at('training.learning_rate', rate), ...at('runner.backend', gpu) };
  }

  #blocked(): string {
    const what = isSweep(this.#draft.values) ? 'sweep' : 'run';
    if (!vscode.workspace.isTrusted) return `Starting a ${what} needs a trusted workspace.`;
    if (runsFolderFor(this.#draft.paths('dataset')[0] ?? '') === undefined) return 'Runs are stored in the open folder. Open one first.';
    if (this.#runnerFault !== '') return this.#runnerFault;
    if (this.#starting) return this.#downloads.isRunning ? `The ${what} starts once everything is downloaded.` : `The ${what} is starting.`;
    if (this.#downloads.isRunning) return `What the ${what} needs is being downloaded.`;
    if (this.#draft.forecast.kind === 'failed') return 'The plan cannot be made.';
    return isSweep(this.#draft.values) ? this.#sweepBlocked() : '';
  }

  #sweepBlocked(): string {
    const { values, problems } = this.#draft;
    if (severalOptions(values).length === 0 && values['sweep.runs'] === '')
      return 'Give a setting several values: the button is beside its name.';
    // About all of it, and so about no field.
    return problems['sweep'] ?? '';
  }

  #changed(): void {
    this.context.kept.keep(this.id, this.#followed).catch((error: unknown) => this.context.problems.log(error));
    void this.#downloads.want(this.#draft.missing).catch((error: unknown) => this.context.problems.log(error));
    this.#sendState();
  }

  async #start(): Promise<void> {
    await this.#starts(async () => {
      // As it is now: what was downloaded may have changed it.
      const { options, model, values, chosen } = this.#draft;
      if (options === undefined || model === undefined) return false;
      const name = (values['name'] ?? '').trim();
      return this.context.starter.start({
        ...chosen,
        ...options,
        model,
        names: { dataset: this.#draft.names('dataset')[0] ?? '' },
        name: name === '' ? undefined : name,
        reportTo: values['reportTo'] ?? '',
        target: this.#targets.find((each) => each.name === values['target']),
      });
    });
  }

  async #startSweep(): Promise<void> {
    await this.#starts(async () => {
      const { values, chosen } = this.#draft;
      const { sweep } = readDraft(values);
      const config = this.#config();
      if (sweep === undefined || config === undefined) return false;
      await this.context.paths.remember(this.#draft.names('dataset')[0] ?? '', chosen.model);
      const started = await this.context.sweeps.start({
        settings: config.settings,
        file: values['sweep.config'] === '' ? undefined : values['sweep.config'],
        fileName: configName(config.values),
        dataset: chosen.dataset[0] ?? '',
        parallel: sweep.parallel,
      });
      if (started === undefined) return false;
      await runCommand('wishbone.showSweep', started.file);
      return true;
    });
  }

  /** Does what starts, unless something is wrong, with what is missing downloaded first; then the form is done. */
  async #starts(start: () => Promise<boolean>): Promise<void> {
    const { problems } = this.#draft;
    const isWrong = Object.keys(problems).length > 0;
    if (isWrong && !this.#tried) {
      this.#tried = true;
      this.#sendState();
    }
    if (isWrong || this.#blocked() !== '') return;
    this.#starting = true;
    this.#sendState();
    try {
      if (this.#draft.missing.length > 0 && !(await this.#download())) return;
      if (Object.keys(this.#draft.problems).length > 0) return;
      if (await start()) this.page.panel.dispose();
    } finally {
      this.#starting = false;
      this.#sendState();
    }
  }

  /** Writes the form as a run config, to a file the user chooses. */
  async #saveConfig(): Promise<void> {
    const config = this.#config();
    if (config === undefined) {
      const [[field, what] = ['', '']] = Object.entries(readDraft(this.#draft.values).problems);
      throw new WishboneError('the form has an invalid field, so it cannot be saved as a config', field, what, ExitCode.usage);
    }
    const [dataset] = this.#draft.names('dataset').filter((name) => path.isAbsolute(name));
    const begin = firstFolder() ?? (dataset === undefined ? homeFolder() : path.dirname(dataset));
    await saveAs(begin, configName(config.values), CONFIG_FILTERS, (file) => {
      checkConfigName(file);
      return Buffer.from(configText(config.settings, path.dirname(file)));
    });
  }

  /** The form as a run config, with the texts that it is made of; undefined while an option is invalid. */
  #config(): { readonly settings: ConfigSettings; readonly values: Values } | undefined {
    const { namedOptions: options, values: texts } = this.#draft;
    if (options === undefined) return undefined;
    const named = Object.fromEntries(PATH_FIELDS.map((field) => [field, this.#draft.name(field)]));
    const values: Values = { ...texts, ...named };
    const block = readDraft(texts).sweep?.block;
    return { values, settings: configSettings(values, options, this.#preset, this.#own.rate, block) };
  }

  #sendState(): void {
    const state = this.#state();
    if (!this.page.isClosed) this.page.panel.title = state.title;
    this.#send({ type: 'state', state });
  }

  #sendForecast(): void {
    this.#send({ type: 'forecast', forecast: forecastView(this.#draft.forecast, vscode.workspace.isTrusted) });
  }

  #downloaded(): void {
    this.#sendDownloads();
    if (this.#wasDownloading === this.#downloads.isRunning) return;
    this.#wasDownloading = this.#downloads.isRunning;
    this.#sendState();
  }

  #sendDownloads(): void {
    this.#send({ type: 'downloads', downloads: this.#downloads.view });
  }

  #send(message: LaunchHostMessage): void {
    void this.page.send(message);
  }
}

import { randomUUID } from 'node:crypto';
import { homedir } from 'node:os';
import path from 'node:path';

import * as vscode from 'vscode';

import { checkConfigName, configText } from '../../../core/config-file/index.js';
import { stateOfBackends } from '../../../core/cuda-library/index.js';
import { ExitCode, WishboneError } from '../../../core/errors.js';
import { Forecaster, type ForecastState } from '../../../core/forecast/index.js';
import type { ModelInfo } from '../../../core/model/index.js';
import { PRESETS, presetById } from '../../../core/options/index.js';
import { type FormState, type LaunchHostMessage, type LaunchPageMessage, readLaunchPageMessage } from '../../../protocol/launch.js';
import { loadPage } from '../page.js';
import { saveAs } from '../save-as.js';
import { CONFIG_FILTERS } from '../../run-config/choose-config.js';
import { manageTrust } from '../../trust.js';
import { configName, configSettings } from './config-settings.js';
import { idleFields, pathLines, readDraft, resolvePath, type Values } from '../../draft/read-draft.js';
import { formSections } from '../../draft/fields.js';
import { changedOptions, choosePreset, fitted, follow, type Followed, rateNote, rateWarning } from '../../draft/following.js';
import { countedText } from '../../views/dataset-text.js';
import { forecastView } from './forecast-view.js';
import type { Launcher } from './launcher.js';
import { isPathField, lookAt, type Looked, PATH_FIELDS, type PathField, pathKind } from '../../draft/look-at.js';

/** Files of a dataset that are read and checked for its note. */
const MOST_COUNTED = 8;

/** What a form begins from. */
export type FormStart = Followed;

/** A text of a field, where there is one. */
const at = (field: string, text: string | undefined): Record<string, string> => (text === undefined ? {} : { [field]: text });

/** One launch form: a draft of a run, checked while it is changed, forecast, and started. */
export class LaunchForm implements vscode.Disposable {
  readonly #disposables: vscode.Disposable[] = [];
  readonly #forecaster: Forecaster;
  #values: Values;
  #preset: string;
  #own: FormStart['own'];
  /** Fields that somebody has changed here. */
  readonly #touched = new Set<string>();
  /** A start was tried: from then on what is missing is a fault. */
  #tried = false;
  #looked: Partial<Record<PathField, Looked>> = {};
  #forecast: ForecastState = { kind: 'none' };
  #runnerFault = '';
  /** What keeps the GPU from being used though it is there; empty when nothing does. */
  #gpuFault = '';
  #ready = false;
  #starting = false;
  #disposed = false;

  constructor(
    readonly panel: vscode.WebviewPanel,
    readonly launcher: Launcher,
    start: FormStart,
    /** Under which it is found again after a reload of the window. */
    readonly id: string = randomUUID(),
  ) {
    this.#values = start.values;
    this.#preset = start.preset;
    this.#own = start.own;
    this.#forecaster = new Forecaster(launcher.forecastMeans(), (state) => this.#setForecast(state));
    this.#disposables.push(
      panel.webview.onDidReceiveMessage((message: unknown) => this.#receive(message)),
      panel.onDidChangeViewState(() => {
        if (!panel.visible) this.#ready = false;
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#changed()),
      launcher.onDidChangeRunner(() => void this.#sendAll().then(() => this.#changed())),
      vscode.workspace.onDidSaveTextDocument(({ uri }) => {
        if (!PATH_FIELDS.some((field) => this.#looked[field]?.files?.includes(uri.fsPath))) return;
        this.#forecaster.forget();
        this.#looked = {};
        void this.#lookAll();
      }),
    );
    panel.title = 'Launch Run';
    loadPage(panel, launcher.extensionUri, 'launch', panel.title);
    void this.#lookAll();
  }

  dispose(): void {
    this.#disposed = true;
    for (const disposable of this.#disposables.splice(0)) disposable.dispose();
    this.#forecaster.dispose().catch((error: unknown) => this.launcher.problems.log(error));
  }

  #receive(value: unknown): void {
    const message = readLaunchPageMessage(value);
    if (message === undefined) return;
    this.#answer(message).catch((error: unknown) => void this.launcher.problems.show(error));
  }

  async #answer(message: LaunchPageMessage): Promise<void> {
    switch (message.type) {
      case 'ready':
        return this.#sendAll();
      case 'set':
        return this.#typed(message.field, message.value);
      case 'choose':
        return this.#choose(message.field, message.index);
      case 'preset':
        return this.#usePreset(message.id);
      case 'start':
        return this.#start();
      case 'save-config':
        return this.#saveConfig();
      case 'open-fault':
        if (this.#forecast.kind === 'failed') await this.launcher.problems.open(this.#forecast.error);
        return;
      case 'manage-trust':
        return manageTrust();
    }
  }

  async #sendAll(): Promise<void> {
    const backends = await this.launcher.backends();
    this.#runnerFault = await this.launcher.runnerFault();
    const gpu = stateOfBackends(backends);
    this.#gpuFault = gpu.kind === 'library' ? gpu.problem : '';
    this.#ready = this.panel.visible;
    const presets = PRESETS.map(({ id, label, description }) => ({ id, label, description }));
    const form = { title: this.panel.title, presets, sections: formSections(backends) };
    this.#send({ type: 'form', id: this.id, form, values: this.#values });
    this.#sendState();
    this.#sendForecast();
  }

  async #typed(field: string, value: string): Promise<void> {
    this.#touched.add(field);
    if (field === 'training.learning_rate') this.#own = { ...this.#own, rate: true };
    await this.#set({ [field]: value });
  }

  async #set(values: Values): Promise<void> {
    const known = Object.fromEntries(Object.entries(values).filter(([field]) => field in this.#values));
    this.#values = { ...this.#values, ...known };
    this.#suit();
    const paths = PATH_FIELDS.filter((field) => field in known);
    this.#changed();
    for (const field of paths) await this.#look(field);
  }

  async #choose(field: string, index: number): Promise<void> {
    if (!isPathField(field)) return;
    const chosen = await this.launcher.choosePath(pathKind(field));
    if (chosen === undefined) return;
    const lines = (this.#values[field] ?? '').split('\n');
    if (index < lines.length) lines[index] = chosen;
    const value = lines.join('\n');
    await this.#typed(field, value);
    this.#send({ type: 'values', values: { [field]: value } });
  }

  async #usePreset(id: string): Promise<void> {
    const preset = presetById(id);
    if (preset === undefined) return;
    this.#take(choosePreset(this.#followed, preset, this.#model, this.launcher.defaultRunner));
    this.#changed();
  }

  /** Has what nobody has decided follow the model. */
  #suit(): void {
    this.#take(follow(this.#followed, this.#model, this.launcher.defaultRunner));
  }

  #take({ values, preset, own }: Followed): void {
    const other = Object.entries(values).filter(([field, value]) => this.#values[field] !== value);
    [this.#values, this.#preset, this.#own] = [values, preset, own];
    if (other.length > 0) this.#send({ type: 'values', values: Object.fromEntries(other) });
  }

  get #followed(): Followed {
    return { values: this.#values, preset: this.#preset, own: this.#own };
  }

  /** Once it was looked at. */
  get #model(): ModelInfo | undefined {
    return this.#looked.model?.model;
  }

  /** What a field names, of a dataset one a line; empty for nothing. */
  #path(field: PathField): string {
    return this.#paths(field).join('\n');
  }

  #paths(field: PathField): string[] {
    const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file')?.uri.fsPath;
    return pathLines(this.#values[field] ?? '').map((line) => resolvePath(line, folder, homedir()));
  }

  async #lookAll(): Promise<void> {
    for (const field of PATH_FIELDS) await this.#look(field);
    this.#changed();
  }

  async #look(field: PathField): Promise<void> {
    const file = this.#path(field);
    if (this.#looked[field]?.path === file) return;
    const looked = await lookAt(field, file);
    // Typed on meanwhile.
    if (this.#disposed || this.#path(field) !== file) return;
    this.#looked = { ...this.#looked, [field]: looked };
    void this.#count(field, looked).catch((error: unknown) => this.launcher.problems.log(error));
    if (field === 'model') {
      this.#suit();
      if (this.#preset !== '') this.#take({ ...this.#followed, values: fitted(this.#values, this.#model) });
    }
    this.#changed();
  }

  /** Adds to the note of a dataset what the editor and the Datasets view say of its files. */
  async #count(field: PathField, looked: Looked): Promise<void> {
    const { files, problem, note } = looked;
    if (pathKind(field) !== 'dataset' || files === undefined || problem !== undefined || files.length > MOST_COUNTED) return;
    const found = await Promise.all(files.map((file) => this.launcher.summaries.of(file)));
    const counted = countedText(found);
    if (counted === undefined || this.#disposed || this.#looked[field] !== looked) return;
    this.#looked = { ...this.#looked, [field]: { ...looked, note: note === undefined ? counted : `${note} · ${counted}` } };
    this.#sendState();
  }

  /** What is wrong, by field. A path that was not looked at yet is not wrong yet. */
  #problems(): Record<string, string> {
    const problems: Record<string, string> = { ...readDraft(this.#values).problems };
    for (const field of ['dataset', 'model'] as const) {
      if (this.#path(field) === '') problems[field] = `Choose a ${field === 'model' ? 'model folder' : 'preference file'}`;
    }
    for (const field of PATH_FIELDS) {
      const looked = this.#looked[field];
      if (looked?.problem !== undefined && looked.path === this.#path(field)) problems[field] = looked.problem;
    }
    return problems;
  }

  #state(): FormState {
    const problems = this.#problems();
    const changed = changedOptions(this.#followed, this.#model, this.launcher.defaultRunner);
    const notes = Object.fromEntries(
      PATH_FIELDS.flatMap((field) => {
        const { note, path: looked } = this.#looked[field] ?? {};
        return note === undefined || looked !== this.#path(field) ? [] : [[field, note]];
      }),
    );
    return {
      problems,
      quiet: this.#tried ? [] : PATH_FIELDS.filter((field) => problems[field] !== undefined && !this.#touched.has(field)),
      warnings: this.#warnings(problems),
      notes: { ...notes, ...at('training.learning_rate', rateNote(this.#followed, this.#model)) },
      hidden: idleFields(this.#values).filter((field) => !changed.includes(field) && problems[field] === undefined),
      changed,
      preset: this.#preset,
      blocked: this.#blocked(),
      trusted: vscode.workspace.isTrusted,
      starting: this.#starting,
    };
  }

  #warnings(problems: Readonly<Record<string, string>>): Record<string, string> {
    const rate = problems['training.learning_rate'] === undefined ? rateWarning(this.#values, this.#model) : undefined;
    const missed = this.#gpuFault !== '' && this.#values['runner.backend'] !== 'cpu';
    const gpu = missed ? `The GPU cannot be used yet: ${this.#gpuFault}. Run Wishbone: Set Up GPU…` : undefined;
    return { ...at('training.learning_rate', rate), ...at('runner.backend', gpu) };
  }

  #blocked(): string {
    if (!vscode.workspace.isTrusted) return 'Starting a run needs a trusted workspace.';
    if (this.launcher.runsFolderFor(this.#paths('dataset')[0] ?? '') === undefined) return 'Runs are stored in the open folder. Open one first.';
    if (this.#runnerFault !== '') return this.#runnerFault;
    if (this.#starting) return 'The run is starting.';
    if (this.#forecast.kind === 'failed') return 'The plan cannot be made.';
    return '';
  }

  /** After every change: says what it means, and forecasts anew. */
  #changed(): void {
    if (this.#disposed) return;
    this.launcher.keptForms
      .keep(this.id, { values: this.#values, preset: this.#preset, own: this.#own })
      .catch((error: unknown) => this.launcher.problems.log(error));
    this.#sendState();
    const { options, problems } = { ...readDraft(this.#values), problems: this.#problems() };
    // Only what has been looked at and found good is planned.
    const looked = PATH_FIELDS.every((field) => this.#looked[field]?.path === this.#path(field));
    if (options === undefined || !looked || Object.keys(problems).length > 0) return this.#forecaster.update(undefined);
    this.#forecaster.update({ ...this.#chosen(), ...options });
  }

  #chosen(): { dataset: string[]; evalDataset: string[] | undefined; model: string } {
    const evalDataset = this.#paths('evalDataset');
    return {
      dataset: this.#paths('dataset'),
      evalDataset: evalDataset.length === 0 ? undefined : evalDataset,
      model: this.#path('model'),
    };
  }

  #setForecast(state: ForecastState): void {
    if (this.#disposed) return;
    this.#forecast = state;
    this.#sendState();
    this.#sendForecast();
  }

  async #start(): Promise<void> {
    const { options } = readDraft(this.#values);
    const model = this.#looked.model?.model;
    const isWrong = Object.keys(this.#problems()).length > 0;
    if (isWrong && !this.#tried) {
      this.#tried = true;
      this.#sendState();
    }
    if (options === undefined || model === undefined || isWrong || this.#blocked() !== '') return;
    this.#starting = true;
    this.#sendState();
    try {
      const name = (this.#values['name'] ?? '').trim();
      const started = await this.launcher.start({ ...this.#chosen(), ...options, model, name: name === '' ? undefined : name });
      if (started) this.panel.dispose();
    } finally {
      this.#starting = false;
      if (!this.#disposed) this.#sendState();
    }
  }

  /** Writes the form as a run config, where somebody says. */
  async #saveConfig(): Promise<void> {
    const { options, problems } = readDraft(this.#values);
    if (options === undefined) {
      const [[field, what] = ['', '']] = Object.entries(problems);
      throw new WishboneError('the form has an invalid field, so it cannot be saved as a config', field, what, ExitCode.usage);
    }
    const { dataset, evalDataset = [], model } = this.#chosen();
    const values = { ...this.#values, dataset: dataset.join('\n'), evalDataset: evalDataset.join('\n'), model };
    const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file')?.uri.fsPath;
    const begin = folder ?? (dataset[0] === undefined ? homedir() : path.dirname(dataset[0]));
    const settings = configSettings(values, options, this.#preset, this.#own.rate);
    await saveAs(begin, configName(values), CONFIG_FILTERS, (file) => {
      checkConfigName(file);
      return Buffer.from(configText(settings, path.dirname(file)));
    });
  }

  #sendState(): void {
    this.#send({ type: 'state', state: this.#state() });
  }

  #sendForecast(): void {
    this.#send({ type: 'forecast', forecast: forecastView(this.#forecast, vscode.workspace.isTrusted) });
  }

  #send(message: LaunchHostMessage): void {
    if (this.#ready && !this.#disposed) void this.panel.webview.postMessage(message);
  }
}

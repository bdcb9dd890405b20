import { homedir } from 'node:os';
import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../../core/errors.js';
import { Forecaster, type ForecastState } from '../../../core/forecast/index.js';
import type { Progress } from '../../../core/work/progress.js';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING } from '../../../core/options/index.js';
import { locateRunner } from '../../../core/runner/index.js';
import {
  listSpeedups,
  saveSpeedup,
  speedupRecord,
  type SpeedupRequest,
  SPEEDUPS_FOLDER,
  type StoredSpeedup,
} from '../../../core/speedup/index.js';
import { runTask } from '../../../core/tasks/index.js';
import { sentence } from '../../../format.js';
import type { FieldSpec } from '../../../protocol/form.js';
import {
  type PredictionView,
  readSpeedupPageMessage,
  type SpeedupHostMessage,
  type SpeedupPageMessage,
  type SpeedupState,
} from '../../../protocol/speedup.js';
import { type LaunchOptions, optionTexts, readDraft, resolvePath, type Values } from '../../draft/read-draft.js';
import { formSections } from '../../draft/fields.js';
import type { Launcher } from '../launch/launcher.js';
import { isPathField, lookAt, type Looked, pathKind } from '../../draft/look-at.js';
import { reach } from '../../milestones.js';
import { loadPage } from '../page.js';
import { fileName, saveAs } from '../save-as.js';
import { progressText } from '../../plan-progress-text.js';
import type { RunStore } from '../../runs/run-store.js';
import { manageTrust } from '../../trust.js';
import { measurementOf } from './measurement.js';

/** What can be decided, in the panel's order; the same fields as in the launch form. */
const FIELDS = ['dataset', 'model', 'plan.sharing', 'pairs', 'rounds', 'runner.backend'];
const MORE = ['plan.capacity', 'plan.batch_size', 'plan.max_length', 'plan.seed', 'plan.format', 'runner.threads', 'runner.device'];
const OWN: readonly FieldSpec[] = [
  { id: 'pairs', label: 'Pairs', help: 'How many pairs from the start of the dataset; empty: all', kind: 'text', choices: [], more: false },
  { id: 'rounds', label: 'Rounds', help: 'How often every step of both plans is measured', kind: 'number', choices: [], more: false },
];
const PATHS = ['dataset', 'model'] as const;
const MOST_ROUNDS = 1000;

/** One speedup panel: what sharing is predicted to save, and what it saves when it is measured here. */
export class SpeedupPanel implements vscode.Disposable {
  readonly #disposables: vscode.Disposable[] = [];
  readonly #forecaster: Forecaster;
  #values: Values;
  #looked: Partial<Record<(typeof PATHS)[number], Looked>> = {};
  #forecast: ForecastState = { kind: 'none' };
  #measuring: AbortController | undefined;
  #progress: SpeedupState['progress'] = null;
  #fault = '';
  #runnerFault = '';
  #shown: string | null = null;
  #ready = false;
  #disposed = false;

  constructor(
    readonly panel: vscode.WebviewPanel,
    readonly launcher: Launcher,
    readonly store: RunStore,
    begin: Values,
  ) {
    this.#values = { ...beginning(), ...begin };
    const means = { ...launcher.forecastMeans(), mayAskRunner: () => false };
    this.#forecaster = new Forecaster(means, (state) => {
      this.#forecast = state;
      this.#send({ type: 'prediction', prediction: predictionView(state) });
    });
    this.#disposables.push(
      panel.webview.onDidReceiveMessage((message: unknown) => this.#receive(message)),
      panel.onDidChangeViewState(() => {
        if (!panel.visible) this.#ready = false;
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#sendState()),
      launcher.onDidChangeRunner(() => void this.#sendAll()),
      store.onDidChange(({ change }) => {
        if (change.previous !== undefined) this.#sendState();
      }),
    );
    panel.title = 'Speedup';
    loadPage(panel, launcher.extensionUri, 'speedup', panel.title);
    void this.#lookAll();
  }

  dispose(): void {
    this.#disposed = true;
    this.#measuring?.abort();
    for (const disposable of this.#disposables.splice(0)) disposable.dispose();
    this.#forecaster.dispose().catch((error: unknown) => this.launcher.problems.log(error));
  }

  #receive(value: unknown): void {
    const message = readSpeedupPageMessage(value);
    if (message === undefined) return;
    this.#answer(message).catch((error: unknown) => void this.launcher.problems.show(error));
  }

  async #answer(message: SpeedupPageMessage): Promise<void> {
    switch (message.type) {
      case 'ready':
        return this.#sendAll();
      case 'set':
        return this.#set(message.field, message.value);
      case 'choose': {
        if (!isPathField(message.field)) return;
        const chosen = await this.launcher.choosePath(pathKind(message.field));
        if (chosen === undefined) return;
        await this.#set(message.field, chosen);
        return this.#send({ type: 'values', values: { [message.field]: chosen } });
      }
      case 'measure':
        return this.#measure();
      case 'cancel':
        return this.#measuring?.abort();
      case 'manage-trust':
        return manageTrust();
      case 'save-image': {
        const folder = path.dirname(this.#path('dataset'));
        return saveAs(folder, `${fileName(message.name)}.png`, { 'PNG picture': ['png'] }, () => message.png);
      }
    }
  }

  async #sendAll(): Promise<void> {
    const backends = await this.launcher.backends();
    this.#runnerFault = await this.launcher.runnerFault();
    this.#ready = this.panel.visible;
    const known = [...formSections(backends).flatMap(({ fields }) => fields), ...OWN];
    const fields = [...FIELDS, ...MORE].map((id) => {
      const field = known.find((each) => each.id === id)!;
      const choices = id === 'plan.sharing' ? field.choices.filter(({ value }) => value !== 'none') : field.choices;
      return { ...field, choices, more: MORE.includes(id) };
    });
    this.#send({ type: 'form', fields, values: this.#values });
    this.#sendState();
    this.#send({ type: 'prediction', prediction: predictionView(this.#forecast) });
    await this.#sendHistory();
  }

  async #set(field: string, value: string): Promise<void> {
    if (!(field in this.#values)) return;
    this.#values = { ...this.#values, [field]: value };
    this.#changed();
    if (field === 'dataset' || field === 'model') await this.#look(field);
  }

  #path(field: (typeof PATHS)[number]): string {
    const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file')?.uri.fsPath;
    return resolvePath(this.#values[field] ?? '', folder, homedir());
  }

  async #lookAll(): Promise<void> {
    for (const field of PATHS) await this.#look(field);
    this.#changed();
  }

  async #look(field: (typeof PATHS)[number]): Promise<void> {
    const file = this.#path(field);
    if (this.#looked[field]?.path === file) return;
    const looked = await lookAt(field, file);
    if (this.#disposed || this.#path(field) !== file) return;
    this.#looked = { ...this.#looked, [field]: looked };
    this.#changed();
    await this.#sendHistory();
  }

  #read(): { options: LaunchOptions | undefined; pairs: number | undefined; rounds: number; problems: Record<string, string> } {
    const { options, problems: found } = readDraft(this.#values);
    const problems: Record<string, string> = { ...found };
    for (const field of PATHS) {
      const looked = this.#looked[field];
      const what = field === 'model' ? 'model folder' : 'preference file';
      if (this.#path(field) === '') problems[field] = `Choose a ${what}`;
      else if (looked?.problem !== undefined && looked.path === this.#path(field)) problems[field] = looked.problem;
    }
    const pairs = (this.#values['pairs'] ?? '').trim();
    if (pairs !== '' && !isCount(pairs)) problems['pairs'] = 'Expected a whole number above 0, or nothing for all';
    const rounds = (this.#values['rounds'] ?? '').trim();
    if (!isCount(rounds) || Number(rounds) > MOST_ROUNDS) problems['rounds'] = `Expected a whole number from 1 to ${MOST_ROUNDS}`;
    return { options, pairs: pairs === '' ? undefined : Number(pairs), rounds: Number(rounds), problems };
  }

  #state(): SpeedupState {
    const { problems } = this.#read();
    const notes = Object.fromEntries(
      PATHS.flatMap((field) => {
        const looked = this.#looked[field];
        return looked?.note === undefined || looked.path !== this.#path(field) ? [] : [[field, looked.note]];
      }),
    );
    const trusted = vscode.workspace.isTrusted;
    return { problems, notes, blocked: this.#blocked(problems), trusted, progress: this.#progress, fault: this.#fault };
  }

  #blocked(problems: Readonly<Record<string, string>>): string {
    if (!vscode.workspace.isTrusted) return 'Measuring starts the runner, which needs a trusted workspace.';
    if (this.#folder === undefined) return 'Measurements are stored in the open folder. Open one first.';
    if (this.#runnerFault !== '') return this.#runnerFault;
    const count = Object.keys(problems).length;
    if (count > 0) return count === 1 ? 'One field needs a different value.' : `${count} fields need a different value.`;
    if (this.store.active.length > 0) return 'A run is active on this machine; times measured now would mean little.';
    return '';
  }

  get #folder(): string | undefined {
    const runs = this.launcher.runsFolderFor(this.#path('dataset'));
    return runs === undefined ? undefined : path.join(path.dirname(path.dirname(runs)), SPEEDUPS_FOLDER);
  }

  #changed(): void {
    if (this.#disposed) return;
    this.#sendState();
    const { options, problems } = this.#read();
    const looked = PATHS.every((field) => this.#looked[field]?.path === this.#path(field));
    if (options === undefined || !looked || Object.keys(problems).length > 0) return this.#forecaster.update(undefined);
    this.#forecaster.update({ dataset: this.#path('dataset'), model: this.#path('model'), ...options });
  }

  async #measure(): Promise<void> {
    const { options, pairs, rounds, problems } = this.#read();
    const folder = this.#folder;
    if (this.#measuring !== undefined || options === undefined || folder === undefined || this.#blocked(problems) !== '') return;
    const abort = (this.#measuring = new AbortController());
    this.#fault = '';
    this.#show({ phase: 'tokenise', done: 0, total: 0 }, undefined);
    let begun: number | undefined;
    try {
      const request: SpeedupRequest = {
        dataset: this.#path('dataset'),
        model: this.#path('model'),
        plan: options.plan,
        pairs,
        rounds,
        runner: options.runner,
        program: await locateRunner(),
      };
      const result = await runTask('speedup', request, {
        signal: abort.signal,
        onProgress: (progress) => {
          if (progress.phase === 'measure') begun ??= Date.now();
          this.#show(progress, begun);
        },
      });
      const stored = await saveSpeedup(folder, speedupRecord(request, result));
      this.#shown = stored.id;
      reach('speedupMeasured');
    } catch (error) {
      if (!abort.signal.aborted) {
        if (!(error instanceof WishboneError)) throw error;
        this.launcher.problems.log(error);
        this.#fault = `${sentence(error.what)} (${error.where}). ${sentence(error.advice)}.`;
      }
    } finally {
      this.#measuring = undefined;
      this.#progress = null;
      this.#sendState();
      await this.#sendHistory();
    }
  }

  #show(progress: Progress, begun: number | undefined): void {
    const { phase, done, total } = progress;
    const fraction = total > 0 ? done / total : -1;
    // The first step pays for what the others find ready; after a few the pace is known.
    const secondsLeft = begun === undefined || done < 2 ? null : ((Date.now() - begun) / 1000 / (done - 1)) * (total - done);
    const text = phase === 'measure' ? `Measuring: ${done} of ${total} steps of both plans` : progressText(progress);
    this.#progress = { text, fraction: phase === 'measure' ? fraction : -1, secondsLeft };
    this.#sendState();
  }

  async #sendHistory(): Promise<void> {
    if (!this.#ready || this.#folder === undefined) return;
    const stored = await listSpeedups(this.#folder);
    const [dataset, model] = [this.#path('dataset'), this.#path('model')];
    // Of what is chosen; of anything while nothing is.
    const fits = ({ record }: StoredSpeedup): boolean =>
      (dataset === '' || record.dataset.path === dataset) && (model === '' || record.model.path === model);
    this.#send({ type: 'history', history: stored.filter(fits).map(measurementOf), shown: this.#shown });
  }

  #sendState(): void {
    this.#send({ type: 'state', state: this.#state() });
  }

  #send(message: SpeedupHostMessage): void {
    if (this.#ready && !this.#disposed) void this.panel.webview.postMessage(message);
  }
}

function beginning(): Values {
  const options = { plan: DEFAULT_PLAN, training: DEFAULT_TRAINING, runner: DEFAULT_RUNNER };
  return { ...optionTexts(options), dataset: '', model: '', evalDataset: '', pairs: '', rounds: '3' };
}

function isCount(text: string): boolean {
  return /^\d{1,9}$/.test(text) && Number(text) > 0;
}

function predictionView(state: ForecastState): PredictionView {
  switch (state.kind) {
    case 'none':
      return { kind: 'none' };
    case 'working':
      return { kind: 'working', text: state.progress === undefined ? 'Planning' : progressText(state.progress) };
    case 'failed': {
      const { error } = state;
      if (error instanceof WishboneError) {
        return { kind: 'failed', what: sentence(error.what), where: error.where, advice: `${sentence(error.advice)}.` };
      }
      return { kind: 'failed', what: `Internal error in Wishbone: ${String(error)}`, where: '', advice: '' };
    }
    case 'done': {
      const { summary, speedup } = state.plan;
      const { planTokens, naiveTokens, flopsRatio } = summary;
      return { kind: 'done', prediction: { tokens: { shared: planTokens, naive: naiveTokens }, flopsRatio, ratio: speedup.packed } };
    }
  }
}

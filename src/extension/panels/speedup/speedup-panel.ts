import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../../core/errors.js';
import { type ForecastMeans, suitedCapacity } from '../../../core/forecast/index.js';
import type { Progress } from '../../../core/work/progress.js';
import { type BackendInfo, locateRunner } from '../../../core/runner/index.js';
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
import {
  readSpeedupPageMessage,
  readSpeedupPageState,
  type SpeedupHostMessage,
  type SpeedupPageMessage,
  type SpeedupPageState,
  type SpeedupState,
} from '../../../protocol/speedup.js';
import { isPathField, type PathField, pathKind } from '../../draft/look-at.js';
import type { Values } from '../../draft/read-draft.js';
import { RunDraft } from '../../draft/run-draft.js';
import { reach } from '../../milestones.js';
import type { PathChooser } from '../../paths/path-chooser.js';
import { progressText } from '../../plan-progress-text.js';
import type { Runner } from '../../runner/runner.js';
import type { RunStore } from '../../runs/run-store.js';
import { manageTrust } from '../../trust.js';
import { folderOf } from '../../workspace.js';
import type { Asked, Page, PanelKind } from '../page.js';
import type { PanelContext } from '../panels.js';
import { fileName, saveAs } from '../save-as.js';
import { extentOf, extentProblems, initialValues, speedupFields } from './extent.js';
import { measurementOf } from './measurement.js';
import { predictionView } from './prediction-view.js';

export const SPEEDUP: PanelKind<SpeedupPageMessage, SpeedupPageState> = {
  name: 'speedup',
  title: 'Speedup',
  readMessage: readSpeedupPageMessage,
  readState: readSpeedupPageState,
};

/** What the panels of one window share. */
export interface SpeedupContext extends PanelContext {
  readonly runner: Runner;
  readonly paths: PathChooser;
  readonly means: ForecastMeans;
  readonly store: RunStore;
}

const PATHS = ['dataset', 'model'] as const satisfies readonly PathField[];

/** One speedup panel: what sharing is predicted to save, and what it saves when measured on this machine. */
export class SpeedupPanel implements vscode.Disposable {
  readonly #subscriptions: vscode.Disposable;
  readonly #draft: RunDraft;
  /** Fields that somebody has changed. */
  readonly #touched = new Set<string>();
  #backends: readonly BackendInfo[] = [];
  #measuring: AbortController | undefined;
  #progress: SpeedupState['progress'] = null;
  #fault = '';
  #runnerFault = '';
  #shown: string | null = null;

  constructor(
    readonly page: Page<SpeedupHostMessage, SpeedupPageMessage>,
    readonly context: SpeedupContext,
    begin: Values,
  ) {
    this.#draft = new RunDraft({
      values: { ...initialValues(), ...begin },
      paths: PATHS,
      means: { ...context.means, mayAskRunner: () => false },
      rules: () => this.#ownProblems(),
      onLooked: () => void this.#sendHistory(),
      onChange: () => this.#sendState(),
      onForecast: () => this.#sendPrediction(),
      onError: (error) => context.problems.log(error),
    });
    this.#subscriptions = vscode.Disposable.from(
      this.#draft,
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#sendState()),
      context.runner.onDidChange(async () => {
        await this.#askRunner();
        await this.#sendAll();
      }),
      context.store.onDidChange(({ change }) => {
        if (change.previous !== undefined) this.#sendState();
      }),
    );
    page.listen({
      prepare: () => this.#askRunner(),
      show: () => this.#sendAll(),
      answer: (message) => this.#answer(message),
    });
    void this.#draft.look();
  }

  dispose(): void {
    this.#measuring?.abort();
    this.#subscriptions.dispose();
    this.page.dispose();
  }

  async #answer(message: Asked<SpeedupPageMessage>): Promise<void> {
    switch (message.type) {
      case 'set':
        this.#touched.add(message.field);
        return this.#draft.set({ [message.field]: message.value });
      case 'choose': {
        if (!isPathField(message.field)) return;
        const chosen = await this.context.paths.choose(pathKind(message.field));
        if (chosen === undefined) return;
        await this.#draft.set({ [message.field]: chosen });
        return this.#send({ type: 'values', values: { [message.field]: chosen } });
      }
      case 'measure':
        return this.#measure();
      case 'cancel':
        return this.#measuring?.abort();
      case 'manage-trust':
        return manageTrust();
      case 'save-image': {
        const folder = path.dirname(this.#draft.path('dataset'));
        return saveAs(folder, `${fileName(message.name)}.png`, { 'PNG picture': ['png'] }, () => message.png);
      }
    }
  }

  async #askRunner(): Promise<void> {
    this.#backends = await this.context.runner.backends();
    this.#runnerFault = await this.context.runner.fault();
  }

  async #sendAll(): Promise<void> {
    this.#send({ type: 'form', fields: speedupFields(this.#backends), values: this.#draft.values });
    this.#sendState();
    this.#sendPrediction();
    await this.#sendHistory();
  }

  #ownProblems(): Record<string, string> {
    const several = this.#draft.paths('dataset').length > 1;
    return { ...extentProblems(this.#draft.values), ...(several && { dataset: 'Choose one file' }) };
  }

  #state(): SpeedupState {
    const { problems, notes } = this.#draft;
    const trusted = vscode.workspace.isTrusted;
    const quiet = PATHS.filter((field) => this.#draft.values[field] === '' && !this.#touched.has(field));
    return { problems, quiet, notes, blocked: this.#blocked(problems), trusted, progress: this.#progress, fault: this.#fault };
  }

  #blocked(problems: Values): string {
    if (!vscode.workspace.isTrusted) return 'Measuring starts the runner, which needs a trusted workspace.';
    if (this.#folder === undefined) return 'Measurements are stored in the open folder. Open one first.';
    if (this.#runnerFault !== '') return this.#runnerFault;
    const count = Object.keys(problems).length;
    if (count > 0) return count === 1 ? 'One field needs a different value.' : `${count} fields need a different value.`;
    if (this.context.store.active.length > 0) return 'A run is active on this machine; times measured now would mean little.';
    return '';
  }

  get #folder(): string | undefined {
    const folder = folderOf(this.#draft.path('dataset'));
    return folder === undefined ? undefined : path.join(folder, SPEEDUPS_FOLDER);
  }

  async #measure(): Promise<void> {
    const { options, problems } = this.#draft;
    const folder = this.#folder;
    if (this.#measuring !== undefined || options === undefined || folder === undefined || this.#blocked(problems) !== '') return;
    const abort = (this.#measuring = new AbortController());
    this.#fault = '';
    this.#show({ phase: 'tokenise', done: 0, total: 0 }, undefined);
    let begun: number | undefined;
    try {
      const request: SpeedupRequest = {
        dataset: this.#draft.path('dataset'),
        model: this.#draft.path('model'),
        plan: options.plan,
        autoCapacity: options.plan.capacity === 'auto' ? await suitedCapacity({ model: this.#draft.path('model'), ...options }) : undefined,
        ...extentOf(this.#draft.values),
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
        this.context.problems.log(error);
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
    // The first step includes warm-up; after a few steps the pace is known.
    const secondsLeft = begun === undefined || done < 2 ? null : ((Date.now() - begun) / 1000 / (done - 1)) * (total - done);
    const text = phase === 'measure' ? `Measuring: ${done} of ${total} steps of both plans` : progressText(progress);
    this.#progress = { text, fraction: phase === 'measure' ? fraction : -1, secondsLeft };
    this.#sendState();
  }

  async #sendHistory(): Promise<void> {
    if (!this.page.isReady || this.#folder === undefined) return;
    const stored = await listSpeedups(this.#folder);
    const [dataset, model] = [this.#draft.path('dataset'), this.#draft.path('model')];
    // Only measurements of the chosen dataset and model; all of them while nothing is chosen.
    const fits = ({ record }: StoredSpeedup): boolean =>
      (dataset === '' || record.dataset.path === dataset) && (model === '' || record.model.path === model);
    this.#send({ type: 'history', history: stored.filter(fits).map(measurementOf), shown: this.#shown });
  }

  #sendPrediction(): void {
    this.#send({ type: 'prediction', prediction: predictionView(this.#draft.forecast) });
  }

  #sendState(): void {
    this.#send({ type: 'state', state: this.#state() });
  }

  #send(message: SpeedupHostMessage): void {
    void this.page.send(message);
  }
}

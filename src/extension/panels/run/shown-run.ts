import * as vscode from 'vscode';

import { type KeptForecast, readForecast } from '../../../core/run/index.js';
import type { RunHostMessage, RunPageMessage } from '../../../protocol/run.js';
import type { LiveRun } from '../../runs/live-run.js';
import type { RunUse } from '../../runs/run-store.js';
import { mayRead } from '../../trust.js';
import type { Page } from '../page.js';
import { type PlanFacts, readPlanFacts } from './plan-facts.js';
import { readSamples } from './samples.js';
import { evalsOf, headerOf, overviewOf, seriesFrom, statusOf } from './view-model.js';

/** What a run shown in a panel needs to know about the panel. */
export interface RunPlace {
  readonly page: Page<RunHostMessage, RunPageMessage>;
  /** The run's place in the panel; negative once it has been removed. */
  readonly index: () => number;
  /** The run has changed. */
  readonly onChange: () => void;
}

/** A run shown in a panel: remembers what the page knows of it, and sends what is new. */
export class ShownRun implements vscode.Disposable {
  readonly #use: RunUse;
  readonly #place: RunPlace;
  readonly #subscription: vscode.Disposable;
  #facts: PlanFacts | undefined;
  #predicted: KeptForecast | undefined;
  /** First row that the page does not have in its current form. */
  #unsentFrom = 0;
  /** For a long run, the page gets an overview before it gets all rows. */
  #overview: 'to be sent' | 'under way' | 'sent' = 'to be sent';
  /** Number of rows the page has. */
  #sentRows = 0;
  #sentEvals: readonly unknown[] | undefined;
  #sentSamples: readonly unknown[] | undefined;
  /** Name, tags and notes as the page has them, as text. */
  #sentLabels = '';

  constructor(use: RunUse, place: RunPlace) {
    this.#use = use;
    this.#place = place;
    this.#subscription = new vscode.Disposable(
      use.run.onChange(({ changedFrom }) => {
        this.#unsentFrom = Math.min(this.#unsentFrom, changedFrom);
        place.onChange();
      }),
    );
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#use.dispose();
  }

  get run(): LiveRun {
    return this.#use.run;
  }

  /** Whether its plan has been looked at, as its header needs. */
  get isLookedAt(): boolean {
    return this.#facts !== undefined;
  }

  async lookAtPlan(): Promise<void> {
    // A plan is a binary file of the workspace.
    this.#facts = mayRead(this.run.folder) ? await readPlanFacts(this.run.folder) : { tokenRatio: null, problem: null };
    this.#predicted = await readForecast(this.run.folder);
  }

  sendHeader(): void {
    const run = this.#place.index();
    if (this.#facts !== undefined && run >= 0)
      this.#send({ type: 'header', run, header: headerOf(this.run, this.#facts, this.#predicted) });
  }

  sendStatus(): void {
    const run = this.#place.index();
    if (run >= 0) this.#send({ type: 'status', run, status: statusOf(this.run, vscode.workspace.isTrusted) });
  }

  /** Sends everything except the header, to a page that knows nothing. */
  async sendAll(): Promise<void> {
    this.#unsentFrom = 0;
    this.#overview = 'to be sent';
    this.#sentEvals = undefined;
    this.#sentSamples = undefined;
    this.#sentLabels = this.#labels;
    this.sendStatus();
    this.#sendRows();
    await this.#sendSamples();
  }

  /** Sends what is new. */
  async sendNews(): Promise<void> {
    this.sendStatus();
    const { history } = this.run;
    const rows = history.steps.length;
    if (this.#unsentFrom < rows || rows < this.#sentRows || history.evals !== this.#sentEvals) this.#sendRows();
    await Promise.all([this.#sendLabels(), this.#sendSamples()]);
  }

  /** Name, tags and notes are in the header. */
  async #sendLabels(): Promise<void> {
    if (this.#labels === this.#sentLabels) return;
    this.#sentLabels = this.#labels;
    await this.lookAtPlan();
    this.sendHeader();
  }

  get #labels(): string {
    const { config, tags, notes } = this.run;
    return JSON.stringify([config.name, tags, notes]);
  }

  #sendRows(): void {
    const run = this.#place.index();
    if (!this.#place.page.isReady || run < 0) return;
    const { history } = this.run;
    if (history.evals !== this.#sentEvals) {
      this.#sentEvals = history.evals;
      this.#send({ type: 'evals', run, evals: evalsOf(history) });
    }
    if (this.#overview === 'under way') return;
    const overview = this.#overview === 'to be sent' ? overviewOf(history) : undefined;
    if (overview === undefined) {
      this.#send({ type: 'series', run, update: seriesFrom(history, this.#unsentFrom) });
      this.#sentRows = history.steps.length;
      this.#unsentFrom = this.#sentRows;
      return;
    }
    // Messages sent together arrive together, so the rest waits until the overview has arrived.
    this.#overview = 'under way';
    void this.#place.page.send({ type: 'series', run, update: overview }).then(() => {
      if (this.#overview !== 'under way') return;
      this.#overview = 'sent';
      this.#sendRows();
    });
  }

  /** Only for the first run, because texts cannot be overlaid as curves can. */
  async #sendSamples(): Promise<void> {
    const { samples } = this.run.history;
    if (this.#place.index() !== 0 || samples === this.#sentSamples) return;
    this.#sentSamples = samples;
    if (samples.length === 0) return;
    const message = await readSamples(this.run);
    // A newer message may be on its way.
    if (this.#place.index() === 0 && samples === this.#sentSamples) this.#send(message);
  }

  #send(message: RunHostMessage): void {
    void this.#place.page.send(message);
  }
}

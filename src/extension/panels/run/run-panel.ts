import path from 'node:path';

import * as vscode from 'vscode';

import { configDifferences, listRuns, LOG_FILE, readLabels, repeatCommand, writeLabels } from '../../../core/run/index.js';
import { historyCsv } from '../../../core/history/index.js';
import { lastLogLines } from '../../../core/runner/index.js';
import {
  readRunPageMessage,
  readRunPageState,
  type RunHostMessage,
  type RunPageMessage,
  type RunPageRequest,
  type RunPageState,
} from '../../../protocol/run.js';
import { runCommand } from '../../run-command.js';
import { listingText } from '../../run-text.js';
import type { RunUse } from '../../runs/run-store.js';
import { manageTrust } from '../../trust.js';
import type { Asked, Page, PanelKind } from '../page.js';
import { fileName, saveAs } from '../save-as.js';
import { type PlanFacts, readPlanFacts } from './plan-facts.js';
import type { RunPanels } from './run-panels.js';
import { readSamples } from './samples.js';
import { evalsOf, exportFolder, headerOf, overviewOf, seriesFrom, statusOf } from './view-model.js';

/** Number of log lines to show. */
const LOG_LINES = 200;
const LOG_MILLISECONDS = 500;

export const RUN: PanelKind<RunPageMessage, RunPageState> = {
  name: 'run',
  title: 'Wishbone Run',
  readMessage: readRunPageMessage,
  readState: readRunPageState,
};

/** A run shown in a panel, and what the page knows of it. */
interface Shown {
  readonly use: RunUse;
  readonly subscription: vscode.Disposable;
  /** Facts about its plan, once it has been read. */
  facts: PlanFacts | undefined;
  /** First row that the page does not have in its current form. */
  unsentFrom: number;
  /** For a long run, the page gets an overview before it gets all rows. */
  overview: 'to be sent' | 'under way' | 'sent';
  /** Number of rows the page has. */
  sentRows: number;
  sentEvals: readonly unknown[] | undefined;
  sentSamples: readonly unknown[] | undefined;
  /** Name, tags and notes as the page has them, as text. */
  sentLabels: string;
}

/** One panel, with one run or several. Once its page is ready, it sends only what is new. */
export class RunPanel implements vscode.Disposable {
  readonly #trusted: vscode.Disposable;
  #shown: Shown[] = [];
  #logTimer: NodeJS.Timeout | undefined;
  #sentLog = '';
  #isPreview = false;

  constructor(
    readonly page: Page<RunHostMessage, RunPageMessage>,
    readonly panels: RunPanels,
    uses: readonly RunUse[],
    /** Names of further runs that cannot be read. */
    readonly missing: readonly string[],
    readonly reason: string,
  ) {
    this.#trusted = vscode.workspace.onDidGrantWorkspaceTrust(() => this.#shown.forEach((_, run) => this.#sendStatus(run)));
    for (const use of uses) this.#add(use);
    this.#title();
    page.listen({
      prepare: () => this.#lookAtPlans(),
      show: () => this.#sendAll(),
      answer: (message) => this.#answer(message),
      hidden: () => this.#leaveLog(),
    });
  }

  /** Whether the next run opened from the Runs view replaces this one, like a preview in the editor. */
  get isPreview(): boolean {
    return this.#isPreview;
  }

  set isPreview(isPreview: boolean) {
    this.#isPreview = isPreview;
    this.#send({ type: 'preview', preview: isPreview });
  }

  /** Shows another run instead. */
  async replace(use: RunUse): Promise<void> {
    this.#leaveLog();
    for (const shown of this.#shown.splice(0)) {
      shown.subscription.dispose();
      shown.use.dispose();
    }
    this.#add(use);
    this.#title();
    await this.#sendAnew();
  }

  get folders(): string[] {
    return this.#shown.map(({ use }) => use.run.folder);
  }

  dispose(): void {
    this.#leaveLog();
    for (const { use, subscription } of this.#shown) {
      subscription.dispose();
      use.dispose();
    }
    this.#shown = [];
    this.#trusted.dispose();
    this.page.dispose();
  }

  #add(use: RunUse): void {
    const shown: Shown = {
      use,
      subscription: new vscode.Disposable(
        use.run.onChange(({ changedFrom }) => {
          shown.unsentFrom = Math.min(shown.unsentFrom, changedFrom);
          this.#sendNews(shown);
        }),
      ),
      facts: undefined,
      unsentFrom: 0,
      overview: 'to be sent',
      sentRows: 0,
      sentEvals: undefined,
      sentSamples: undefined,
      sentLabels: '',
    };
    this.#shown.push(shown);
  }

  #title(): void {
    const [first, ...others] = this.#shown.map(({ use }) => use.run.config.name);
    this.page.panel.title =
      first === undefined ? 'Wishbone Run' : others.length === 0 ? first : `Comparison of ${others.length + 1} Runs`;
  }

  async #answer(message: Asked<RunPageMessage>): Promise<void> {
    const [first] = this.#shown;
    switch (message.type) {
      case 'launch':
        return runCommand('wishbone.launchRun');
      case 'open-run':
        return runCommand('wishbone.openRun');
      case 'manage-trust':
        return manageTrust();
      case 'add-run':
        this.isPreview = false;
        return this.#pickAnother();
      case 'remove-run':
        return this.#remove(message.run);
      case 'keep-open':
        this.isPreview = false;
        return;
      case 'set-notes':
        this.isPreview = false;
        return this.#setNotes(message.folder, message.notes);
      case 'save-image': {
        const folder = first === undefined ? undefined : path.dirname(path.dirname(path.dirname(first.use.run.folder)));
        return saveAs(folder ?? '/', `${fileName(message.name)}.png`, { 'PNG picture': ['png'] }, () => message.png);
      }
    }
    if (first !== undefined) await this.#answerFor(message.type, first.use);
  }

  async #answerFor(request: RunPageRequest, { run }: RunUse): Promise<void> {
    const { actions, store } = this.panels;
    switch (request) {
      case 'stop':
        // Just after a reload, the store may not know the run yet.
        await store.notice(run.folder);
        return actions.stop(run.folder);
      case 'resume':
        return actions.resume(run);
      case 'reveal':
        return actions.reveal(path.join(run.folder, 'run.json'));
      case 'reveal-export':
        return actions.reveal(exportFolder(run) ?? run.folder);
      case 'export-best':
        return actions.exportBest(run.folder, run.config.name);
      case 'stop-and-export-best':
        await store.notice(run.folder);
        return actions.stopAndExportBest(run);
      case 'reveal-best':
        return actions.reveal(run.best?.folder ?? run.folder);
      case 'show-log':
        return actions.showLog(run.folder);
      case 'try':
        return runCommand('wishbone.tryRun', run.folder);
      case 'masks':
        return runCommand('wishbone.inspectMasks', run.folder);
      case 'packing':
        return runCommand('wishbone.showPacking', run.folder);
      case 'rename':
        return runCommand('wishbone.renameRun', run.folder);
      case 'tag':
        return runCommand('wishbone.tagRun', run.folder);
      case 'copy-command':
        await vscode.env.clipboard.writeText(repeatCommand(run.config).command);
        return;
      case 'duplicate':
        return runCommand('wishbone.duplicateRun', run.folder);
      case 'follow-log':
        return this.#followLog();
      case 'leave-log':
        return this.#leaveLog();
      case 'save-csv': {
        const runs = this.#shown.map(({ use }) => ({ name: use.run.config.name, history: use.run.history }));
        const folder = path.dirname(path.dirname(path.dirname(run.folder)));
        return saveAs(folder, `${fileName(this.page.panel.title)}.csv`, { CSV: ['csv'] }, () => Buffer.from(historyCsv(runs)));
      }
    }
  }

  /** Goes by folder, because the panel may show another run by now. */
  async #setNotes(folder: string, notes: string): Promise<void> {
    if (!this.#shown.some(({ use }) => use.run.folder === folder)) return;
    const { notes: _before, ...labels } = await readLabels(folder);
    await writeLabels(folder, { ...labels, ...(notes.trim() === '' ? {} : { notes }) });
    await this.panels.store.relabel(folder);
  }

  async #pickAnother(): Promise<void> {
    const shown = this.folders;
    const lists = Promise.all(this.panels.store.runsFolders.map((folder) => listRuns(folder)));
    const items = lists.then((found) =>
      found
        .flat()
        .flatMap((run) => (run.problem !== undefined || shown.includes(run.folder) ? [] : [run]))
        .map((run) => ({ ...listingText(run), folder: run.folder })),
    );
    if ((await items).length === 0) {
      void vscode.window.showInformationMessage('Wishbone: there is no other run in this workspace to compare with.');
      return;
    }
    const picked = await vscode.window.showQuickPick(items, {
      title: 'Add Run to Compare',
      placeHolder: 'Shown in the same charts',
      matchOnDescription: true,
      matchOnDetail: true,
    });
    if (picked === undefined) return;
    this.#add(await this.panels.store.use(picked.folder));
    this.#title();
    await this.#sendAnew();
  }

  async #remove(run: number): Promise<void> {
    const shown = this.#shown.length < 2 ? undefined : this.#shown[run];
    if (shown === undefined) return;
    this.#shown.splice(run, 1);
    shown.subscription.dispose();
    shown.use.dispose();
    this.#title();
    await this.#sendAnew();
  }

  async #lookAtPlans(): Promise<void> {
    await Promise.all(
      this.#shown.map(async (shown) => {
        shown.facts = await readPlanFacts(shown.use.run.folder);
      }),
    );
  }

  /** Sends everything again after runs were added or removed. A page that is not ready will ask for it. */
  async #sendAnew(): Promise<void> {
    await this.#lookAtPlans();
    if (this.page.isReady) this.#sendAll();
  }

  #sendAll(): void {
    if (this.#isEmpty) return this.#sendEmpty();
    const shown = [...this.#shown];
    // A run is being added; everything is sent again once its plan has been read.
    if (shown.some(({ facts }) => facts === undefined)) return;
    const differences = configDifferences(shown.map(({ use }) => use.run.config));
    this.#send({ type: 'preview', preview: this.#isPreview });
    this.#send({ type: 'runs', count: shown.length, differences, missing: this.missing });
    shown.forEach(({ use, facts }, run) => {
      this.#send({ type: 'header', run, header: headerOf(use.run, facts!) });
    });
    shown.forEach((each, run) => {
      each.unsentFrom = 0;
      each.overview = 'to be sent';
      each.sentEvals = undefined;
      each.sentSamples = undefined;
      each.sentLabels = labelsText(each);
      this.#sendStatus(run);
      this.#sendRows(run);
      this.#sendSamples(each);
    });
  }

  async #sendHeader(shown: Shown): Promise<void> {
    const facts = await readPlanFacts(shown.use.run.folder);
    const run = this.#shown.indexOf(shown);
    if (run >= 0) this.#send({ type: 'header', run, header: headerOf(shown.use.run, facts) });
  }

  /** In a comparison, a run that is gone must not hide the others. */
  get #isEmpty(): boolean {
    return this.#shown.every(({ use }) => use.run.gone);
  }

  #sendEmpty(): void {
    const run = this.#shown[0]?.use.run;
    const reason =
      run === undefined
        ? this.reason
        : `The folder of ${run.config.name} was deleted or moved away while this panel was open: ${run.folder}`;
    this.#send({ type: 'empty', reason });
  }

  #sendNews(shown: Shown): void {
    const index = this.#shown.indexOf(shown);
    if (!this.page.isReady || index < 0) return;
    const { run } = shown.use;
    if (this.#isEmpty) {
      this.#leaveLog();
      this.#sendEmpty();
      return;
    }
    if (labelsText(shown) !== shown.sentLabels) {
      shown.sentLabels = labelsText(shown);
      this.#title();
      void this.#sendHeader(shown);
    }
    this.#sendStatus(index);
    this.#sendSamples(shown);
    const rows = run.history.steps.length;
    if (shown.unsentFrom < rows || rows < shown.sentRows || run.history.evals !== shown.sentEvals) this.#sendRows(index);
  }

  #sendRows(index: number): void {
    const shown = this.#shown[index]!;
    const { history } = shown.use.run;
    if (history.evals !== shown.sentEvals) {
      shown.sentEvals = history.evals;
      this.#send({ type: 'evals', run: index, evals: evalsOf(history) });
    }
    if (shown.overview === 'under way') return;
    const overview = shown.overview === 'to be sent' ? overviewOf(history) : undefined;
    if (overview === undefined) {
      this.#send({ type: 'series', run: index, update: seriesFrom(history, shown.unsentFrom) });
      shown.sentRows = history.steps.length;
      shown.unsentFrom = shown.sentRows;
      return;
    }
    // Messages sent together arrive together, so the rest waits until the overview has arrived.
    shown.overview = 'under way';
    void this.page.send({ type: 'series', run: index, update: overview }).then(() => {
      if (shown.overview !== 'under way') return;
      shown.overview = 'sent';
      const now = this.#shown.indexOf(shown);
      if (this.page.isReady && now >= 0) this.#sendRows(now);
    });
  }

  /** Only for the first run, because texts cannot be overlaid as curves can. */
  #sendSamples(shown: Shown): void {
    const { run } = shown.use;
    const { samples } = run.history;
    if (shown !== this.#shown[0] || samples === shown.sentSamples) return;
    shown.sentSamples = samples;
    if (samples.length === 0) return;
    const send = async (): Promise<void> => {
      const message = await readSamples(run);
      // A newer message may be on its way.
      if (shown === this.#shown[0] && samples === shown.sentSamples) this.#send(message);
    };
    send().catch((error: unknown) => this.panels.problems.show(error));
  }

  #sendStatus(index: number): void {
    const run = this.#shown[index]?.use.run;
    if (!this.page.isReady || run === undefined) return;
    this.#send({ type: 'status', run: index, status: statusOf(run, vscode.workspace.isTrusted) });
  }

  #followLog(): void {
    clearInterval(this.#logTimer);
    this.#sentLog = '\0';
    const look = async (): Promise<void> => {
      const run = this.#shown[0]?.use.run;
      if (run === undefined) return;
      const lines = await lastLogLines(path.join(run.folder, LOG_FILE), { count: LOG_LINES });
      const text = lines.join('\n');
      if (text === this.#sentLog || this.#logTimer === undefined) return;
      this.#sentLog = text;
      this.#send({ type: 'log', lines });
    };
    this.#logTimer = setInterval(() => void look(), LOG_MILLISECONDS);
    void look();
  }

  #leaveLog(): void {
    clearInterval(this.#logTimer);
    this.#logTimer = undefined;
  }

  #send(message: RunHostMessage): void {
    void this.page.send(message);
  }
}

function labelsText({ use: { run } }: Shown): string {
  return JSON.stringify([run.config.name, run.tags, run.notes]);
}

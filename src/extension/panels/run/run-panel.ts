import path from 'node:path';

import * as vscode from 'vscode';

import { configDifferences, listRuns, LOG_FILE, readLabels, repeatCommand, writeLabels } from '../../../core/run/index.js';
import { historyCsv } from '../../../core/history/index.js';
import { lastLogLines } from '../../../core/runner/index.js';
import { type RunHostMessage, type RunPageMessage, type RunPageRequest, readRunPageMessage } from '../../../protocol/run.js';
import { listingText } from '../../run-text.js';
import type { RunUse } from '../../runs/run-store.js';
import { manageTrust } from '../../trust.js';
import { readPlanFacts } from './plan-facts.js';
import type { RunPanels } from './run-panels.js';
import { fileName, saveAs } from '../save-as.js';
import { readSamples } from './samples.js';
import { evalsOf, exportFolder, headerOf, overviewOf, seriesFrom, statusOf } from './view-model.js';

/** Lines of the log that the panel shows. */
const LOG_LINES = 200;
const LOG_MILLISECONDS = 500;

/** A run of a panel, and what of it the page has. */
interface Shown {
  readonly use: RunUse;
  readonly subscription: vscode.Disposable;
  /** First row the page does not have as it is now. */
  unsentFrom: number;
  /** Of a long run the page gets an overview before all rows. */
  overview: 'to be sent' | 'under way' | 'sent';
  /** Rows the page has. */
  sentRows: number;
  sentEvals: readonly unknown[] | undefined;
  sentSamples: readonly unknown[] | undefined;
  /** Name, tags and notes that the page has, as text. */
  sentLabels: string;
}

/** One panel with one run or several. Sends nothing until its page says it is ready, and then only what is new. */
export class RunPanel implements vscode.Disposable {
  readonly #disposables: vscode.Disposable[] = [];
  #shown: Shown[] = [];
  #ready = false;
  #logTimer: NodeJS.Timeout | undefined;
  #sentLog = '';
  #isPreview = false;

  constructor(
    readonly panel: vscode.WebviewPanel,
    readonly panels: RunPanels,
    uses: readonly RunUse[],
    /** Names of runs that were to be shown too and cannot be read. */
    readonly missing: readonly string[],
    readonly reason: string,
    /** Whether the page has said so already. */
    ready: boolean,
  ) {
    this.#disposables.push(
      panel.webview.onDidReceiveMessage((message: unknown) => this.#receive(message)),
      // A hidden page is thrown away and says `ready` when it comes back; until then there is nobody to write to.
      panel.onDidChangeViewState(() => {
        if (!panel.visible) this.#rest();
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#shown.forEach((_, run) => this.#sendStatus(run))),
    );
    for (const use of uses) this.#add(use);
    this.#title();
    if (ready) this.#receive({ type: 'ready' });
  }

  /** Whether it shows whichever run is opened next from the Runs view, as a preview in the editor does. */
  get isPreview(): boolean {
    return this.#isPreview;
  }

  set isPreview(isPreview: boolean) {
    this.#isPreview = isPreview;
    if (this.#ready) this.#send({ type: 'preview', preview: isPreview });
  }

  /** Shows another run in place of what it showed. */
  async replace(use: RunUse): Promise<void> {
    clearInterval(this.#logTimer);
    this.#logTimer = undefined;
    for (const shown of this.#shown.splice(0)) {
      shown.subscription.dispose();
      shown.use.dispose();
    }
    this.#add(use);
    this.#title();
    if (this.#ready) await this.#sendAll();
  }

  get folders(): string[] {
    return this.#shown.map(({ use }) => use.run.folder);
  }

  dispose(): void {
    this.#rest();
    for (const { use, subscription } of this.#shown) {
      subscription.dispose();
      use.dispose();
    }
    this.#shown = [];
    for (const disposable of this.#disposables.splice(0)) disposable.dispose();
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
    this.panel.title =
      first === undefined ? 'Wishbone Run' : others.length === 0 ? first : `Comparison of ${others.length + 1} Runs`;
  }

  #receive(value: unknown): void {
    const message = readRunPageMessage(value);
    if (message === undefined) return;
    this.#answer(message).catch((error: unknown) => this.panels.problems.show(error));
  }

  async #answer(message: RunPageMessage): Promise<void> {
    const [first] = this.#shown;
    switch (message.type) {
      case 'ready':
        return this.#sendAll();
      case 'launch':
        return void (await vscode.commands.executeCommand('wishbone.launchRun'));
      case 'open-run':
        return void (await vscode.commands.executeCommand('wishbone.openRun'));
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
        // The store may not have met it yet, just after a reload.
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
        return void (await vscode.commands.executeCommand('wishbone.tryRun', run.folder));
      case 'masks':
        return void (await vscode.commands.executeCommand('wishbone.inspectMasks', run.folder));
      case 'packing':
        return void (await vscode.commands.executeCommand('wishbone.showPacking', run.folder));
      case 'rename':
        return void (await vscode.commands.executeCommand('wishbone.renameRun', run.folder));
      case 'tag':
        return void (await vscode.commands.executeCommand('wishbone.tagRun', run.folder));
      case 'copy-command':
        await vscode.env.clipboard.writeText(repeatCommand(run.config).command);
        return;
      case 'duplicate':
        return void (await vscode.commands.executeCommand('wishbone.duplicateRun', run.folder));
      case 'follow-log':
        return this.#followLog();
      case 'leave-log':
        clearInterval(this.#logTimer);
        this.#logTimer = undefined;
        return;
      case 'save-csv': {
        const runs = this.#shown.map(({ use }) => ({ name: use.run.config.name, history: use.run.history }));
        const folder = path.dirname(path.dirname(path.dirname(run.folder)));
        return saveAs(folder, `${fileName(this.panel.title)}.csv`, { CSV: ['csv'] }, () => Buffer.from(historyCsv(runs)));
      }
    }
  }

  /** To the run whose notes they are: by now the panel may show another. */
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
    await this.#sendAll();
  }

  async #remove(run: number): Promise<void> {
    const shown = this.#shown.length < 2 ? undefined : this.#shown[run];
    if (shown === undefined) return;
    this.#shown.splice(run, 1);
    shown.subscription.dispose();
    shown.use.dispose();
    this.#title();
    await this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    if (this.#isEmpty) return this.#sendEmpty();
    const shown = [...this.#shown];
    const facts = await Promise.all(shown.map(({ use }) => readPlanFacts(use.run.folder)));
    // Runs were added or removed meanwhile: whoever did that sends all again.
    if (shown.some((each, run) => this.#shown[run] !== each) || shown.length !== this.#shown.length) return;
    this.#ready = true;
    const differences = configDifferences(shown.map(({ use }) => use.run.config));
    this.#send({ type: 'preview', preview: this.#isPreview });
    this.#send({ type: 'runs', count: shown.length, differences, missing: this.missing });
    shown.forEach(({ use }, run) => {
      this.#send({ type: 'header', run, header: headerOf(use.run, facts[run]!) });
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
    if (this.#ready && run >= 0) this.#send({ type: 'header', run, header: headerOf(shown.use.run, facts) });
  }

  /** In a comparison one that is gone does not keep the others from being looked at. */
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
    if (!this.#ready || index < 0) return;
    const { run } = shown.use;
    if (this.#isEmpty) {
      this.#rest();
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
    // What is sent together arrives together: the rest waits until the overview is there.
    shown.overview = 'under way';
    void this.panel.webview.postMessage({ type: 'series', run: index, update: overview } satisfies RunHostMessage).then(() => {
      if (shown.overview !== 'under way') return;
      shown.overview = 'sent';
      const now = this.#shown.indexOf(shown);
      if (this.#ready && now >= 0) this.#sendRows(now);
    });
  }

  /** Of the first run alone: texts are read side by side, not laid over each other. */
  #sendSamples(shown: Shown): void {
    const { run } = shown.use;
    const { samples } = run.history;
    if (shown !== this.#shown[0] || samples === shown.sentSamples) return;
    shown.sentSamples = samples;
    if (samples.length === 0) return;
    const send = async (): Promise<void> => {
      const message = await readSamples(run);
      // A newer one may be under way.
      if (this.#ready && shown === this.#shown[0] && samples === shown.sentSamples) this.#send(message);
    };
    send().catch((error: unknown) => this.panels.problems.show(error));
  }

  #sendStatus(index: number): void {
    const run = this.#shown[index]?.use.run;
    if (!this.#ready || run === undefined) return;
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

  /** Nobody looks. */
  #rest(): void {
    this.#ready = false;
    clearInterval(this.#logTimer);
    this.#logTimer = undefined;
  }

  #send(message: RunHostMessage): void {
    void this.panel.webview.postMessage(message);
  }
}

function labelsText({ use: { run } }: Shown): string {
  return JSON.stringify([run.config.name, run.tags, run.notes]);
}

import path from 'node:path';

import * as vscode from 'vscode';

import { historyCsv } from '../../../core/history/index.js';
import {
  configDifferences,
  listRuns,
  readComparisonNotes,
  readLabels,
  writeComparisonNotes,
  writeLabels,
} from '../../../core/run/index.js';
import {
  readRunPageMessage,
  readRunPageState,
  type RunHostMessage,
  type RunPageMessage,
  type RunPageState,
} from '../../../protocol/run.js';
import type { ShownCurve } from '../../../protocol/run-curve.js';
import { readMarkdown } from '../../markdown.js';
import { runCommand } from '../../run-command.js';
import { listingText } from '../../run-text.js';
import type { RunUse } from '../../runs/run-store.js';
import { ensureTrusted, manageTrust } from '../../trust.js';
import type { Asked, Page, PanelKind } from '../page.js';
import { fileName, saveAs } from '../save-as.js';
import { LogFollower } from './log-follower.js';
import type { RunPanels } from './run-panels.js';
import { curveOf, openPair, pairsOf } from './run-pairs.js';
import { answerRequest } from './run-requests.js';
import { judgedOf } from './run-judged.js';
import { RunWhy } from './run-why.js';
import { ShownRun } from './shown-run.js';
import { RunVerdicts } from './verdicts.js';
import { showInformation } from '../../messages.js';

export const RUN: PanelKind<RunPageMessage, RunPageState> = {
  name: 'run',
  title: 'Wishbone Run',
  readMessage: readRunPageMessage,
  readState: readRunPageState,
};

/** One panel, with one run or several. Once its page is ready, it sends only what is new. */
export class RunPanel implements vscode.Disposable {
  readonly #trusted: vscode.Disposable;
  readonly #log = new LogFollower((lines) => this.#send({ type: 'log', lines }));
  readonly #verdicts = new RunVerdicts((message) => this.#send(message));
  #shown: ShownRun[] = [];
  readonly #why = new RunWhy();
  #isPreview = false;
  /** Somebody wants to know why chosen rewards fell, and the page is not ready to say. */
  #shallShowWhy = false;
  /** A comparison that somebody wants to see, and the page is not ready for. */
  #judged: string | undefined;
  /** Of a pair that somebody wants to see, and the page is not ready for. */
  #curve: ShownCurve | undefined;

  constructor(
    readonly page: Page<RunHostMessage, RunPageMessage>,
    readonly panels: RunPanels,
    uses: readonly RunUse[],
    /** Names of further runs that cannot be read. */
    readonly missing: readonly string[],
    readonly reason: string,
  ) {
    this.#trusted = vscode.workspace.onDidGrantWorkspaceTrust(() => this.#shown.forEach((shown) => shown.sendStatus()));
    for (const use of uses) this.#add(use);
    this.#title();
    page.listen({
      prepare: () => this.#lookAtPlans(),
      show: () => this.#sendAll(),
      answer: (message) => this.#answer(message),
      hidden: () => this.#log.leave(),
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

  /** Shows why the run's chosen rewards fell, as soon as the page can. */
  showWhy(): void {
    this.isPreview = false;
    this.#shallShowWhy = true;
    if (this.page.isReady) this.#sendShowWhy();
  }

  #sendShowWhy(): void {
    if (!this.#shallShowWhy) return;
    this.#shallShowWhy = false;
    this.#send({ type: 'show-why' });
  }

  /** Shows what was judged, as soon as the page can. */
  showJudged(id: string): void {
    this.isPreview = false;
    this.#judged = id;
    if (this.page.isReady) this.#sendShowJudged();
  }

  #sendShowJudged(): void {
    if (this.#judged !== undefined) this.#send({ type: 'show-judged', id: this.#judged });
    this.#judged = undefined;
  }

  /** Shows how a pair of a file went, as soon as the page can. */
  async showCurve(file: string, row: number, nth: number): Promise<void> {
    const run = this.#shown[0]?.run;
    if (run === undefined) return;
    this.isPreview = false;
    this.#curve = await curveOf(run, { folder: run.folder, file, row, nth });
    if (this.page.isReady) this.#sendCurve();
  }

  #sendCurve(): void {
    if (this.#curve !== undefined) this.#send({ type: 'curve', shown: this.#curve });
    this.#curve = undefined;
  }

  /** Shows another run instead. */
  async replace(use: RunUse): Promise<void> {
    this.#log.leave();
    for (const shown of this.#shown.splice(0)) shown.dispose();
    this.#add(use);
    await this.#sendAnew();
  }

  get folders(): string[] {
    return this.#shown.map(({ run }) => run.folder);
  }

  dispose(): void {
    this.#log.leave();
    this.#why.cancel();
    for (const shown of this.#shown.splice(0)) shown.dispose();
    this.#trusted.dispose();
    this.page.dispose();
  }

  #add(use: RunUse): void {
    const shown: ShownRun = new ShownRun(use, {
      page: this.page,
      index: () => this.#shown.indexOf(shown),
      onChange: () => this.#sendNews(shown),
    });
    this.#shown.push(shown);
  }

  #title(): void {
    const [first, ...others] = this.#shown.map(({ run }) => run.config.name);
    const title = first === undefined ? RUN.title : others.length === 0 ? first : `Comparison of ${others.length + 1} Runs`;
    if (!this.page.isClosed) this.page.panel.title = title;
  }

  async #answer(message: Asked<RunPageMessage>): Promise<void> {
    const run = this.#shown[0]?.run;
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
      case 'save-image':
        return saveAs(this.#workspace, `${fileName(message.name)}.png`, { 'PNG picture': ['png'] }, () => message.png);
      case 'save-csv': {
        const runs = this.#shown.map(({ run: { config, history } }) => ({ name: config.name, history }));
        if (runs.length === 0) return;
        return saveAs(this.#workspace, `${fileName(this.page.panel.title)}.csv`, { CSV: ['csv'] }, () => Buffer.from(historyCsv(runs)));
      }
      case 'set-comparison-notes':
        return this.#setComparisonNotes(message.folders, message.notes);
      case 'get-pairs':
        if (run !== undefined) this.#send({ type: 'pairs', shown: await pairsOf(run, message.asked) });
        return;
      case 'open-pair':
        if (run !== undefined) await openPair(run, message.of, message.row, message.how, this.page.panel.viewColumn);
        return;
      case 'get-curve':
        if (run !== undefined) this.#send({ type: 'curve', shown: await curveOf(run, { folder: run.folder, ...message.asked }) });
        return;
      case 'get-why': {
        const shown = run === undefined ? undefined : await this.#why.answer(run, message.asked);
        if (shown !== undefined) this.#send({ type: 'why', shown });
        return;
      }
      case 'get-judged':
        if (run !== undefined) this.#send({ type: 'judged', shown: await judgedOf(run, message.asked) });
        return;
      case 'cancel-why':
        return this.#why.cancel();
      case 'use-remedy':
        if (run !== undefined) await runCommand('wishbone.duplicateRun', run.folder, message.name);
        return;
      case 'follow-log':
        return this.#log.follow(() => this.#shown[0]?.run.folder);
      case 'leave-log':
        return this.#log.leave();
      default:
        if (run !== undefined) await answerRequest(message.type, run, this.panels.actions);
    }
  }

  /** Where the first run's `.wishbone/runs` is. */
  get #workspace(): string {
    const folder = this.#shown[0]?.run.folder;
    return folder === undefined ? '/' : path.dirname(path.dirname(path.dirname(folder)));
  }

  /** Goes by folder, because the panel may show another run by now. */
  async #setNotes(folder: string, notes: string): Promise<void> {
    if (!this.folders.includes(folder) || !(await ensureTrusted())) return;
    const { notes: _before, ...labels } = await readLabels(folder);
    await writeLabels(folder, { ...labels, ...(notes.trim() === '' ? {} : { notes }) });
    await this.panels.store.relabel(folder);
  }

  async #setComparisonNotes(folders: readonly string[], notes: string): Promise<void> {
    // Runs may have been added or removed by now.
    if (folders.join('\n') !== this.folders.join('\n') || !(await ensureTrusted())) return;
    await writeComparisonNotes(folders, notes);
    await this.#sendComparisonNotes();
  }

  async #sendComparisonNotes(): Promise<void> {
    if (this.#shown.length < 2) return;
    const notes = await readComparisonNotes(this.folders);
    this.#send({ type: 'comparison-notes', notes, read: await readMarkdown(notes) });
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
      void showInformation('Wishbone: there is no other run in this workspace to compare with.');
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
    await this.#sendAnew();
  }

  async #remove(index: number): Promise<void> {
    if (this.#shown.length < 2) return;
    const [removed] = this.#shown.splice(index, 1);
    if (removed === undefined) return;
    removed.dispose();
    await this.#sendAnew();
  }

  async #lookAtPlans(): Promise<void> {
    await Promise.all(this.#shown.map((shown) => shown.lookAtPlan()));
  }

  /** Sends everything again after runs were added or removed. A page that is not ready will ask for it. */
  async #sendAnew(): Promise<void> {
    this.#title();
    await this.#lookAtPlans();
    if (this.page.isReady) await this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    if (this.#isEmpty) return this.#sendEmpty();
    const shown = [...this.#shown];
    // A run is being added; everything is sent again once its plan has been read.
    if (!shown.every(({ isLookedAt }) => isLookedAt)) return;
    const differences = configDifferences(shown.map(({ run }) => run.config));
    this.#send({ type: 'preview', preview: this.#isPreview });
    this.#send({ type: 'runs', count: shown.length, differences, missing: this.missing });
    for (const each of shown) each.sendHeader();
    await Promise.all(shown.map((each) => each.sendAll()));
    this.#sendShowWhy();
    this.#sendShowJudged();
    this.#sendCurve();
    await this.#sendComparisonNotes();
    // Not waited for: plans are read for it.
    this.#verdicts.show(this.#shown.map(({ run }) => run)).catch((error: unknown) => this.panels.problems.show(error));
  }

  /** In a comparison, a run that is gone must not hide the others. */
  get #isEmpty(): boolean {
    return this.#shown.every(({ run }) => run.gone);
  }

  #sendEmpty(): void {
    const run = this.#shown[0]?.run;
    const reason =
      run === undefined
        ? this.reason
        : `The folder of ${run.config.name} was deleted or moved away while this panel was open: ${run.folder}`;
    this.#send({ type: 'empty', reason });
  }

  #sendNews(shown: ShownRun): void {
    if (!this.page.isReady || !this.#shown.includes(shown)) return;
    if (this.#isEmpty) {
      this.#log.leave();
      this.#sendEmpty();
      return;
    }
    this.#title();
    const sent = shown.sendNews().then(() => this.#verdicts.update(this.#shown.map(({ run }) => run)));
    sent.catch((error: unknown) => this.panels.problems.show(error));
  }

  #send(message: RunHostMessage): void {
    void this.page.send(message);
  }
}

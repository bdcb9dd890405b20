import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../../core/errors.js';
import type { TableState } from '../../../core/dataset-table/index.js';
import { sentence } from '../../../format.js';
import {
  readTablePageMessage,
  readTablePageState,
  type ShownState,
  type TableHostMessage,
  type TablePageMessage,
  type TablePageState,
} from '../../../protocol/table.js';
import { checkOptions } from '../../diagnostics/check-options.js';
import { LatestJob } from '../../diagnostics/latest-job.js';
import type { ModelChoice } from '../../diagnostics/model-choice.js';
import { showRow } from '../../rows/show-row.js';
import { runCommand } from '../../run-command.js';
import { isBinaryDataset, requireReadable } from '../../trust.js';
import type { Asked, Page, PanelKind } from '../page.js';
import type { PanelContext } from '../panels.js';
import { watchPath } from '../plan/watch-path.js';
import type { PairDocuments } from './pair-documents.js';
import type { TableRuns } from './table-runs.js';
import { TableSession } from './table-session.js';

export const TABLE: PanelKind<TablePageMessage, TablePageState> = {
  name: 'table',
  title: 'Dataset table',
  readMessage: readTablePageMessage,
  readState: readTablePageState,
};

/** How long typing rests before the table of a text is made anew. */
const REST_MILLISECONDS = 250;
const EDIT_MILLISECONDS = 80;

/** What the table needs from the window. */
export interface TableContext extends PanelContext {
  readonly models: ModelChoice;
  readonly pairs: PairDocuments;
  readonly runs: TableRuns;
  /** Tables that are open. */
  readonly open: Set<TablePanel>;
  /** Rows to show in tables that are about to open, by file. */
  readonly wanted: Map<string, { readonly row: number; readonly run: string | undefined }>;
}

/** A dataset as a table. Rows, their order and what is searched for are worked out in a process of the table's own. */
export class TablePanel implements vscode.Disposable {
  readonly #disposables: vscode.Disposable[] = [];
  readonly #session: TableSession;
  readonly #job: LatestJob;
  #state: TableState | undefined;
  #problem: WishboneError | undefined;
  /** Name of the model whose tokenizer counts. */
  #model: string | null = null;
  #opened: Promise<void> | undefined;
  /** The run whose margins are shown. */
  #run: { readonly folder: string; readonly name: string } | undefined;
  /** Runs of this dataset. */
  #runs = 0;
  #isRunLookedFor = false;
  /** A pair that somebody wants to see, until the page can show it. */
  #wanted: { readonly row: number; readonly pair: number } | undefined;
  /** Of the document, that the table was made of. */
  #version = -1;

  /** @param document whose text is shown, and changed; undefined: the file is shown as it is on the disk */
  constructor(
    readonly page: Page<TableHostMessage, TablePageMessage>,
    readonly context: TableContext,
    readonly file: string,
    readonly document: vscode.TextDocument | undefined,
  ) {
    this.#session = new TableSession({
      onState: (state) => this.#take(state),
      onFound: (found) => this.#send({ type: 'found', found }),
      onEnd: (error) => this.#fail(error),
    });
    this.#job = new LatestJob(
      () => this.#openAnew(),
      (error) => context.problems.log(error),
    );
    context.open.add(this);
    this.#opened = this.#open();
    const wanted = context.wanted.get(file);
    if (context.wanted.delete(file)) this.goTo(wanted!.row, wanted!.run).catch((error: unknown) => context.problems.show(error));
    page.listen({ show: () => this.#show(), answer: (message) => this.#answer(message) });
    const anew = (): void => this.#job.schedule(REST_MILLISECONDS);
    this.#disposables.push(
      context.models.onDidChange(anew),
      vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration('wishbone.diagnostics') && anew()),
      document === undefined
        ? watchPath(file, anew)
        : vscode.workspace.onDidChangeTextDocument(
            (event) => event.document === document && event.contentChanges.length > 0 && this.#job.schedule(EDIT_MILLISECONDS),
          ),
    );
  }

  dispose(): void {
    this.context.open.delete(this);
    this.#job.cancel();
    for (const disposable of this.#disposables) disposable.dispose();
    this.#session.close();
    this.page.dispose();
  }

  async #show(): Promise<void> {
    await this.#opened;
    const { file, document } = this;
    if (this.#problem !== undefined) return this.#sendProblem(this.#problem);
    const [run, runs] = [this.#run?.name ?? null, this.#runs];
    this.#send({ type: 'table', head: { name: path.basename(file), canEdit: document !== undefined, model: this.#model, run, runs } });
    if (this.#state !== undefined) this.#send({ type: 'state', state: shownState(this.#state) });
    if (this.#wanted !== undefined) {
      this.#send({ type: 'go-to', key: this.#wanted });
      this.#wanted = undefined;
    }
    if (!this.#isRunLookedFor) await this.#lookForRun();
  }

  async #open(): Promise<void> {
    this.#problem = undefined;
    try {
      if (isBinaryDataset(this.file)) requireReadable(this.file);
      const { model, maxLength, evalFiles } = await checkOptions(vscode.Uri.file(this.file), this.context.models);
      this.#model = model === undefined ? null : path.basename(model);
      this.#version = this.document?.version ?? -1;
      this.#state = await this.#session.open({
        file: this.file,
        text: this.document?.getText(),
        evalFiles,
        model: model === undefined ? undefined : { folder: model, maxLength },
      });
    } catch (error) {
      if (!(error instanceof WishboneError)) throw error;
      this.#problem = error;
    }
  }

  /** The margins of the run that is most likely meant, once the table is there. */
  async #lookForRun(): Promise<void> {
    this.#isRunLookedFor = true;
    const { folders, likely } = await this.context.runs.of(this.file);
    this.#runs = folders.length;
    if (this.#run === undefined && likely !== undefined)
      await this.#setRun(likely).catch((error: unknown) => this.context.problems.log(error));
    else if (folders.length > 0) await this.#show();
  }

  /** @throws WishboneError when the run has no record of its pairs */
  async #setRun(folder: string | undefined): Promise<void> {
    if (folder !== undefined) requireReadable(folder);
    const table = await this.#session.table;
    const name = await table.ask('margins', folder ?? null);
    this.#run = folder === undefined || name === null ? undefined : { folder, name };
    await this.#show();
    this.#send({ type: 'changed' });
  }

  /** Asks for a run of this dataset, whose margins are shown then. */
  async #chooseRun(): Promise<void> {
    const chosen = await this.context.runs.choose(this.file, this.#run?.folder);
    if (chosen === undefined) return;
    await this.context.runs.remember(this.file, chosen.folder);
    await this.#setRun(chosen.folder);
  }

  /**
   * Shows a pair, beside what became of it in a run.
   *
   * @param row in the file, from 0
   */
  async goTo(row: number, run: string | undefined): Promise<void> {
    await this.#opened;
    this.#isRunLookedFor = true;
    this.#runs = Math.max(1, (await this.context.runs.of(this.file)).folders.length);
    if (run !== undefined && run !== this.#run?.folder) await this.#setRun(run);
    this.#wanted = { row, pair: 0 };
    if (this.page.isReady) await this.#show();
  }

  async #openAnew(): Promise<void> {
    this.#opened = this.#open();
    await this.#opened;
    if (this.#run !== undefined && this.#problem === undefined) await this.#setRun(this.#run.folder).catch(() => (this.#run = undefined));
    if (!this.page.isReady) return;
    await this.#show();
    if (this.#problem === undefined) this.#send({ type: 'changed' });
  }

  #take(state: TableState): void {
    this.#state = state;
    this.#send({ type: 'state', state: shownState(state) });
  }

  #fail(error: unknown): void {
    this.context.problems.log(error);
    if (!(error instanceof WishboneError)) return;
    this.#problem = error;
    this.#sendProblem(error);
  }

  #sendProblem({ what, where, advice }: WishboneError): void {
    this.#send({ type: 'empty', reason: `${sentence(what)}: ${where}`, advice: `${sentence(advice)}.` });
  }

  async #answer(message: Asked<TablePageMessage>): Promise<void> {
    if (message.type === 'again') return this.#openAnew();
    if (message.type === 'choose-model') return runCommand('wishbone.chooseTokenModel');
    if (message.type === 'choose-run') return this.#chooseRun();
    if (this.#problem !== undefined) return;
    const table = await this.#session.table;
    switch (message.type) {
      case 'query': {
        const { query, how } = message;
        const found = await table.ask('query', { query, how });
        if (found !== null) this.#send({ type: 'found', found });
        return;
      }
      case 'get-lines': {
        const { query, from, to } = message;
        const lines = await table.ask('lines', { query, from, to });
        if (lines !== null) this.#send({ type: 'lines', query, from, lines });
        return;
      }
      case 'get-histograms':
        return this.#send({ type: 'histograms', query: message.query, histograms: await table.ask('histograms', null) });
      case 'get-pair':
        return this.#send({ type: 'pair', view: await table.ask('pair', message.key) });
      case 'find':
        return this.#send({ type: 'place', query: message.query, at: await table.ask('find', message.key) });
      case 'act':
        if (message.action === 'show-curve') return this.#showCurve(message.key);
        if (message.action === 'show-tokens') return runCommand('wishbone.inspectMasks', vscode.Uri.file(this.file), message.key.row);
        return message.action === 'compare' ? this.#compare(message.key) : this.#openRow(message.key.row);
      case 'stop':
        return table.ask('stop', null);
      case 'edit':
        return this.#edit(message);
    }
  }

  async #showCurve({ row, pair }: { readonly row: number; readonly pair: number }): Promise<void> {
    if (this.#run !== undefined) await runCommand('wishbone.showPairCurve', this.#run.folder, this.file, row, pair);
  }

  async #compare(key: { readonly row: number; readonly pair: number }): Promise<void> {
    if (await this.context.pairs.compare(await this.#session.table, this.file, key, this.page.panel.viewColumn)) return;
    throw new WishboneError('the row is no pair, so there is nothing to compare', this.file, 'open the row to see what is wrong with it');
  }

  async #openRow(row: number): Promise<void> {
    const table = await this.#session.table;
    // Rows of JSON on one line have none of their own.
    const lineOf = async (): Promise<number> => (await table.ask('line', row)) ?? 1;
    await showRow({ file: this.file, row, lineOf, gone: 'the file has no lines' }, this.page.panel.viewColumn);
  }

  /** Changes the document, as if it was typed there: the editor's own undo takes it back. */
  async #edit({ key, part, turn, text }: Extract<TablePageMessage, { type: 'edit' }>): Promise<void> {
    const { document } = this;
    if (document === undefined) throw new WishboneError('this table cannot be changed', this.file, 'open it as an editable table');
    const table = await this.#session.table;
    const stretch = await table.ask('edit', { ...key, part, turn, text });
    if (document.version !== this.#version) {
      throw new WishboneError('the text has changed meanwhile', this.file, 'look at the row again, and change it then');
    }
    const edit = new vscode.WorkspaceEdit();
    edit.replace(document.uri, new vscode.Range(document.positionAt(stretch.start), document.positionAt(stretch.end)), stretch.text);
    if (await vscode.workspace.applyEdit(edit)) return;
    throw new WishboneError('VS Code did not take the change', this.file, 'check that the file can be written, and change it again');
  }

  #send(message: TableHostMessage): void {
    void this.page.send(message);
  }
}

function shownState({ counted, troubles, problems, ...state }: TableState): ShownState {
  return {
    ...state,
    counted: counted ?? null,
    troubles: troubles.map(({ what, advice }) => `${sentence(what)}: ${advice}.`),
    problems: problems as Readonly<Record<string, number>>,
  };
}

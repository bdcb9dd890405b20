import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import { sentence } from '../../format.js';
import { type HostMessage, type PanelRequest, readPanelMessage, readPanelState } from '../../protocol.js';
import type { Problems } from '../problems.js';
import type { RunActions } from '../runs/run-actions.js';
import type { RunStore, RunUse } from '../runs/run-store.js';
import { manageTrust } from '../trust.js';
import { loadPage, pageOptions } from './page.js';
import { readTokenRatio } from './plan-counts.js';
import { exportFolder, headerOf, seriesFrom, statusOf } from './view-model.js';

const VIEW_TYPE = 'wishbone.run';

/** The run panels of this window, one a run; those open when the window was closed come back with it. */
export class RunPanels implements vscode.Disposable, vscode.WebviewPanelSerializer {
  readonly #panels = new Map<string, RunPanel>();
  readonly #registration: vscode.Disposable;

  constructor(
    readonly extensionUri: vscode.Uri,
    readonly store: RunStore,
    readonly actions: RunActions,
    readonly problems: Problems,
  ) {
    this.#registration = vscode.window.registerWebviewPanelSerializer(VIEW_TYPE, this);
  }

  dispose(): void {
    this.#registration.dispose();
    for (const panel of this.#panels.values()) panel.dispose();
  }

  /**
   * Brings up a run's panel.
   *
   * @throws WishboneError when the folder is no run
   */
  async show(folder: string): Promise<void> {
    const key = path.resolve(folder);
    const open = this.#panels.get(key);
    if (open !== undefined) {
      open.reveal();
      return;
    }
    const use = await this.store.use(key);
    const panel = vscode.window.createWebviewPanel(
      VIEW_TYPE,
      use.run.config.name,
      vscode.ViewColumn.Active,
      this.#options,
    );
    this.#attach(panel, key, use);
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    panel.webview.options = this.#options;
    const folder = readPanelState(state)?.folder;
    if (folder === undefined) {
      this.#attach(panel, undefined, undefined, 'This panel does not know which run it showed.');
      return;
    }
    try {
      this.#attach(panel, path.resolve(folder), await this.store.use(folder));
    } catch (error) {
      if (!(error instanceof WishboneError)) this.problems.log(error);
      const reason =
        error instanceof WishboneError
          ? `${sentence(error.what)}: ${error.where}`
          : `The run in ${folder} cannot be read.`;
      this.#attach(panel, undefined, undefined, reason);
    }
  }

  get #options(): vscode.WebviewOptions {
    return pageOptions(this.extensionUri);
  }

  #attach(panel: vscode.WebviewPanel, folder: string | undefined, use: RunUse | undefined, reason = ''): void {
    const attached = new RunPanel(panel, this, use, reason);
    if (folder !== undefined) this.#panels.set(folder, attached);
    panel.onDidDispose(() => {
      if (folder !== undefined && this.#panels.get(folder) === attached) this.#panels.delete(folder);
      attached.dispose();
    });
  }
}

/** One panel. Sends nothing until its page says it is ready, and then only what is new. */
class RunPanel implements vscode.Disposable {
  readonly #disposables: vscode.Disposable[] = [];
  #ready = false;
  /** First row the page does not have as it is now. */
  #unsentFrom = 0;
  /** Rows the page has. */
  #sentRows = 0;

  constructor(
    readonly panel: vscode.WebviewPanel,
    readonly panels: RunPanels,
    readonly use: RunUse | undefined,
    readonly reason: string,
  ) {
    const { webview } = panel;
    this.#disposables.push(
      webview.onDidReceiveMessage((message: unknown) => this.#receive(message)),
      // A hidden page is thrown away and says `ready` when it comes back; until then there is nobody to write to.
      panel.onDidChangeViewState(() => {
        if (!panel.visible) this.#ready = false;
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#sendStatus()),
      new vscode.Disposable(
        use?.run.onChange(({ changedFrom }) => {
          this.#unsentFrom = Math.min(this.#unsentFrom, changedFrom);
          this.#sendNews();
        }) ?? (() => undefined),
      ),
    );
    if (use !== undefined) this.#disposables.push(use);
    loadPage(panel, panels.extensionUri, 'run', use?.run.config.name ?? 'Wishbone Run');
  }

  reveal(): void {
    this.panel.reveal();
  }

  dispose(): void {
    this.#ready = false;
    for (const disposable of this.#disposables.splice(0)) disposable.dispose();
  }

  #receive(value: unknown): void {
    const message = readPanelMessage(value);
    if (message === undefined) return;
    this.#answer(message.type).catch((error: unknown) => this.panels.problems.show(error));
  }

  async #answer(request: PanelRequest): Promise<void> {
    const { actions, store } = this.panels;
    const run = this.use?.run;
    switch (request) {
      case 'ready':
        return this.#sendAll();
      case 'launch':
        return void (await vscode.commands.executeCommand('wishbone.launchRun'));
      case 'open-run':
        return void (await vscode.commands.executeCommand('wishbone.openRun'));
      case 'manage-trust':
        return manageTrust();
    }
    if (run === undefined) return;
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
      case 'show-log':
        return actions.showLog(run.folder);
    }
  }

  async #sendAll(): Promise<void> {
    const run = this.use?.run;
    if (run === undefined || run.gone) {
      this.#send({ type: 'empty', reason: run === undefined ? this.reason : `Its folder is gone: ${run.folder}` });
      return;
    }
    const header = headerOf(run, await readTokenRatio(run.folder));
    this.#ready = true;
    this.#send({ type: 'header', header });
    this.#unsentFrom = 0;
    this.#sendStatus();
    this.#sendRows();
  }

  #sendNews(): void {
    const run = this.use?.run;
    if (!this.#ready || run === undefined) return;
    if (run.gone) {
      this.#ready = false;
      this.#send({ type: 'empty', reason: `Its folder is gone: ${run.folder}` });
      return;
    }
    this.#sendStatus();
    if (this.#unsentFrom < run.history.steps.length || run.history.steps.length < this.#sentRows) this.#sendRows();
  }

  #sendRows(): void {
    const run = this.use?.run;
    if (run === undefined) return;
    this.#send({ type: 'series', update: seriesFrom(run.history, this.#unsentFrom) });
    this.#sentRows = run.history.steps.length;
    this.#unsentFrom = this.#sentRows;
  }

  #sendStatus(): void {
    const run = this.use?.run;
    if (this.#ready && run !== undefined)
      this.#send({ type: 'status', status: statusOf(run, vscode.workspace.isTrusted) });
  }

  #send(message: HostMessage): void {
    void this.panel.webview.postMessage(message);
  }
}

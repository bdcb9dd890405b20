import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../../core/errors.js';
import { sentence } from '../../../format.js';
import { readRunPageMessage, readRunPageState } from '../../../protocol/run.js';
import type { Problems } from '../../problems.js';
import type { RunActions } from '../../runs/run-actions.js';
import type { RunStore, RunUse } from '../../runs/run-store.js';
import { loadPage, pageOptions } from '../page.js';
import { RunPanel } from './run-panel.js';

const VIEW_TYPE = 'wishbone.run';
/** Opened again within this time is a double click. */
const DOUBLE_CLICK_MILLISECONDS = 500;

/** The runs of a panel, and the names of those that cannot be read. */
interface Opened {
  readonly uses: readonly RunUse[];
  readonly missing: readonly string[];
}

/** The run panels of this window; those open when the window was closed come back with it. */
export class RunPanels implements vscode.Disposable, vscode.WebviewPanelSerializer {
  readonly #panels = new Set<RunPanel>();
  /** What was opened last as a preview, and when. */
  #previewed: { readonly folder: string; readonly at: number } | undefined;
  readonly #registration: vscode.Disposable;
  #opening: Promise<void> | undefined;

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
    for (const panel of this.#panels) panel.dispose();
  }

  /**
   * Brings up the panel of a run, or of several together.
   *
   * @throws WishboneError when a folder is no run
   */
  async show(...folders: readonly string[]): Promise<void> {
    const wanted = [...new Set(folders.map((folder) => path.resolve(folder)))];
    const open = this.#showing(wanted);
    if (open !== undefined) {
      open.isPreview = false;
      return open.panel.reveal();
    }
    await this.#open(wanted);
  }

  /**
   * Brings up a run as the editor does a file that is clicked on: in place of the one previewed before, until somebody
   * keeps that. Asked for twice at once, it is kept.
   *
   * @throws WishboneError when the folder is no run
   */
  async preview(given: string): Promise<void> {
    const folder = path.resolve(given);
    const previewed = this.#previewed;
    const now = Date.now();
    this.#previewed = { folder, at: now };
    const isDouble = previewed?.folder === folder && now - previewed.at < DOUBLE_CLICK_MILLISECONDS;
    const open = this.#showing([folder]);
    if (open !== undefined) {
      if (isDouble) open.isPreview = false;
      return open.panel.reveal(undefined, !isDouble);
    }
    // The first of the two clicks is still under way.
    if (isDouble && this.#opening !== undefined) {
      await this.#opening;
      const opened = this.#showing([folder]);
      if (opened !== undefined) opened.isPreview = false;
      return;
    }
    this.#opening = this.#openPreview(folder).finally(() => (this.#opening = undefined));
    await this.#opening;
  }

  async #openPreview(folder: string): Promise<void> {
    const isOn = vscode.workspace.getConfiguration('workbench.editor').get<unknown>('enablePreview') !== false;
    const before = [...this.#panels].find(({ isPreview, panel }) => isPreview && !isPinned(panel));
    if (!isOn || before === undefined) {
      const panel = await this.#open([folder], true);
      if (panel !== undefined) panel.isPreview = isOn;
      return;
    }
    const use = await this.store.use(folder);
    if (!this.#panels.has(before)) return use.dispose();
    await before.replace(use);
    before.panel.reveal(undefined, true);
  }

  #showing(folders: readonly string[]): RunPanel | undefined {
    return [...this.#panels].find((open) => open.folders.join('\n') === folders.join('\n'));
  }

  async #open(wanted: readonly string[], preserveFocus = false): Promise<RunPanel | undefined> {
    const place = { viewColumn: vscode.ViewColumn.Active, preserveFocus };
    const panel = vscode.window.createWebviewPanel(VIEW_TYPE, 'Run', place, this.#options);
    try {
      return await this.#fill(panel, () => this.#use(wanted));
    } catch (error) {
      panel.dispose();
      throw error;
    }
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    panel.webview.options = this.#options;
    const folders = readRunPageState(state)?.folders;
    const empty = (reason: string): Promise<unknown> => this.#fill(panel, async () => ({ uses: [], missing: [] }), reason);
    if (folders === undefined) {
      await empty('This panel no longer knows which run it was showing.');
      return;
    }
    try {
      await this.#fill(panel, () => this.#use(folders));
    } catch (error) {
      if (!(error instanceof WishboneError)) this.problems.log(error);
      const reason =
        error instanceof WishboneError
          ? `${sentence(error.what)}: ${error.where}`
          : `The run in ${folders.join(', ')} cannot be read.`;
      await empty(reason);
    }
  }

  get #options(): vscode.WebviewOptions {
    return pageOptions(this.extensionUri);
  }

  async #use(folders: readonly string[]): Promise<Opened> {
    const uses = await Promise.allSettled(folders.map((folder) => this.store.use(folder)));
    const failure = uses.find((use) => use.status === 'rejected');
    const good = uses.flatMap((use) => (use.status === 'fulfilled' ? [use.value] : []));
    // One of several that is gone does not keep the others from being looked at.
    if (failure !== undefined && good.length === 0) throw failure.reason;
    return { uses: good, missing: folders.filter((_, i) => uses[i]!.status === 'rejected').map((folder) => path.basename(folder)) };
  }

  /** The page is loaded while the runs are read: each takes its time. */
  async #fill(panel: vscode.WebviewPanel, read: () => Promise<Opened>, reason = ''): Promise<RunPanel | undefined> {
    let [ready, closed] = [false, false];
    const early = vscode.Disposable.from(
      panel.webview.onDidReceiveMessage((value: unknown) => (ready ||= readRunPageMessage(value)?.type === 'ready')),
      panel.onDidDispose(() => (closed = true)),
    );
    try {
      loadPage(panel, this.extensionUri, 'run', 'Wishbone Run');
      const opened = await read();
      if (!closed) return this.#attach(panel, opened, reason, ready && panel.visible);
      opened.uses.forEach((use) => use.dispose());
      return undefined;
    } finally {
      early.dispose();
    }
  }

  #attach(panel: vscode.WebviewPanel, { uses, missing }: Opened, reason: string, ready: boolean): RunPanel {
    const attached = new RunPanel(panel, this, uses, missing, reason, ready);
    this.#panels.add(attached);
    panel.onDidDispose(() => {
      this.#panels.delete(attached);
      attached.dispose();
    });
    return attached;
  }
}

/** Whether somebody has pinned a panel's tab. */
function isPinned(panel: vscode.WebviewPanel): boolean {
  const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
  return tabs.some(
    (tab) => tab.isPinned && tab.label === panel.title && tab.input instanceof vscode.TabInputWebview && tab.input.viewType.includes(VIEW_TYPE),
  );
}

import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import { sentence } from '../../format.js';
import { readPanelMessage, readPanelState } from '../../protocol/run.js';
import type { Problems } from '../problems.js';
import type { RunActions } from '../runs/run-actions.js';
import type { RunStore, RunUse } from '../runs/run-store.js';
import { loadPage, pageOptions } from './page.js';
import { RunPanel } from './run-panel.js';

const VIEW_TYPE = 'wishbone.run';

/** The runs of a panel, and the names of those that cannot be read. */
interface Opened {
  readonly uses: readonly RunUse[];
  readonly missing: readonly string[];
}

/** The run panels of this window; those open when the window was closed come back with it. */
export class RunPanels implements vscode.Disposable, vscode.WebviewPanelSerializer {
  readonly #panels = new Set<RunPanel>();
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
    for (const panel of this.#panels) panel.dispose();
  }

  /**
   * Brings up the panel of a run, or of several together.
   *
   * @throws WishboneError when a folder is no run
   */
  async show(...folders: readonly string[]): Promise<void> {
    const wanted = [...new Set(folders.map((folder) => path.resolve(folder)))];
    for (const open of this.#panels) {
      if (open.folders.join('\n') === wanted.join('\n')) return open.panel.reveal();
    }
    const panel = vscode.window.createWebviewPanel(VIEW_TYPE, 'Run', vscode.ViewColumn.Active, this.#options);
    try {
      await this.#fill(panel, () => this.#use(wanted));
    } catch (error) {
      panel.dispose();
      throw error;
    }
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    panel.webview.options = this.#options;
    const folders = readPanelState(state)?.folders;
    const empty = (reason: string): Promise<void> => this.#fill(panel, async () => ({ uses: [], missing: [] }), reason);
    if (folders === undefined) return empty('This panel does not know which run it showed.');
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
  async #fill(panel: vscode.WebviewPanel, read: () => Promise<Opened>, reason = ''): Promise<void> {
    let [ready, closed] = [false, false];
    const early = vscode.Disposable.from(
      panel.webview.onDidReceiveMessage((value: unknown) => (ready ||= readPanelMessage(value)?.type === 'ready')),
      panel.onDidDispose(() => (closed = true)),
    );
    try {
      loadPage(panel, this.extensionUri, 'run', 'Wishbone Run');
      const opened = await read();
      if (closed) opened.uses.forEach((use) => use.dispose());
      else this.#attach(panel, opened, reason, ready && panel.visible);
    } finally {
      early.dispose();
    }
  }

  #attach(panel: vscode.WebviewPanel, { uses, missing }: Opened, reason: string, ready: boolean): void {
    const attached = new RunPanel(panel, this, uses, missing, reason, ready);
    this.#panels.add(attached);
    panel.onDidDispose(() => {
      this.#panels.delete(attached);
      attached.dispose();
    });
  }
}

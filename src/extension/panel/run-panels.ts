import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import { sentence } from '../../format.js';
import { readPanelState } from '../../protocol/run.js';
import type { Problems } from '../problems.js';
import type { RunActions } from '../runs/run-actions.js';
import type { RunStore, RunUse } from '../runs/run-store.js';
import { pageOptions } from './page.js';
import { RunPanel } from './run-panel.js';

const VIEW_TYPE = 'wishbone.run';

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
    const uses = await this.#use(wanted);
    const panel = vscode.window.createWebviewPanel(VIEW_TYPE, '', vscode.ViewColumn.Active, this.#options);
    this.#attach(panel, uses);
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    panel.webview.options = this.#options;
    const folders = readPanelState(state)?.folders;
    if (folders === undefined) {
      this.#attach(panel, [], 'This panel does not know which run it showed.');
      return;
    }
    try {
      this.#attach(panel, await this.#use(folders));
    } catch (error) {
      if (!(error instanceof WishboneError)) this.problems.log(error);
      const reason =
        error instanceof WishboneError
          ? `${sentence(error.what)}: ${error.where}`
          : `The run in ${folders.join(', ')} cannot be read.`;
      this.#attach(panel, [], reason);
    }
  }

  get #options(): vscode.WebviewOptions {
    return pageOptions(this.extensionUri);
  }

  async #use(folders: readonly string[]): Promise<RunUse[]> {
    const uses = await Promise.allSettled(folders.map((folder) => this.store.use(folder)));
    const failure = uses.find((use) => use.status === 'rejected');
    const good = uses.flatMap((use) => (use.status === 'fulfilled' ? [use.value] : []));
    // One of several that is gone does not keep the others from being looked at.
    if (failure !== undefined && good.length === 0) throw failure.reason;
    return good;
  }

  #attach(panel: vscode.WebviewPanel, uses: readonly RunUse[], reason = ''): void {
    const attached = new RunPanel(panel, this, uses, reason);
    this.#panels.add(attached);
    panel.onDidDispose(() => {
      this.#panels.delete(attached);
      attached.dispose();
    });
  }
}

import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import { sentence } from '../../format.js';
import { readPanelState } from '../../protocol/run.js';
import type { Problems } from '../problems.js';
import type { RunActions } from '../runs/run-actions.js';
import type { RunStore, RunUse } from '../runs/run-store.js';
import { pageOptions } from './page.js';
import { type Opened, RunPanel } from './run-panel.js';

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
    // The page loads while the run is read: both take their time for a long one.
    const uses = this.#use(wanted);
    const panel = vscode.window.createWebviewPanel(VIEW_TYPE, '', vscode.ViewColumn.Active, this.#options);
    const opened = uses.then(
      (all) => ({ uses: all, reason: '' }),
      () => ({ uses: [], reason: '' }),
    );
    this.#attach(panel, wanted, opened);
    try {
      await uses;
    } catch (error) {
      panel.dispose();
      throw error;
    }
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    panel.webview.options = this.#options;
    const folders = readPanelState(state)?.folders;
    const opened =
      folders === undefined
        ? Promise.resolve({ uses: [], reason: 'This panel does not know which run it showed.' })
        : this.#open(folders);
    this.#attach(panel, folders ?? [], opened);
  }

  /** Runs, or why there are none. */
  async #open(folders: readonly string[]): Promise<Opened> {
    try {
      return { uses: await this.#use(folders), reason: '' };
    } catch (error) {
      if (!(error instanceof WishboneError)) this.problems.log(error);
      const reason =
        error instanceof WishboneError
          ? `${sentence(error.what)}: ${error.where}`
          : `The run in ${folders.join(', ')} cannot be read.`;
      return { uses: [], reason };
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

  #attach(panel: vscode.WebviewPanel, folders: readonly string[], opened: Promise<Opened>): void {
    const attached = new RunPanel(panel, this, folders, opened);
    this.#panels.add(attached);
    panel.onDidDispose(() => {
      this.#panels.delete(attached);
      attached.dispose();
    });
  }
}

import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../../core/errors.js';
import { sentence } from '../../../format.js';
import type { RunHostMessage, RunPageMessage, RunPageState } from '../../../protocol/run.js';
import type { Problems } from '../../problems.js';
import type { RunActions } from '../../runs/run-actions.js';
import type { RunStore, RunUse } from '../../runs/run-store.js';
import type { Page } from '../page.js';
import { Panels } from '../panels.js';
import { RUN, RunPanel } from './run-panel.js';

/** Opening a run again within this time counts as a double click. */
const DOUBLE_CLICK_MILLISECONDS = 500;

/** The runs for a panel, and the names of those that cannot be read. */
interface Opened {
  readonly uses: readonly RunUse[];
  readonly missing: readonly string[];
}

/** The run panels of this window. Those open when the window was closed come back with it. */
export class RunPanels implements vscode.Disposable {
  readonly #panels: Panels<RunPanel, RunHostMessage, RunPageMessage, RunPageState>;
  /** The run last opened as a preview, and when. */
  #previewed: { readonly folder: string; readonly at: number } | undefined;
  #opening: Promise<void> | undefined;

  constructor(
    readonly extensionUri: vscode.Uri,
    readonly store: RunStore,
    readonly actions: RunActions,
    readonly problems: Problems,
  ) {
    this.#panels = new Panels(RUN, this, (page, kept) => this.#restore(page, kept?.folders));
  }

  dispose(): void {
    this.#panels.dispose();
  }

  /**
   * Shows the panel of a run, or of several runs together.
   *
   * @throws WishboneError when a folder is no run
   */
  async show(...folders: readonly string[]): Promise<void> {
    const wanted = [...new Set(folders.map((folder) => path.resolve(folder)))];
    const open = this.#showing(wanted);
    if (open !== undefined) {
      open.isPreview = false;
      return open.page.panel.reveal();
    }
    await this.#open(wanted);
  }

  /**
   * Shows the panel of a run, and there how the margin of a pair went.
   *
   * @param row in the file, from 0
   * @throws WishboneError when the folder is no run
   */
  async showCurve(folder: string, file: string, row: number, nth: number): Promise<void> {
    await this.show(folder);
    await this.#showing([path.resolve(folder)])?.showCurve(file, row, nth);
  }

  /**
   * Shows the panel of a run, and there why its chosen rewards fell.
   *
   * @throws WishboneError when the folder is no run
   */
  async showWhy(folder: string): Promise<void> {
    await this.show(folder);
    this.#showing([path.resolve(folder)])?.showWhy();
  }

  /**
   * Shows the panel of a run, and there what was judged of its completions.
   *
   * @param id of a comparison
   * @throws WishboneError when the folder is no run
   */
  async showJudged(folder: string, id: string): Promise<void> {
    await this.show(folder);
    this.#showing([path.resolve(folder)])?.showJudged(id);
  }

  /**
   * Shows a run as the editor shows a file that is clicked: in place of the previous preview, unless that was kept. A double
   * click keeps it.
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
      return open.page.panel.reveal(undefined, !isDouble);
    }
    // The first of the two clicks is still being handled.
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
    const before = this.#panels.all.find(({ isPreview, page }) => isPreview && !this.#isPinned(page.panel));
    if (!isOn || before === undefined) {
      const panel = await this.#open([folder], true);
      if (panel !== undefined) panel.isPreview = isOn;
      return;
    }
    const use = await this.store.use(folder);
    if (!this.#panels.all.includes(before)) return use.dispose();
    await before.replace(use);
    before.page.panel.reveal(undefined, true);
  }

  #showing(folders: readonly string[]): RunPanel | undefined {
    return this.#panels.all.find((open) => open.folders.join('\n') === folders.join('\n'));
  }

  async #open(wanted: readonly string[], preserveFocus = false): Promise<RunPanel | undefined> {
    const page = this.#panels.newPage('Run', { preserveFocus });
    try {
      return await this.#fill(page, () => this.#use(wanted));
    } catch (error) {
      page.panel.dispose();
      throw error;
    }
  }

  async #restore(page: Page<RunHostMessage, RunPageMessage>, folders: readonly string[] | undefined): Promise<void> {
    const empty = (reason: string): Promise<unknown> => this.#fill(page, async () => ({ uses: [], missing: [] }), reason);
    if (folders === undefined) {
      await empty('This panel no longer knows which run it was showing.');
      return;
    }
    try {
      await this.#fill(page, () => this.#use(folders));
    } catch (error) {
      if (!(error instanceof WishboneError)) this.problems.log(error);
      const reason =
        error instanceof WishboneError ? `${sentence(error.what)}: ${error.where}` : `The run in ${folders.join(', ')} cannot be read.`;
      await empty(reason);
    }
  }

  async #use(folders: readonly string[]): Promise<Opened> {
    const uses = await Promise.allSettled(folders.map((folder) => this.store.use(folder)));
    const failure = uses.find((use) => use.status === 'rejected');
    const good = uses.flatMap((use) => (use.status === 'fulfilled' ? [use.value] : []));
    // If one of several runs is gone, the others can still be shown.
    if (failure !== undefined && good.length === 0) throw failure.reason;
    return { uses: good, missing: folders.filter((_, i) => uses[i]!.status === 'rejected').map((folder) => path.basename(folder)) };
  }

  /** The page loads while the runs are being read, because both take time. */
  async #fill(page: Page<RunHostMessage, RunPageMessage>, read: () => Promise<Opened>, reason = ''): Promise<RunPanel | undefined> {
    const { uses, missing } = await read();
    if (!page.isClosed) return this.#panels.add(page, new RunPanel(page, this, uses, missing, reason));
    uses.forEach((use) => use.dispose());
    return undefined;
  }

  /** Whether a panel's tab is pinned. */
  #isPinned(panel: vscode.WebviewPanel): boolean {
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    return tabs.some(
      (tab) =>
        tab.isPinned &&
        tab.label === panel.title &&
        tab.input instanceof vscode.TabInputWebview &&
        tab.input.viewType.includes(this.#panels.viewType),
    );
  }
}

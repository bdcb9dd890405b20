import path from 'node:path';

import type * as vscode from 'vscode';

import { LONGEST_NOTES, readLabels, rowOf, type RunListing, writeLabels } from '../../../core/run/index.js';
import { type CellValue, tableCsv } from '../../../core/run-table/index.js';
import {
  DEFAULT_RUNS_VIEW,
  readRunsPageMessage,
  readRunsPageState,
  readRunsTableView,
  type RunsAction,
  type RunsHostMessage,
  type RunsPageMessage,
  type RunsPageState,
  type RunsTableView,
} from '../../../protocol/runs.js';
import { runCommand } from '../../run-command.js';
import type { RunCatalog } from '../../runs/run-catalog.js';
import type { RunCommands } from '../../runs/run-commands.js';
import { ensureTrusted } from '../../trust.js';
import type { Asked, Page, PanelKind } from '../page.js';
import type { PanelContext } from '../panels.js';
import { saveAs } from '../save-as.js';
import { readMarkdown } from '../../markdown.js';

export const RUNS: PanelKind<RunsPageMessage, RunsPageState> = {
  name: 'runs',
  title: 'Runs',
  readMessage: readRunsPageMessage,
  readState: readRunsPageState,
};

/** Where the workspace remembers how the table is looked at. */
const VIEW_KEY = 'runs.table';
/** What of the runs is looked at. */
export type RunsLook = Pick<RunsTableView, 'filter' | 'group'>;

/** Has the table of this workspace look at these runs. */
export async function keepLook(memory: vscode.Memento, look: RunsLook): Promise<void> {
  const view = readRunsTableView(memory.get(VIEW_KEY)) ?? DEFAULT_RUNS_VIEW;
  await memory.update(VIEW_KEY, { ...view, filter: look.filter, group: look.group } satisfies RunsTableView);
}

/** How often runs that go on are drawn anew at most. */
const CHANGES_MILLISECONDS = 500;

/** What the panel needs from the window. */
export interface RunsContext extends PanelContext {
  readonly catalog: RunCatalog;
  readonly commands: RunCommands;
  readonly memory: vscode.Memento;
}

/** The workspace's runs as a table. The page sorts, filters and groups; what is done with runs is done here. */
export class RunsPanel implements vscode.Disposable {
  readonly #disposables: vscode.Disposable[] = [];
  readonly #changed = new Map<string, RunListing>();
  #timer: NodeJS.Timeout | undefined;
  /** Runs came or went since they were last sent. */
  #isStale = false;

  constructor(
    readonly page: Page<RunsHostMessage, RunsPageMessage>,
    readonly context: RunsContext,
  ) {
    // Asked for while the page still loads; the catalog keeps the answer.
    context.catalog.all().catch((error: unknown) => context.problems.log(error));
    this.#disposables.push(context.catalog.onDidChange((listing) => this.#onChange(listing)));
    page.listen({ show: () => this.show(), answer: (message) => this.#answer(message) });
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const disposable of this.#disposables) disposable.dispose();
    this.page.dispose();
  }

  /** Shows all runs, looked at as the workspace has it. */
  async show(): Promise<void> {
    const view = readRunsTableView(this.context.memory.get(VIEW_KEY)) ?? DEFAULT_RUNS_VIEW;
    this.#send({ type: 'view', view });
    await this.#sendRuns();
  }

  async #sendRuns(): Promise<void> {
    this.#isStale = false;
    this.#changed.clear();
    const listings = await this.context.catalog.all();
    this.#send({ type: 'runs', ...withoutCommon(listings.map(rowOf)) });
  }

  #onChange(listing: RunListing | undefined): void {
    if (listing === undefined) this.#isStale = true;
    else this.#changed.set(listing.folder, listing);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (!this.page.isReady) return;
      if (this.#isStale) {
        this.#sendRuns().catch((error: unknown) => this.context.problems.log(error));
        return;
      }
      for (const each of this.#changed.values()) this.#send({ type: 'changed', row: rowOf(each) });
      this.#changed.clear();
    }, CHANGES_MILLISECONDS);
  }

  async #answer(message: Asked<RunsPageMessage>): Promise<void> {
    switch (message.type) {
      case 'launch':
        return runCommand('wishbone.launchRun');
      case 'refresh':
        return this.context.catalog.refresh();
      case 'act':
        return this.#act(message.action, message.folders);
      case 'keep-view':
        return this.#keep(message.view);
      case 'get-notes':
        return this.#sendNotes(message.folder);
      case 'set-notes':
        return this.#setNotes(message.folder, message.notes);
      case 'save-csv':
        return this.#saveCsv(message.columns, message.folders);
    }
  }

  async #act(action: RunsAction, given: readonly string[]): Promise<void> {
    const { commands, catalog } = this.context;
    const folders = await this.#known(given);
    const [first] = folders;
    if (first === undefined) return;
    switch (action) {
      case 'open':
        return runCommand('wishbone.openRun', first);
      case 'compare':
        return commands.compare(undefined, folders);
      case 'tag':
        return commands.tag(undefined, folders);
      case 'delete':
        return commands.delete(undefined, folders);
      case 'pin':
      case 'unpin': {
        if (!(await ensureTrusted())) return;
        for (const folder of folders) {
          const { pinned: _before, ...labels } = await readLabels(folder);
          await writeLabels(folder, { ...labels, ...(action === 'pin' ? { pinned: true } : {}) });
          await catalog.look(folder);
        }
      }
    }
  }

  async #keep(view: RunsTableView): Promise<void> {
    await this.context.memory.update(VIEW_KEY, view);
  }

  async #sendNotes(folder: string): Promise<void> {
    const [known] = await this.#known([folder]);
    if (known === undefined) return;
    const { notes = '' } = await readLabels(known);
    this.#send({ type: 'notes', folder, notes, read: await readMarkdown(notes) });
  }

  async #setNotes(folder: string, notes: string): Promise<void> {
    const [known] = await this.#known([folder]);
    if (known === undefined || !(await ensureTrusted())) return;
    const { notes: _before, ...labels } = await readLabels(known);
    const kept = notes.slice(0, LONGEST_NOTES);
    await writeLabels(known, { ...labels, ...(kept.trim() === '' ? {} : { notes: kept }) });
    await this.context.catalog.look(known);
    await this.#sendNotes(folder);
  }

  async #saveCsv(columns: readonly string[], folders: readonly string[]): Promise<void> {
    const rows = new Map((await this.context.catalog.all()).map((listing) => [listing.folder, listing]));
    const shown = folders.flatMap((folder) => rows.get(folder) ?? []).map(rowOf);
    const csv = tableCsv(
      shown,
      columns.map((id) => ({ id })),
    );
    const [runs] = this.context.catalog.store.runsFolders;
    const workspace = runs === undefined ? '/' : path.dirname(path.dirname(runs));
    return saveAs(workspace, 'runs.csv', { CSV: ['csv'] }, () => Buffer.from(csv));
  }

  /** Those of these folders that are runs of this workspace: a page names no others. */
  async #known(folders: readonly string[]): Promise<string[]> {
    const all = new Set((await this.context.catalog.all()).map(({ folder }) => folder));
    return folders.filter((folder) => all.has(folder));
  }

  #send(message: RunsHostMessage): void {
    void this.page.send(message);
  }
}

type Row = ReturnType<typeof rowOf>;

/** The same rows, with the cells that all of them have alike apart: a thousand runs differ in few options. */
function withoutCommon(rows: readonly Row[]): { readonly common: Readonly<Record<string, CellValue>>; readonly rows: readonly Row[] } {
  const common: Record<string, CellValue> = { ...rows[0]?.cells };
  for (const { cells } of rows) for (const id of Object.keys(common)) if (cells[id] !== common[id]) delete common[id];
  const own = ({ folder, cells }: Row): Row => ({
    folder,
    cells: Object.fromEntries(Object.entries(cells).filter(([id]) => !(id in common))),
  });
  return { common, rows: rows.map(own) };
}

import path from 'node:path';

import * as vscode from 'vscode';

import { datasetName, isActive, isResumable, type RunListing, type RunState } from '../../core/run/index.js';
import { plural } from '../../format.js';
import { commandLink } from '../commands.js';
import { runDescription, runLabel, runRows, STATE_ICONS, STATE_NAMES } from '../run-text.js';
import type { RunCatalog } from '../runs/run-catalog.js';
import { askForFilter } from './filter-input.js';
import { matchesFilter, parseFilter, type RunSort, sortedListings, SORTS } from './run-filter.js';
import { tooltipTable } from './tooltip.js';

/** How often a run that goes is drawn anew at most. */
const REDRAW_MILLISECONDS = 500;
/** Where the workspace remembers what is shown, and whether something is left out: the view's title and welcome ask for it. */
const FILTER_KEY = 'runs.filter';
const SORT_KEY = 'runs.sort';
const FILTERED_CONTEXT = 'wishbone.runs.filtered';

export interface DatasetGroup {
  readonly kind: 'group';
  /** Absolute path of the dataset; empty for runs that cannot be read. */
  readonly dataset: string;
  readonly runs: RunNode[];
}

export interface RunNode {
  readonly kind: 'run';
  readonly folder: string;
  listing: RunListing;
}

export type RunsViewNode = DatasetGroup | RunNode;

const STATE_COLORS: Readonly<Partial<Record<RunState, string>>> = {
  queued: 'charts.yellow',
  running: 'charts.blue',
  starting: 'charts.blue',
  stopping: 'charts.blue',
  finished: 'charts.green',
  failed: 'charts.red',
  crashed: 'charts.red',
};

/** The Runs view: the workspace's runs, those of one dataset together, in an order and as far as a filter says. */
export class RunsView implements vscode.TreeDataProvider<RunsViewNode>, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<RunsViewNode | undefined>();
  readonly #disposables: vscode.Disposable[] = [this.#changed];
  readonly #nodes = new Map<string, RunNode>();
  readonly #stale = new Set<RunNode>();
  #redraw: NodeJS.Timeout | undefined;
  readonly tree: vscode.TreeView<RunsViewNode>;
  readonly onDidChangeTreeData = this.#changed.event;
  #filter: string;
  #sort: RunSort;

  constructor(
    readonly catalog: RunCatalog,
    readonly memory: vscode.Memento,
  ) {
    this.#filter = memory.get<string>(FILTER_KEY, '');
    const sort = memory.get<string>(SORT_KEY, 'newest');
    this.#sort = Object.hasOwn(SORTS, sort) ? (sort as RunSort) : 'newest';
    this.tree = vscode.window.createTreeView<RunsViewNode>('wishbone.runs', {
      treeDataProvider: this,
      canSelectMany: true,
      showCollapseAll: true,
    });
    this.#disposables.push(
      this.tree,
      catalog.onDidChange((listing) => this.#onChange(listing)),
      // Whatever was missed meanwhile: on some file systems nobody tells of changes.
      this.tree.onDidChangeVisibility(({ visible }) => {
        if (visible) void catalog.refresh();
      }),
    );
  }

  dispose(): void {
    clearTimeout(this.#redraw);
    for (const disposable of this.#disposables) disposable.dispose();
  }

  /** Asks which runs to show. */
  async filter(): Promise<void> {
    const before = this.#filter;
    const text = await askForFilter(await this.catalog.all(), before, (typed) => this.#show({ filter: typed }));
    this.#show({ filter: text ?? before });
    await this.memory.update(FILTER_KEY, this.#filter);
  }

  async clearFilter(): Promise<void> {
    this.#show({ filter: '' });
    await this.memory.update(FILTER_KEY, undefined);
  }

  /** Asks for an order. */
  async sort(): Promise<void> {
    const items = Object.entries(SORTS).map(([sort, label]) => ({
      label,
      description: sort === this.#sort ? 'current' : '',
      sort: sort as RunSort,
    }));
    const picked = await vscode.window.showQuickPick(items, { title: 'Sort Runs', placeHolder: 'Within each dataset' });
    if (picked === undefined) return;
    this.#show({ sort: picked.sort });
    await this.memory.update(SORT_KEY, picked.sort);
  }

  #show({ filter = this.#filter, sort = this.#sort }: { readonly filter?: string; readonly sort?: RunSort }): void {
    if (filter === this.#filter && sort === this.#sort) return;
    this.#filter = filter;
    this.#sort = sort;
    this.#changed.fire(undefined);
  }

  /** Says what is left out and in which order the rest is. */
  #tell(shown: number, all: number): void {
    const filter = this.#filter.trim();
    void vscode.commands.executeCommand('setContext', FILTERED_CONTEXT, filter !== '' && all > 0);
    this.tree.message = filter === '' || shown === 0 ? '' : `${shown} of ${plural(all, 'run')} · ${filter}`;
    this.tree.description = this.#sort === 'newest' ? '' : SORTS[this.#sort].toLowerCase();
  }

  async getChildren(node?: RunsViewNode): Promise<RunsViewNode[]> {
    if (node?.kind === 'group') return node.runs;
    if (node !== undefined) return [];
    const groups = new Map<string, DatasetGroup>();
    const all = await this.catalog.all();
    const filter = parseFilter(this.#filter);
    const listings = sortedListings(
      all.filter((listing) => matchesFilter(listing, filter)),
      this.#sort,
    );
    this.#tell(listings.length, all.length);
    const nodes = listings.map((listing): RunNode => {
      const known = this.#nodes.get(listing.folder);
      if (known !== undefined) known.listing = listing;
      return known ?? { kind: 'run', folder: listing.folder, listing };
    });
    this.#nodes.clear();
    for (const run of nodes) {
      this.#nodes.set(run.folder, run);
      const dataset = run.listing.problem === undefined ? run.listing.config.dataset.path : '';
      const group = groups.get(dataset) ?? { kind: 'group', dataset, runs: [] };
      groups.set(dataset, group);
      group.runs.push(run);
    }
    return [...groups.values()];
  }

  getTreeItem(node: RunsViewNode): vscode.TreeItem {
    return node.kind === 'group' ? groupItem(node) : runItem(node);
  }

  getParent(): undefined {
    return undefined;
  }

  #onChange(listing: RunListing | undefined): void {
    const node = listing === undefined ? undefined : this.#nodes.get(listing.folder);
    if (listing === undefined || node === undefined) {
      this.#changed.fire(undefined);
      return;
    }
    node.listing = listing;
    this.#stale.add(node);
    this.#redraw ??= setTimeout(() => {
      this.#redraw = undefined;
      for (const stale of this.#stale) this.#changed.fire(stale);
      this.#stale.clear();
    }, REDRAW_MILLISECONDS);
  }
}

function groupItem({ dataset, runs }: DatasetGroup): vscode.TreeItem {
  const listing = runs[0]?.listing;
  const name = listing === undefined || listing.problem !== undefined ? 'Cannot be read' : datasetName(listing.config.dataset);
  const item = new vscode.TreeItem(name, vscode.TreeItemCollapsibleState.Expanded);
  item.id = `group:${dataset}`;
  item.description = plural(runs.length, 'run');
  item.iconPath = new vscode.ThemeIcon(dataset === '' ? 'question' : 'database');
  item.contextValue = dataset === '' ? 'group.broken' : 'group';
  if (dataset !== '') item.tooltip = dataset;
  return item;
}

function runItem({ folder, listing }: RunNode): vscode.TreeItem {
  const item = new vscode.TreeItem(
    runLabel(listing.problem === undefined ? listing.config.name : path.basename(folder)),
    vscode.TreeItemCollapsibleState.None,
  );
  item.id = `run:${folder}`;
  item.description = runDescription(listing);
  if (listing.problem !== undefined) {
    item.iconPath = new vscode.ThemeIcon('question');
    item.tooltip = `${listing.problem.what}\n${listing.problem.where}`;
    item.contextValue = 'run.broken';
    return item;
  }
  const { state } = listing;
  const color = STATE_COLORS[state];
  const icon = /\$\((.*)\)/.exec(STATE_ICONS[state])![1]!;
  item.iconPath = new vscode.ThemeIcon(icon, color === undefined ? undefined : new vscode.ThemeColor(color));
  item.tooltip = tooltipTable(listing.config.name, runRows(listing));
  item.accessibilityInformation = { label: `${listing.config.name}, ${STATE_NAMES[state]}, ${item.description}` };
  item.contextValue = `run.${isActive(state) ? 'active' : isResumable(state) || state === 'planned' ? 'resumable' : 'ended'}${state === 'failed' ? '.failed' : ''}${listing.figures?.best === undefined ? '' : '.evaluated'}`;
  item.command = commandLink('Open Run', 'wishbone.openRun', folder, 'preview');
  return item;
}

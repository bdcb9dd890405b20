import path from 'node:path';

import * as vscode from 'vscode';

import { datasetName, isActive, isResumable, type RunListing, type RunState } from '../../core/run/index.js';
import type { FilterProblem } from '../../core/run-table/index.js';
import { plural } from '../../format.js';
import { commandLink } from '../commands.js';
import { placeOf } from '../workspace.js';
import { runDescription, runLabel, runRows, STATE_ICONS, STATE_NAMES } from '../run-text.js';
import type { Problems } from '../problems.js';
import type { RunCatalog } from '../runs/run-catalog.js';
import { sweepProgress, type SweepProgress, type TrialProgress } from '../../core/sweep/index.js';
import type { SweepCatalog, SweepListing } from '../sweeps/sweep-catalog.js';
import type { KnownSweep } from '../sweeps/sweep-commands.js';
import { sweepItem, TRIAL_ICONS, trialState, waitingItem } from './sweep-items.js';
import { trialDescription } from '../sweeps/sweep-text.js';
import { askForFilter } from './filter-input.js';
import { type KeptNodes, keepNodes } from './kept-nodes.js';
import { filteredRuns, filterProblemText, type RunSort, sortedListings, SORTS } from './run-filter.js';
import { tooltipTable } from './tooltip.js';

/** How often a run that goes is drawn anew at most. */
const REDRAW_MILLISECONDS = 500;
/** What changes in several steps, as a folder that goes, is looked at when it has. */
const SETTLED_MILLISECONDS = 250;
/** Where the workspace remembers what is shown, and whether something is left out: the view's title and welcome ask for it. */
const FILTER_KEY = 'runs.filter';
const SORT_KEY = 'runs.sort';
const FILTERED_CONTEXT = 'wishbone.runs.filtered';

export interface DatasetGroup {
  readonly kind: 'group';
  /** Absolute path of the dataset; empty for runs that cannot be read. */
  readonly dataset: string;
  /** Which of the datasets of that name it is; empty where there is no other. */
  place: string;
  runs: readonly RunNode[];
}

export interface RunNode {
  readonly kind: 'run';
  readonly folder: string;
  listing: RunListing;
}

/** A sweep, with its runs below it. */
export interface SweepNode {
  readonly kind: 'sweep';
  sweep: SweepListing;
  /** Undefined for one that cannot be read. */
  progress: SweepProgress | undefined;
  runs: readonly TrialNode[];
}

/** A run of a sweep, begun or not. */
export interface TrialNode {
  readonly kind: 'trial';
  readonly sweepFile: string;
  trial: TrialProgress;
  readonly folder: string | undefined;
  listing: RunListing | undefined;
}

export type RunsViewNode = DatasetGroup | RunNode | SweepNode | TrialNode;

const STATE_COLORS: Readonly<Partial<Record<RunState, string>>> = {
  queued: 'charts.yellow',
  running: 'charts.blue',
  starting: 'charts.blue',
  stopping: 'charts.blue',
  finished: 'charts.green',
  failed: 'charts.red',
  crashed: 'charts.red',
};

/** The Runs view: the workspace's sweeps with their runs, and its other runs, those of one dataset together, in an order and as far as a filter says. */
export class RunsView implements vscode.TreeDataProvider<RunsViewNode>, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<RunsViewNode | undefined>();
  readonly #disposables: vscode.Disposable[] = [this.#changed];
  /** What is shown; undefined before anybody has looked. */
  #roots: readonly RunsViewNode[] | undefined;
  /** They were made for the question that VS Code is about to ask. */
  #isReady = false;
  #turns: Promise<void> = Promise.resolve();
  #asked: NodeJS.Timeout | undefined;
  /** Runs that are shown, by folder. */
  readonly #nodes = new Map<string, RunNode | TrialNode>();
  readonly #stale = new Set<RunNode | TrialNode>();
  #redraw: NodeJS.Timeout | undefined;
  #selected: readonly RunsViewNode[] = [];
  readonly tree: vscode.TreeView<RunsViewNode>;
  readonly onDidChangeTreeData = this.#changed.event;
  #filter: string;
  #sort: RunSort;

  constructor(
    readonly catalog: RunCatalog,
    readonly sweeps: SweepCatalog,
    readonly memory: vscode.Memento,
    readonly problems: Problems,
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
      // The tree itself has none while it is drawn anew.
      this.tree.onDidChangeSelection(({ selection }) => (this.#selected = selection)),
      // Whatever was missed meanwhile: on some file systems nobody tells of changes.
      this.tree.onDidChangeVisibility(({ visible }) => {
        if (visible) void catalog.refresh();
        sweeps.follow(visible);
      }),
      sweeps.onDidChange(() => this.#update()),
    );
    sweeps.follow(this.tree.visible);
  }

  /** What is selected, in its order; also while the tree is drawn anew. */
  get selected(): readonly RunsViewNode[] {
    return this.#selected;
  }

  dispose(): void {
    clearTimeout(this.#redraw);
    clearTimeout(this.#asked);
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
    this.#update(0);
  }

  /** Says what is left out and in which order the rest is. */
  #tell(shown: number, all: number, problem: FilterProblem | undefined): void {
    const filter = this.#filter.trim();
    void vscode.commands.executeCommand('setContext', FILTERED_CONTEXT, filter !== '' && all > 0);
    const some = filter === '' || shown === 0 ? '' : `${shown} of ${plural(all, 'run')} · ${filter}`;
    this.tree.message = [some, problem === undefined ? '' : filterProblemText(problem)].filter((text) => text !== '').join(' · ');
    this.tree.description = this.#sort === 'newest' ? '' : SORTS[this.#sort].toLowerCase();
  }

  async getChildren(node?: RunsViewNode): Promise<RunsViewNode[]> {
    if (node?.kind === 'group' || node?.kind === 'sweep') return [...node.runs];
    if (node !== undefined) return [];
    if (!this.#isReady) await this.#inTurn(async () => void this.#keep(await this.#made()));
    this.#isReady = false;
    return [...(this.#roots ?? [])];
  }

  /** One after the other: what was made earlier must not be kept later. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turns.then(work);
    this.#turns = turn.catch(() => undefined);
    return turn;
  }

  /** Has drawn what has become another, once for all who ask meanwhile. */
  #update(milliseconds = SETTLED_MILLISECONDS): void {
    this.#asked ??= setTimeout(() => {
      this.#asked = undefined;
      this.#inTurn(() => this.#draw()).catch((error: unknown) => this.problems.log(error));
    }, milliseconds);
  }

  /** Draws what has become another: the whole tree only where it has other entries. */
  async #draw(): Promise<void> {
    if (this.#roots === undefined) return this.#changed.fire(undefined);
    const { isAnother, changed } = this.#keep(await this.#made());
    this.#isReady ||= isAnother;
    if (isAnother) this.#changed.fire(undefined);
    else for (const node of changed) this.#changed.fire(node);
  }

  /** Shows these roots, with the nodes that are shown already. */
  #keep(made: readonly RunsViewNode[]): KeptNodes<RunsViewNode> {
    const kept = keepNodes(this.#roots ?? [], made, {
      id: idOf,
      children: childrenOf,
      // Listings of runs stay the same objects until there is something new.
      drawn: (node) => (node.kind === 'run' ? node.listing : this.getTreeItem(node)),
      take,
    });
    this.#roots = kept.roots;
    this.#nodes.clear();
    for (const node of kept.roots.flatMap(childrenOf))
      if ((node.kind === 'run' || node.kind === 'trial') && node.folder !== undefined) this.#nodes.set(node.folder, node);
    return kept;
  }

  /** The tree anew. */
  async #made(): Promise<RunsViewNode[]> {
    const groups = new Map<string, RunNode[]>();
    const all = await this.catalog.all();
    const { shown, problem } = filteredRuns(all, this.#filter);
    const listings = sortedListings(shown, this.#sort);
    this.#tell(listings.length, all.length, problem);
    const sweeps = this.#sweepNodes(await this.known(), listings);
    const trials = sweeps.flatMap(({ runs }) => runs);
    const inSweeps = new Set(trials.map(({ folder }) => folder));
    for (const listing of listings) {
      if (inSweeps.has(listing.folder)) continue;
      const dataset = listing.problem === undefined ? listing.config.dataset.path : '';
      const group = groups.get(dataset) ?? [];
      groups.set(dataset, group);
      group.push({ kind: 'run', folder: listing.folder, listing });
    }
    return [...sweeps, ...withPlaces([...groups].map(([dataset, runs]) => ({ kind: 'group', dataset, place: '', runs })))];
  }

  /** All sweeps of the workspace, those at work first. */
  async known(): Promise<KnownSweep[]> {
    const [all, sweeps] = await Promise.all([this.catalog.all(), this.sweeps.all()]);
    const states = new Map(all.map((listing) => [listing.folder, listing.problem === undefined ? listing.state : undefined]));
    const known = sweeps.map((sweep): KnownSweep => {
      const progress = sweep.problem === undefined ? sweepProgress(sweep.record, (folder) => states.get(folder)) : undefined;
      return { sweep, progress };
    });
    const rank = ({ sweep }: KnownSweep): number => (sweep.problem === undefined && sweep.isAtWork ? 0 : 1);
    return known.sort((a, b) => rank(a) - rank(b));
  }

  /** Brings a sweep into view. @param file its record */
  async reveal(file: string): Promise<void> {
    await this.sweeps.refresh();
    await this.#inTurn(async () => {
      if (this.#roots === undefined) this.#keep(await this.#made());
      else await this.#draw();
    });
    const node = this.#roots?.find((each) => each.kind === 'sweep' && each.sweep.file === file);
    // A filter may leave it out.
    if (node === undefined) await vscode.commands.executeCommand('wishbone.runs.focus');
    else await this.tree.reveal(node, { select: true, focus: true, expand: true });
  }

  /** With a filter, sweeps have only the runs that it lets through. */
  #sweepNodes(known: readonly KnownSweep[], listings: readonly RunListing[]): SweepNode[] {
    const shown = new Map(listings.map((listing) => [listing.folder, listing]));
    const isFiltered = this.#filter.trim() !== '';
    const nodes = known.map(({ sweep, progress }): SweepNode => {
      const runs = (progress?.trials ?? []).map((trial): TrialNode => {
        const listing = trial.folder === undefined ? undefined : shown.get(trial.folder);
        return { kind: 'trial', sweepFile: sweep.file, trial, folder: listing?.folder, listing };
      });
      return { kind: 'sweep', sweep, progress, runs: isFiltered ? runs.filter(({ listing }) => listing !== undefined) : runs };
    });
    return isFiltered ? nodes.filter(({ runs }) => runs.length > 0) : nodes;
  }

  getTreeItem(node: RunsViewNode): vscode.TreeItem {
    switch (node.kind) {
      case 'group':
        return groupItem(node);
      case 'sweep':
        return sweepItem(node.sweep, node.progress);
      case 'trial':
        return trialItem(node);
      case 'run':
        return runItem(node);
    }
  }

  getParent(): undefined {
    return undefined;
  }

  #onChange(listing: RunListing | undefined): void {
    const node = listing === undefined ? undefined : this.#nodes.get(listing.folder);
    if (listing === undefined || node === undefined) {
      this.#update();
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

function idOf(node: RunsViewNode): string {
  switch (node.kind) {
    case 'group':
      return `group:${node.dataset}`;
    case 'sweep':
      return `sweep:${node.sweep.file}`;
    case 'trial':
      return `trial:${node.sweepFile}:${node.trial.name}:${node.folder ?? ''}`;
    case 'run':
      return `run:${node.folder}`;
  }
}

function childrenOf(node: RunsViewNode): readonly RunsViewNode[] {
  return node.kind === 'group' || node.kind === 'sweep' ? node.runs : [];
}

/** @param from of the same kind, as their ids are the same */
function take(node: RunsViewNode, from: RunsViewNode, children: readonly RunsViewNode[]): void {
  if (node.kind === 'sweep' && from.kind === 'sweep') {
    node.sweep = from.sweep;
    node.progress = from.progress;
    node.runs = children as readonly TrialNode[];
  } else if (node.kind === 'trial' && from.kind === 'trial') {
    node.trial = from.trial;
    node.listing = from.listing;
  } else if (node.kind === 'run' && from.kind === 'run') {
    node.listing = from.listing;
  } else if (node.kind === 'group') {
    if (from.kind === 'group') node.place = from.place;
    node.runs = children as readonly RunNode[];
  }
}

/** Datasets of the same name are told apart by their folders. */
function withPlaces(groups: readonly DatasetGroup[]): DatasetGroup[] {
  const names = groups.map(groupName);
  return groups.map((group, at) => {
    const isOnly = names.every((name, other) => other === at || name !== names[at]);
    return isOnly || group.dataset === '' ? group : { ...group, place: placeOf(group.dataset) };
  });
}

function groupName({ runs }: DatasetGroup): string {
  const listing = runs[0]?.listing;
  return listing === undefined || listing.problem !== undefined ? 'Cannot be read' : datasetName(listing.config.dataset);
}

function groupItem(group: DatasetGroup): vscode.TreeItem {
  const { dataset, place, runs } = group;
  const item = new vscode.TreeItem(groupName(group), vscode.TreeItemCollapsibleState.Expanded);
  item.id = `group:${dataset}`;
  item.description = [plural(runs.length, 'run'), place].filter((text) => text !== '').join(' · ');
  item.iconPath = new vscode.ThemeIcon(dataset === '' ? 'question' : 'database');
  item.contextValue = dataset === '' ? 'group.broken' : 'group';
  if (dataset !== '') item.tooltip = dataset;
  return item;
}

function trialItem({ sweepFile, trial, folder, listing }: TrialNode): vscode.TreeItem {
  if (folder === undefined || listing === undefined) return waitingItem(sweepFile, trial);
  const plain = listing.problem === undefined ? { ...listing, tags: [] } : listing;
  const item = runItem({ folder, listing: plain });
  item.label = trial.name === '' ? item.label! : trial.name;
  const told = trial.state === 'finished' || trial.state === 'working' ? [] : [trialDescription(trial)];
  item.description = [...told, item.description].join(' · ');
  const icon = TRIAL_ICONS[trial.state];
  if (icon !== undefined) item.iconPath = icon;
  // Before what the run itself is: menus ask how it begins and ends.
  item.contextValue = item.contextValue?.replace(/^run\.(\w+)/, `run.$1.${trialState(trial)}`) ?? '';
  return item;
}

function runItem({ folder, listing }: Pick<RunNode, 'folder' | 'listing'>): vscode.TreeItem {
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

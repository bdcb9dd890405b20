import path from 'node:path';

import * as vscode from 'vscode';

import { formDescriptions, type DatasetForm } from '../../core/dataset/index.js';
import { bySeverity } from '../../core/checks/index.js';
import type { DatasetSummary } from '../../core/checks/dataset-summary.js';
import { WishboneError } from '../../core/errors.js';
import { mayBeDataset } from '../../core/dataset/file-kinds.js';
import { lookAtDataset } from '../paths/look-at-dataset.js';
import { DATASETS, findDatasets } from '../datasets/find-datasets.js';
import type { DatasetSummaries } from '../datasets/summaries.js';
import { placeOf } from '../workspace.js';
import type { Problems } from '../problems.js';
import { datasetDescription, datasetFacts } from './dataset-text.js';

/** How long changes of files must rest before the list is looked through again. */
const REST_MILLISECONDS = 500;

export interface DatasetNode {
  readonly kind: 'dataset';
  readonly file: string;
  /** Undefined of a file that cannot be read. */
  form: DatasetForm | undefined;
  /** What `summary` is of. */
  version: string;
  summary: DatasetSummary | WishboneError | undefined;
}

interface FactNode {
  readonly kind: 'fact';
  readonly label: string;
  readonly description: string;
  readonly icon: string;
}

type Node = DatasetNode | FactNode;

/** The Datasets view: the workspace's preference files with what is in them. Looks for them when it is first shown. */
export class DatasetsView implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<Node | undefined>();
  readonly #disposables: vscode.Disposable[] = [this.#changed];
  readonly #nodes = new Map<string, DatasetNode>();
  readonly tree: vscode.TreeView<Node>;
  readonly onDidChangeTreeData = this.#changed.event;
  #search: AbortController | undefined;
  #isWatching = false;
  #rest: NodeJS.Timeout | undefined;

  constructor(
    readonly summaries: DatasetSummaries,
    readonly problems: Problems,
  ) {
    this.tree = vscode.window.createTreeView<Node>('wishbone.datasets', { treeDataProvider: this });
    this.#disposables.push(
      this.tree,
      summaries.onDidChange(() => {
        if (this.#search !== undefined) void this.refresh();
      }),
    );
  }

  dispose(): void {
    this.#search?.abort();
    clearTimeout(this.#rest);
    for (const disposable of this.#disposables) disposable.dispose();
  }

  async getChildren(node?: Node): Promise<Node[]> {
    if (node?.kind === 'dataset') return factsOf(node);
    if (node !== undefined) return [];
    if (this.#search === undefined) await this.refresh();
    return [...this.#nodes.values()];
  }

  getTreeItem(node: Node): vscode.TreeItem {
    return node.kind === 'dataset' ? datasetItem(node, this.#isOnly(node)) : factItem(node);
  }

  /** Whether no other file has its name. */
  #isOnly({ file }: DatasetNode): boolean {
    const name = path.basename(file);
    return [...this.#nodes.keys()].every((other) => other === file || path.basename(other) !== name);
  }

  /** Looks through the workspace again; files that have not changed keep their summaries. */
  async refresh(): Promise<void> {
    this.#watch();
    this.#search?.abort();
    const search = new AbortController();
    this.#search = search;
    const before = new Map(this.#nodes);
    const found = new Set<string>();
    for await (const { file, form, problem } of findDatasets(search.signal)) {
      found.add(file);
      const version = await this.summaries.key(file);
      const known = before.get(file);
      const node: DatasetNode = known ?? { kind: 'dataset', file, form, version, summary: undefined };
      if (node.version !== version) node.summary = undefined;
      node.form = form;
      node.version = version;
      this.#nodes.set(file, node);
      if (problem !== undefined) {
        node.summary = problem;
        this.#changed.fire(undefined);
      } else if (node.summary === undefined) void this.#summarise(node, search.signal).catch((error: unknown) => this.problems.log(error));
    }
    if (search.signal.aborted) return;
    for (const file of before.keys()) if (!found.has(file)) this.#nodes.delete(file);
    this.#changed.fire(undefined);
  }

  async #summarise(node: DatasetNode, signal: AbortSignal): Promise<void> {
    const { version } = node;
    const summary = await this.summaries.of(node.file);
    if (signal.aborted || node.version !== version) return;
    node.summary = summary;
    this.#changed.fire(node);
  }

  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const watcher = vscode.workspace.createFileSystemWatcher(DATASETS);
    const look = ({ fsPath }: vscode.Uri): void => {
      if (!mayBeDataset(fsPath) || /\/(node_modules|\.git|\.wishbone)\//.test(fsPath)) return;
      clearTimeout(this.#rest);
      this.#rest = setTimeout(() => {
        void this.#lookAgain(fsPath).catch((error: unknown) => this.problems.log(error));
      }, REST_MILLISECONDS);
    };
    this.#disposables.push(
      watcher,
      watcher.onDidCreate(look),
      watcher.onDidChange(look),
      watcher.onDidDelete(look),
      vscode.workspace.onDidChangeWorkspaceFolders(() => void this.refresh()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => void this.refresh()),
    );
  }

  /** Most JSON files that change are no preference files: then nothing is searched. */
  async #lookAgain(file: string): Promise<void> {
    if (this.#nodes.has(file)) return this.refresh();
    const { form, problem } = await lookAtDataset(file);
    if (form !== undefined || problem !== undefined) await this.refresh();
  }
}

function datasetItem({ file, form, summary }: DatasetNode, isOnly: boolean): vscode.TreeItem {
  const item = new vscode.TreeItem(path.basename(file), vscode.TreeItemCollapsibleState.Collapsed);
  item.id = `dataset:${file}`;
  item.resourceUri = vscode.Uri.file(file);
  const told = [datasetDescription(summary), placeOf(file)];
  // A side bar cuts off what comes last: of files of the same name, that may not be which one it is.
  const description = (isOnly ? told : told.reverse()).filter((text) => text !== '').join(' · ');
  item.description = description;
  const bad = summary instanceof WishboneError || (summary !== undefined && isBad(summary));
  item.iconPath =
    summary === undefined
      ? new vscode.ThemeIcon('loading~spin')
      : new vscode.ThemeIcon(bad ? 'warning' : 'database', bad ? new vscode.ThemeColor('list.warningForeground') : undefined);
  item.tooltip = form === undefined ? file : `${file}\n${formDescriptions[form]}`;
  item.accessibilityInformation = { label: `${path.basename(file)}, ${description}` };
  item.contextValue = 'dataset';
  item.command = { command: 'vscode.open', title: 'Open', arguments: [vscode.Uri.file(file)] };
  return item;
}

/** True where something keeps rows from training or makes it worse; notes do not. */
function isBad({ counts, badRows, columns }: DatasetSummary): boolean {
  if (counts === undefined) return badRows.rows > 0 || columns.warnings.length > 0;
  const { error, warning } = bySeverity(counts);
  return error + warning > 0;
}

function factsOf({ form, summary }: DatasetNode): FactNode[] {
  return datasetFacts(form, summary).map((fact) => ({ kind: 'fact', ...fact }));
}

function factItem({ label, description, icon }: FactNode): vscode.TreeItem {
  const item = new vscode.TreeItem(label);
  item.description = description;
  item.tooltip = `${label}: ${description}`;
  item.iconPath = new vscode.ThemeIcon(icon);
  return item;
}

import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import { askBackends } from '../../core/runner/index.js';
import { sentence } from '../../format.js';
import { reach } from '../milestones.js';
import type { Problems } from '../problems.js';
import { type DeviceRow, deviceRows } from './device-text.js';

/** The Devices view: what the runner can compute on. Asks it when the view is first shown. */
export class DevicesView implements vscode.TreeDataProvider<DeviceRow>, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly #tree: vscode.TreeView<DeviceRow>;
  readonly #settings: vscode.Disposable;
  #rows: Promise<DeviceRow[]> | undefined;
  readonly onDidChangeTreeData = this.#changed.event;

  constructor(readonly problems: Problems) {
    this.#tree = vscode.window.createTreeView<DeviceRow>('wishbone.devices', { treeDataProvider: this });
    this.#settings = vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('wishbone.runner')) this.refresh();
    });
  }

  dispose(): void {
    this.#tree.dispose();
    this.#settings.dispose();
    this.#changed.dispose();
  }

  getChildren(row?: DeviceRow): Promise<DeviceRow[]> | DeviceRow[] {
    return row === undefined ? (this.#rows ??= this.#ask()) : [];
  }

  getTreeItem({ label, description, icon, available }: DeviceRow): vscode.TreeItem {
    const item = new vscode.TreeItem(label);
    item.description = description;
    item.tooltip = `${label}\n${description}`;
    item.iconPath = new vscode.ThemeIcon(icon, available ? undefined : new vscode.ThemeColor('disabledForeground'));
    item.contextValue = available ? 'device' : 'device.none';
    return item;
  }

  refresh(): void {
    this.#rows = undefined;
    this.#changed.fire(undefined);
  }

  async #ask(): Promise<DeviceRow[]> {
    try {
      const backends = await askBackends();
      reach('devicesSeen');
      return deviceRows(backends);
    } catch (error) {
      this.problems.log(error);
      if (!(error instanceof WishboneError)) throw error;
      return [{ label: sentence(error.what), description: error.advice, icon: 'error', available: false }];
    }
  }
}

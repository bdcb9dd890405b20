import path from 'node:path';

import * as vscode from 'vscode';

import { mayRead } from '../trust.js';
import { mayBeModel } from '../paths/candidates.js';
import { onlyModel, pickModel } from '../paths/pick-model.js';
import { recentModels, type RecentPaths } from '../paths/recent.js';

const SECTION = 'wishbone.diagnostics';
/** Value of the setting that turns counting off. */
const NONE = 'none';

/** The model whose tokenizer counts: the one of the settings, else the one used last, else the only one there is. */
export class ModelChoice implements vscode.Disposable {
  readonly #recent: RecentPaths;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #watcher = vscode.workspace.createFileSystemWatcher('**/tokenizer.json', false, true, false);
  readonly #subscriptions: vscode.Disposable;
  #inWorkspace: Promise<string | undefined> | undefined;
  /** Fires when another model may count. */
  readonly onDidChange = this.#changed.event;

  constructor(context: vscode.ExtensionContext) {
    this.#recent = recentModels(context);
    const forget = (): void => {
      this.#inWorkspace = undefined;
      this.#changed.fire();
    };
    this.#subscriptions = vscode.Disposable.from(
      this.#changed,
      this.#watcher,
      this.#watcher.onDidCreate(forget),
      this.#watcher.onDidDelete(forget),
      vscode.workspace.onDidChangeWorkspaceFolders(forget),
      vscode.workspace.onDidGrantWorkspaceTrust(forget),
    );
  }

  dispose(): void {
    this.#subscriptions.dispose();
  }

  /** Absolute path of the model folder for a document; undefined when there is none, or none is wanted. */
  async folderFor(uri: vscode.Uri): Promise<string | undefined> {
    const setting = vscode.workspace.getConfiguration(SECTION, uri).get<unknown>('model');
    if (setting === NONE) return undefined;
    const readable = (folder: string): string | undefined => (mayRead(folder) ? folder : undefined);
    if (typeof setting === 'string' && setting !== '') return readable(absolute(setting, uri));
    for (const folder of this.#recent.all) if (mayRead(folder) && (await mayBeModel(folder))) return folder;
    return vscode.workspace.isTrusted ? (this.#inWorkspace ??= onlyModel()) : undefined;
  }
}

/** Asks for a model folder and keeps it in the workspace's settings. */
export async function chooseTokenModel(context: vscode.ExtensionContext): Promise<void> {
  const title = 'Model for Token Counts';
  const picked = await pickModel(recentModels(context), { title });
  if (typeof picked === 'string') return;
  const { workspaceFolders } = vscode.workspace;
  const target = workspaceFolders === undefined ? vscode.ConfigurationTarget.Global : vscode.ConfigurationTarget.Workspace;
  // A relative path counts from the folder of the document, which need not be this one when there are several.
  const folder = workspaceFolders?.length === 1 ? workspaceFolders[0]?.uri.fsPath : undefined;
  const inside = folder === undefined ? '' : path.relative(folder, picked.value);
  const value = inside === '' || inside.startsWith('..') ? picked.value : inside;
  await vscode.workspace.getConfiguration(SECTION).update('model', value, target);
}

function absolute(setting: string, uri: vscode.Uri): string {
  if (path.isAbsolute(setting)) return setting;
  const folder = vscode.workspace.getWorkspaceFolder(uri) ?? vscode.workspace.workspaceFolders?.[0];
  return path.resolve(folder?.uri.fsPath ?? path.dirname(uri.fsPath), setting);
}

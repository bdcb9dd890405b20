import path from 'node:path';

import * as vscode from 'vscode';

import { RUNS_FOLDER } from '../core/run/index.js';

/** Path of the first open folder; undefined if none is open. */
export function firstFolder(): string | undefined {
  return vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file')?.uri.fsPath;
}

/** The workspace folder that contains a file, or else the first one; undefined if none is open. */
export function folderOf(file: string): string | undefined {
  const own = file === '' ? undefined : vscode.workspace.getWorkspaceFolder(vscode.Uri.file(file));
  return own?.uri.fsPath ?? firstFolder();
}

/** Where runs on a dataset are stored: in its workspace folder, or in the first one; undefined if no folder is open. */
export function runsFolderFor(dataset: string): string | undefined {
  const folder = folderOf(dataset);
  return folder === undefined ? undefined : path.join(folder, RUNS_FOLDER);
}

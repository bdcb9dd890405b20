import path from 'node:path';

import * as vscode from 'vscode';

import { RUNS_FOLDER } from '../core/run/index.js';

/** Path of the first folder that is open; undefined when none is. */
export function firstFolder(): string | undefined {
  return vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file')?.uri.fsPath;
}

/** The workspace folder that a file is in, else the first one; undefined when none is open. */
export function folderOf(file: string): string | undefined {
  const own = file === '' ? undefined : vscode.workspace.getWorkspaceFolder(vscode.Uri.file(file));
  return own?.uri.fsPath ?? firstFolder();
}

/** A run lives in the workspace folder its dataset is in, or in the first one; undefined when none is open. */
export function runsFolderFor(dataset: string): string | undefined {
  const folder = folderOf(dataset);
  return folder === undefined ? undefined : path.join(folder, RUNS_FOLDER);
}

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

/**
 * The folder something is in, as people of this workspace would say it: below its workspace folder, whose name is before it when there are
 * several. Empty directly in the only one, whose path would tell what is known.
 */
export function placeOf(file: string): string {
  const folder = path.dirname(file);
  const own = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(file));
  if (own?.uri.fsPath !== folder) return vscode.workspace.asRelativePath(folder);
  return (vscode.workspace.workspaceFolders ?? []).length > 1 ? own.name : '';
}

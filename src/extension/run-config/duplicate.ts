import path from 'node:path';

import * as vscode from 'vscode';

import { CONFIG_SUFFIX, configText, settingsOfRun } from '../../core/config-file/index.js';
import type { RunConfig } from '../../core/run/index.js';

/**
 * Opens a run config with a run's settings in the editor, not saved yet: for runs of more than the launch form has fields
 * for. Saved, it can be launched.
 *
 * @param run its folder and `run.json`
 */
export async function duplicateAsConfig(run: { readonly folder: string; readonly config: RunConfig }): Promise<void> {
  const { folder, config } = run;
  // Runs lie in `.wishbone/runs` of what they belong to.
  const workspace = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(folder))?.uri.fsPath ?? path.resolve(folder, '../../..');
  const target = vscode.Uri.file(await freeName(workspace, config.name)).with({ scheme: 'untitled' });
  const document = await vscode.workspace.openTextDocument(target);
  const head = ['The settings of a run whose dataset is several files. Save this file to launch it from the line above.'];
  const edit = new vscode.WorkspaceEdit();
  const whole = new vscode.Range(0, 0, document.lineCount, 0);
  edit.replace(target, whole, configText(settingsOfRun(config, folder), workspace, new Map([['', head]])));
  await vscode.workspace.applyEdit(edit);
  await vscode.window.showTextDocument(document);
}

/** A name that no file has: what a run is called, with a number if need be. */
async function freeName(folder: string, name: string): Promise<string> {
  const stem = name.replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 60) || 'run';
  for (let number = 1; ; number++) {
    const file = path.join(folder, `${stem}${number === 1 ? '' : `-${number}`}${CONFIG_SUFFIX}`);
    const isThere = await vscode.workspace.fs.stat(vscode.Uri.file(file)).then(
      () => true,
      () => vscode.workspace.textDocuments.some(({ uri }) => uri.scheme === 'untitled' && uri.fsPath === file),
    );
    if (!isThere) return file;
  }
}

import * as vscode from 'vscode';

/** Paths of the open documents that were found to be preference files: menus ask for them (`resourcePath in …`). */
const KEY = 'wishbone.preferenceFiles';
const known = new Set<string>();

/** Notes whether an open document is a preference file. */
export function notePreferenceFile(uri: vscode.Uri, is: boolean): void {
  const before = known.size;
  if (is) known.add(uri.fsPath);
  else known.delete(uri.fsPath);
  if (known.size !== before) void vscode.commands.executeCommand('setContext', KEY, [...known]);
}

import path from 'node:path';

import * as vscode from 'vscode';
import { showInformation } from '../messages.js';
import { writeWhole } from '../write-whole.js';

const OPEN = 'Open';

/** Asks where to, and writes. Nothing is overwritten without VS Code's own question. */
export async function saveAs(
  folder: string,
  name: string,
  filters: Readonly<Record<string, string[]>>,
  contents: (file: string) => Uint8Array,
): Promise<void> {
  const target = await vscode.window.showSaveDialog({
    defaultUri: vscode.Uri.file(path.join(folder, name)),
    filters,
  });
  if (target === undefined) return;
  await writeWhole(target, contents(target.fsPath));
  const choice = await showInformation(`Saved ${path.basename(target.fsPath)}.`, OPEN);
  if (choice === OPEN) await vscode.commands.executeCommand('vscode.open', target);
}

/** A name as the name of a file. */
export function fileName(name: string): string {
  return name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|-+$/g, '') || 'run';
}

import * as vscode from 'vscode';

import { WishboneError } from '../core/errors.js';
import { showWarning } from './messages.js';

const MANAGE = 'Manage Workspace Trust';

/** True when runs may be started and stopped here; else says why not, and where that is changed. */
export async function ensureTrusted(): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  const choice = await showWarning(
    'Starting, stopping and changing runs needs a trusted workspace: a run reads files of the workspace and may train for hours.',
    MANAGE,
  );
  if (choice === MANAGE) await manageTrust();
  return false;
}

export async function manageTrust(): Promise<void> {
  await vscode.commands.executeCommand('workbench.trust.manage');
}

/**
 * Whether models, templates, tokenizers and binary datasets of these files and folders may be read. In a workspace that is
 * not trusted none of its own are: reading them runs what they say, or takes them apart, and somebody who only looks at a
 * folder has not asked for that. Those from elsewhere are the user's own.
 */
export function mayRead(...files: readonly string[]): boolean {
  if (vscode.workspace.isTrusted) return true;
  return files.every((file) => vscode.workspace.getWorkspaceFolder(vscode.Uri.file(file)) === undefined);
}

/** @throws WishboneError when they may not be read */
export function requireReadable(...files: readonly string[]): void {
  const own = files.find((file) => !mayRead(file));
  if (own !== undefined)
    throw new WishboneError(NOT_READ, own, 'trust the workspace if you know where its files are from (Workspaces: Manage Workspace Trust)');
}

export const NOT_READ = 'models and binary datasets of this workspace are read once it is trusted';

/** Files whose bytes have to be taken apart before there is any text. */
export function isBinaryDataset(file: string): boolean {
  return /\.(parquet|arrow|gz|zst)$/i.test(file);
}

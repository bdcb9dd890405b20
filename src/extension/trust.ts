import * as vscode from 'vscode';

const MANAGE = 'Manage Workspace Trust';

/** True when runs may be started and stopped here; else says why not, and where that is changed. */
export async function ensureTrusted(): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  const choice = await vscode.window.showWarningMessage(
    'Wishbone starts and stops runs only in a trusted workspace: a run reads files of the workspace and may train for hours.',
    MANAGE,
  );
  if (choice === MANAGE) await manageTrust();
  return false;
}

export async function manageTrust(): Promise<void> {
  await vscode.commands.executeCommand('workbench.trust.manage');
}

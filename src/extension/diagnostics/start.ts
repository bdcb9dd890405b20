import * as vscode from 'vscode';

import type { Problems } from '../problems.js';
import { fileOfTab, isTable, mayBePreferences } from './documents.js';
import { chooseTokenModel } from './model-choice.js';

/** Loads the checks when the first document is open that may be a preference file; most windows never see one. */
export function startDiagnostics(context: vscode.ExtensionContext, problems: Problems): vscode.Disposable {
  const disposables: vscode.Disposable[] = [];
  let loaded: Promise<void> | undefined;
  let isDisposed = false;
  const load = async (): Promise<void> => {
    const { DatasetDiagnostics } = await import('./dataset-diagnostics.js');
    if (!isDisposed) disposables.push(new DatasetDiagnostics(context, problems));
  };
  let loadedTables: Promise<void> | undefined;
  const loadTables = async (): Promise<void> => {
    const { TableDiagnostics } = await import('./tables.js');
    const { repository } = context.extension.packageJSON as { repository?: unknown };
    if (!isDisposed) disposables.push(new TableDiagnostics(repository, problems));
  };
  const look = (): void => {
    if (loadedTables === undefined && vscode.workspace.textDocuments.some(isTable)) {
      loadedTables = loadTables().catch((error) => problems.log(error));
    }
    if (loaded !== undefined) return;
    const isOpen =
      vscode.workspace.textDocuments.some(mayBePreferences) ||
      // A large file has a tab, but no document.
      vscode.window.tabGroups.all.some(({ tabs }) => tabs.some((tab) => fileOfTab(tab) !== undefined));
    if (isOpen) loaded = load().catch((error) => problems.log(error));
  };
  disposables.push(
    problems.command('wishbone.chooseTokenModel', () => chooseTokenModel(context)),
    problems.command('wishbone.writeCleanedCopy', async (given, check) => {
      const { cleanedCopy } = await import('../datasets/cleaned-copy.js');
      await cleanedCopy(context, given, check);
    }),
    vscode.workspace.onDidOpenTextDocument(look),
    vscode.window.tabGroups.onDidChangeTabs(look),
  );
  look();
  return new vscode.Disposable(() => {
    isDisposed = true;
    vscode.Disposable.from(...disposables).dispose();
  });
}

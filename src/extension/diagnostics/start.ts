import * as vscode from 'vscode';

import { cleanedCopy } from '../datasets/cleaned-copy.js';
import type { Problems } from '../problems.js';
import { DatasetDiagnostics } from './dataset-diagnostics.js';
import { fileOfTab, isTable, mayBePreferences } from './documents.js';
import { chooseTokenModel } from './model-choice.js';
import { TableDiagnostics } from './tables.js';

/** Starts the checks when the first document is open that may be a preference file; most windows never see one. */
export function startDiagnostics(context: vscode.ExtensionContext, problems: Problems): vscode.Disposable {
  const disposables: vscode.Disposable[] = [];
  let checks: DatasetDiagnostics | undefined;
  let tables: TableDiagnostics | undefined;
  const start = (): void => {
    if (tables === undefined && vscode.workspace.textDocuments.some(isTable)) {
      const { repository } = context.extension.packageJSON as { repository?: unknown };
      tables = new TableDiagnostics(repository, problems);
    }
    if (checks !== undefined) return;
    const isOpen =
      vscode.workspace.textDocuments.some(mayBePreferences) ||
      // A large file has a tab, but no document.
      vscode.window.tabGroups.all.some(({ tabs }) => tabs.some((tab) => fileOfTab(tab) !== undefined));
    if (isOpen) checks = new DatasetDiagnostics(context, problems);
  };
  const look = (): void => {
    try {
      start();
    } catch (error) {
      // Everything else works without the checks.
      problems.log(error);
    }
  };
  disposables.push(
    problems.command('wishbone.chooseTokenModel', () => chooseTokenModel(context)),
    problems.command('wishbone.writeCleanedCopy', (given, check) => cleanedCopy(context, given, check)),
    vscode.workspace.onDidOpenTextDocument(look),
    vscode.window.tabGroups.onDidChangeTabs(look),
  );
  look();
  return new vscode.Disposable(() => {
    vscode.Disposable.from(...disposables, ...(checks ? [checks] : []), ...(tables ? [tables] : [])).dispose();
  });
}

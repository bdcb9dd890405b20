import * as vscode from 'vscode';

import type { Problems } from '../problems.js';
import { mayBePreferences } from './documents.js';

/** Loads the checks when the first document is open that may be a preference file; most windows never see one. */
export function startDiagnostics(context: vscode.ExtensionContext, problems: Problems): vscode.Disposable {
  const disposables: vscode.Disposable[] = [];
  let loaded: Promise<void> | undefined;
  let isDisposed = false;
  const load = async (): Promise<void> => {
    const { DatasetDiagnostics } = await import('./dataset-diagnostics.js');
    if (!isDisposed) disposables.push(new DatasetDiagnostics(context.extension, problems));
  };
  const look = (document: vscode.TextDocument): void => {
    if (loaded === undefined && mayBePreferences(document)) loaded = load().catch((error) => problems.log(error));
  };
  disposables.push(vscode.workspace.onDidOpenTextDocument(look));
  vscode.workspace.textDocuments.forEach(look);
  return new vscode.Disposable(() => {
    isDisposed = true;
    vscode.Disposable.from(...disposables).dispose();
  });
}

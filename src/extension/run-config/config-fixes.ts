import * as vscode from 'vscode';

import { configProblems } from '../../core/config-file/index.js';

/** Quick fixes in run configs: the name that was meant. */
export class ConfigFixes implements vscode.CodeActionProvider {
  provideCodeActions(document: vscode.TextDocument, range: vscode.Range, context: vscode.CodeActionContext): vscode.CodeAction[] {
    return configProblems(document.getText(), document.uri.fsPath).flatMap(({ offset, length, meant }) => {
      const place = new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
      if (meant === undefined || place.intersection(range) === undefined) return [];
      const fix = new vscode.CodeAction(`Change to "${meant}"`, vscode.CodeActionKind.QuickFix);
      fix.edit = new vscode.WorkspaceEdit();
      fix.edit.replace(document.uri, place, JSON.stringify(meant));
      fix.diagnostics = context.diagnostics.filter((diagnostic) => diagnostic.range.isEqual(place));
      fix.isPreferred = true;
      return [fix];
    });
  }
}

import * as vscode from 'vscode';

import { formatCount } from '../../format.js';
import type { DatasetDiagnostics } from './dataset-diagnostics.js';
import { MOST_CHARACTERS } from './documents.js';
import { summaryDetails, summaryText } from './text.js';

/** Above the first line of a preference file: what it holds, and a way to train on it. */
export class SummaryLenses implements vscode.CodeLensProvider {
  readonly onDidChangeCodeLenses: vscode.Event<void>;

  constructor(readonly diagnostics: DatasetDiagnostics) {
    this.onDidChangeCodeLenses = diagnostics.onDidChange;
  }

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    const state = this.diagnostics.stateOf(document);
    if (state.kind === 'other') return [];
    const line = new vscode.Range(0, 0, 0, 0);
    const summary =
      state.kind === 'large'
        ? // Without a command it is plain text.
          { title: `not checked: more than ${formatCount(MOST_CHARACTERS)} characters`, command: '' }
        : {
            title: summaryText(state.report),
            tooltip: summaryDetails(state.report.problems) ?? 'Show the Problems view',
            command: 'workbench.actions.view.problems',
          };
    const launch = { title: '$(play) Launch Run…', command: 'wishbone.launchRun', arguments: [document.uri] };
    return [
      new vscode.CodeLens(line, summary),
      // A run reads the file, and what was never saved is none.
      ...(document.isUntitled ? [] : [new vscode.CodeLens(line, launch)]),
    ];
  }
}

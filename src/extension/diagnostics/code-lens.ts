import path from 'node:path';

import * as vscode from 'vscode';

import { errorOf } from '../../core/checks/index.js';
import { sentence } from '../../format.js';
import { fileOf } from '../rows/rows-scheme.js';
import type { DatasetDiagnostics } from './dataset-diagnostics.js';
import { summaryDetails, summaryText, tokenText } from './text.js';

/** Above the first line of a preference file: what it holds, and ways to train on it and to look at its masks. */
export class SummaryLenses implements vscode.CodeLensProvider {
  readonly onDidChangeCodeLenses: vscode.Event<void>;

  constructor(readonly diagnostics: DatasetDiagnostics) {
    const changed = new vscode.EventEmitter<void>();
    diagnostics.onDidChange(() => changed.fire());
    this.onDidChangeCodeLenses = changed.event;
  }

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    const state = this.diagnostics.stateOf(document.uri);
    if (state.kind !== 'checked') return [];
    const { report, options } = state;
    const lens = (title: string, command: string, more: Partial<vscode.Command> = {}): vscode.CodeLens =>
      new vscode.CodeLens(new vscode.Range(0, 0, 0, 0), { title, command, ...more });
    const tooltip = summaryDetails(report) ?? 'Open the Problems view';
    const model = options.model === undefined ? undefined : path.basename(options.model);
    const trouble = report.modelTrouble && errorOf(report.modelTrouble);
    const onFile = { arguments: [fileOf(document.uri)] };
    return [
      lens(summaryText(report), 'workbench.actions.view.problems', { tooltip }),
      lens(
        trouble === undefined ? tokenText(report.tokens, model) : `$(warning) ${model}: ${sentence(trouble.what)}`,
        'wishbone.chooseTokenModel',
        { tooltip: trouble?.format() ?? 'Choose the model whose tokenizer counts tokens' },
      ),
      // A run reads the file, and what was never saved is none. A common space after an icon is not drawn.
      ...(document.isUntitled
        ? []
        : [
            lens('$(play)\u00a0Launch Run…', 'wishbone.launchRun', onFile),
            lens('$(inspect)\u00a0Inspect Masks', 'wishbone.inspectMasks', onFile),
          ]),
    ];
  }
}

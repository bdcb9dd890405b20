import * as vscode from 'vscode';

import { errorOf } from '../../core/checks/index.js';
import { modelName } from '../../core/hub/cache.js';
import { sentence } from '../../format.js';
import { commandLink } from '../commands.js';
import { rowsFileUri } from '../rows/rows-scheme.js';
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
    const lens = (command: vscode.Command, tooltip?: string): vscode.CodeLens =>
      new vscode.CodeLens(new vscode.Range(0, 0, 0, 0), { ...command, ...(tooltip !== undefined && { tooltip }) });
    const tooltip = summaryDetails(report) ?? 'Open the Problems view';
    const model = options.model === undefined ? undefined : modelName(options.model);
    const trouble = report.modelTrouble && errorOf(report.modelTrouble);
    const tokens = trouble === undefined ? tokenText(report.tokens, model) : `$(warning) ${model}: ${sentence(trouble.what)}`;
    return [
      lens({ title: summaryText(report), command: 'workbench.actions.view.problems' }, tooltip),
      lens(commandLink(tokens, 'wishbone.chooseTokenModel'), trouble?.format() ?? 'Choose the model whose tokenizer counts tokens'),
      // A run reads the file, and what was never saved is none. A common space after an icon is not drawn.
      ...(document.isUntitled
        ? []
        : [
            lens(commandLink('$(play)\u00a0Launch Run…', 'wishbone.launchRun', rowsFileUri(document.uri))),
            lens(commandLink('$(inspect)\u00a0Inspect Masks', 'wishbone.inspectMasks', rowsFileUri(document.uri))),
          ]),
    ];
  }
}

import * as vscode from 'vscode';

import { configProblems } from '../../core/config-file/index.js';
import { sentence } from '../../format.js';
import { CONFIG_FILES } from './launch-config.js';

/**
 * What is wrong in the run configs that are open, live while typing: unknown fields with the ones that were meant, and
 * options that contradict each other. What the JSON schema says VS Code shows by itself.
 */
export class ConfigDiagnostics implements vscode.Disposable {
  readonly #collection = vscode.languages.createDiagnosticCollection('wishbone-config');
  readonly #registrations: vscode.Disposable;

  constructor() {
    this.#registrations = vscode.Disposable.from(
      this.#collection,
      vscode.workspace.onDidOpenTextDocument((document) => this.#check(document)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.#check(document)),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.#collection.delete(uri)),
    );
    for (const document of vscode.workspace.textDocuments) this.#check(document);
  }

  dispose(): void {
    this.#registrations.dispose();
  }

  #check(document: vscode.TextDocument): void {
    if (vscode.languages.match(CONFIG_FILES, document) === 0) return;
    const problems = configProblems(document.getText(), document.uri.fsPath);
    const diagnostics = problems
      .filter(({ bySchema }) => !bySchema)
      .map(({ offset, length, what, advice }) => {
        const range = new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
        const diagnostic = new vscode.Diagnostic(range, `${sentence(what)}: ${advice}`, vscode.DiagnosticSeverity.Error);
        diagnostic.source = 'Wishbone';
        return diagnostic;
      });
    this.#collection.set(document.uri, diagnostics);
  }
}

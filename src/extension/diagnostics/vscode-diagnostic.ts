import * as vscode from 'vscode';

import { CHECK_SEVERITIES, type Problem, type Severity } from '../../core/checks/index.js';
import { rangeOf } from './documents.js';
import { codeOf, docsUrl, problemText } from './text.js';

/** A problem as VS Code lists it. `repository`: of package.json, where the docs page is. */
export function diagnosticOf(uri: vscode.Uri, problem: Problem, repository: unknown): vscode.Diagnostic {
  const { check, range, earlier, other } = problem;
  const diagnostic = new vscode.Diagnostic(rangeOf(range), problemText(problem), SEVERITIES[CHECK_SEVERITIES[check]]);
  const docs = docsUrl(repository, check);
  diagnostic.source = 'Wishbone';
  diagnostic.code = docs === undefined ? codeOf(check) : { value: codeOf(check), target: vscode.Uri.parse(docs) };
  if (earlier !== undefined) {
    const location = new vscode.Location(uri, rangeOf(earlier));
    diagnostic.relatedInformation = [new vscode.DiagnosticRelatedInformation(location, 'the earlier row')];
  } else if (other !== undefined) {
    const location = new vscode.Location(vscode.Uri.file(other.file), new vscode.Position(other.line, 0));
    diagnostic.relatedInformation = [new vscode.DiagnosticRelatedInformation(location, 'the row there')];
  }
  return diagnostic;
}

const SEVERITIES: Readonly<Record<Severity, vscode.DiagnosticSeverity>> = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  information: vscode.DiagnosticSeverity.Information,
};

import path from 'node:path';

import * as vscode from 'vscode';

import { type DocumentReport, type Problem, rowAsLine, rowsDeletion, sideFileName } from '../../core/checks/index.js';
import { commandLink } from '../commands.js';
import { ROWS_SCHEME, rowsFileUri } from '../rows/rows-scheme.js';
import { type BulkFix, bulkFixesFor, optionFixesFor } from './bulk-fixes.js';
import type { DatasetDiagnostics } from './dataset-diagnostics.js';
import { rangeAt, rangeOf, rowSpan } from './documents.js';
import { type Fix, fixesFor } from './fixes.js';
import { codeOf } from './text.js';

/** Gives a run on the file another option: (file, option, value). */

/** A fix whose edit is made when it is chosen: moving rows needs a look at the file they go to. */
class RowMove extends vscode.CodeAction {
  constructor(
    title: string,
    readonly rows: ArrayLike<number>,
    readonly document: vscode.TextDocument,
    readonly report: DocumentReport,
    readonly sideFile: string,
  ) {
    super(title, vscode.CodeActionKind.QuickFix);
  }
}

/** Quick fixes at the problems of a preference file. */
export class QuickFixes implements vscode.CodeActionProvider {
  static readonly metadata: vscode.CodeActionProviderMetadata = {
    providedCodeActionKinds: [vscode.CodeActionKind.QuickFix],
  };

  constructor(readonly diagnostics: DatasetDiagnostics) {}

  provideCodeActions(document: vscode.TextDocument, _range: vscode.Range, context: vscode.CodeActionContext): vscode.CodeAction[] {
    const state = this.diagnostics.stateOf(document.uri);
    // Places of an older version are no longer where they were.
    if (state.kind !== 'checked' || state.report.version !== document.version) return [];
    const { report } = state;
    const find = (problem: Problem): vscode.Diagnostic | undefined =>
      context.diagnostics.find((diagnostic) => isAbout(diagnostic, problem));
    const sideFile = document.isUntitled ? undefined : sideFileName(path.basename(document.fileName));
    const isMeant = (problem: Problem): boolean => find(problem) !== undefined;
    const about = (problems: readonly Problem[]): vscode.Diagnostic[] => problems.flatMap((problem) => find(problem) ?? []);
    const single = fixesFor(report, isMeant, sideFile).map((fix) => {
      const action =
        fix.kind === 'move'
          ? new RowMove(fix.title, [fix.row], document, report, sideFile!)
          : new vscode.CodeAction(fix.title, vscode.CodeActionKind.QuickFix);
      action.diagnostics = about(fix.problems);
      action.isPreferred = fix.kind === 'trim' || fix.kind === 'rename';
      if (fix.kind !== 'move') action.edit = editOf(fix, document, report);
      return action;
    });
    const bulk = bulkFixesFor(report, isMeant, sideFile).map((fix) => {
      const action = bulkAction(fix, document, report, sideFile);
      action.diagnostics = about(fix.problems);
      return action;
    });
    const options = optionFixesFor(report, isMeant, state.options.maxLength).map(({ title, option, value, problems }) => {
      const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
      action.diagnostics = about(problems);
      action.command = commandLink(title, 'wishbone.setPlanOption', rowsFileUri(document.uri), option, value);
      return action;
    });
    // Rows of a packed file cannot be changed; the Problems view asks for fixes nevertheless.
    return document.uri.scheme === ROWS_SCHEME ? options : [...options, ...single, ...bulk];
  }

  async resolveCodeAction(action: vscode.CodeAction): Promise<vscode.CodeAction> {
    if (!(action instanceof RowMove)) return action;
    const { rows, document, report, sideFile } = action;
    const lines = Array.from(rows, (row) => rowAsLine(document.getText(rangeAt(document, rowSpan(report, row)!)))).join('\n');
    const target = vscode.Uri.joinPath(document.uri, '..', sideFile);
    const edit = new vscode.WorkspaceEdit();
    // The side file comes first: should it come to be in between, nothing else happens and the row stays where it is;
    // and once the row is gone from here, undoing brings it back and takes it from there.
    if (await exists(target)) {
      const side = await vscode.workspace.openTextDocument(target);
      const { range } = side.lineAt(side.lineCount - 1);
      edit.insert(target, range.end, range.isEmpty ? `${lines}\n` : `\n${lines}\n`);
    } else {
      edit.createFile(target, { contents: Buffer.from(`${lines}\n`) });
    }
    deleteRows(rows, document, report, edit);
    action.edit = edit;
    return action;
  }
}

function bulkAction(
  { kind, title, check, rows }: BulkFix,
  document: vscode.TextDocument,
  report: DocumentReport,
  sideFile: string | undefined,
): vscode.CodeAction {
  if (kind === 'move') return new RowMove(title, rows, document, report, sideFile!);
  const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  const edit = new vscode.WorkspaceEdit();
  if (kind === 'drop') deleteRows(rows, document, report, edit);
  else
    for (const { trim } of report.problems.filter((problem) => problem.check === check))
      for (const range of trim ?? []) edit.delete(document.uri, rangeOf(range));
  action.edit = edit;
  return action;
}

/** Rows go with what separates them from others. */
function deleteRows(rows: ArrayLike<number>, document: vscode.TextDocument, report: DocumentReport, edit: vscode.WorkspaceEdit): void {
  for (const span of rowsDeletion((row) => rowSpan(report, row), rows)) edit.delete(document.uri, rangeAt(document, span));
}

/** What the fix of one row does to the document itself. */
function editOf({ kind, row, problems }: Fix, document: vscode.TextDocument, report: DocumentReport): vscode.WorkspaceEdit {
  const edit = new vscode.WorkspaceEdit();
  if (kind === 'trim') {
    for (const range of problems.flatMap(({ trim }) => trim ?? [])) edit.delete(document.uri, rangeOf(range));
  } else if (kind === 'rename') {
    for (const { rename } of problems) if (rename) edit.replace(document.uri, rangeOf(rename.range), rename.name);
  } else {
    deleteRows([row], document, report, edit);
  }
  return edit;
}

function isAbout({ code, range }: vscode.Diagnostic, problem: Problem): boolean {
  const value = typeof code === 'object' ? code.value : code;
  return value === codeOf(problem.check) && range.isEqual(rangeOf(problem.range));
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  return vscode.workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}

import path from 'node:path';

import * as vscode from 'vscode';

import { type DocumentReport, type Problem, rowAsLine, rowDeletion, sideFileName } from '../../core/checks/index.js';
import type { DatasetDiagnostics } from './dataset-diagnostics.js';
import { rangeAt, rangeOf, rowSpan } from './documents.js';
import { type Fix, fixesFor } from './fixes.js';
import { codeOf } from './text.js';

/** A fix whose edit is made when it is chosen: moving a row needs a look at the file it goes to. */
class RowMove extends vscode.CodeAction {
  constructor(
    readonly fix: Fix,
    readonly document: vscode.TextDocument,
    readonly report: DocumentReport,
    readonly sideFile: string,
  ) {
    super(fix.title, vscode.CodeActionKind.QuickFix);
  }
}

/** Quick fixes at the problems of a preference file. */
export class QuickFixes implements vscode.CodeActionProvider {
  static readonly metadata: vscode.CodeActionProviderMetadata = {
    providedCodeActionKinds: [vscode.CodeActionKind.QuickFix],
  };

  constructor(readonly diagnostics: DatasetDiagnostics) {}

  provideCodeActions(
    document: vscode.TextDocument,
    _range: vscode.Range,
    context: vscode.CodeActionContext,
  ): vscode.CodeAction[] {
    const state = this.diagnostics.stateOf(document.uri);
    // Places of an older version are no longer where they were.
    if (state.kind !== 'checked' || state.report.version !== document.version) return [];
    const { report } = state;
    const find = (problem: Problem): vscode.Diagnostic | undefined =>
      context.diagnostics.find((diagnostic) => isAbout(diagnostic, problem));
    const sideFile = document.isUntitled ? undefined : sideFileName(path.basename(document.fileName));
    return fixesFor(report, (problem) => find(problem) !== undefined, sideFile).map((fix) => {
      const action =
        fix.kind === 'move'
          ? new RowMove(fix, document, report, sideFile!)
          : new vscode.CodeAction(fix.title, vscode.CodeActionKind.QuickFix);
      action.diagnostics = fix.problems.flatMap((problem) => find(problem) ?? []);
      action.isPreferred = fix.kind === 'trim' || fix.kind === 'rename';
      if (fix.kind !== 'move') action.edit = editOf(fix, document, report);
      return action;
    });
  }

  async resolveCodeAction(action: vscode.CodeAction): Promise<vscode.CodeAction> {
    if (!(action instanceof RowMove)) return action;
    const { fix, document, report, sideFile } = action;
    const span = rowSpan(report, fix.row)!;
    const row = rowAsLine(document.getText(rangeAt(document, span)));
    const target = vscode.Uri.joinPath(document.uri, '..', sideFile);
    const edit = new vscode.WorkspaceEdit();
    // The side file comes first: should it come to be in between, nothing else happens and the row stays where it is;
    // and once the row is gone from here, undoing brings it back and takes it from there.
    if (await exists(target)) {
      const side = await vscode.workspace.openTextDocument(target);
      const { range } = side.lineAt(side.lineCount - 1);
      edit.insert(target, range.end, range.isEmpty ? `${row}\n` : `\n${row}\n`);
    } else {
      edit.createFile(target, { contents: Buffer.from(`${row}\n`) });
    }
    action.edit = editOf(fix, document, report, edit);
    return action;
  }
}

/** What the fix does to the document itself, after what is in `edit` already. */
function editOf(
  { kind, row, problems }: Fix,
  document: vscode.TextDocument,
  report: DocumentReport,
  edit = new vscode.WorkspaceEdit(),
): vscode.WorkspaceEdit {
  if (kind === 'trim') {
    for (const range of problems.flatMap(({ trim }) => trim ?? [])) edit.delete(document.uri, rangeOf(range));
  } else if (kind === 'rename') {
    for (const { rename } of problems) if (rename) edit.replace(document.uri, rangeOf(rename.range), rename.name);
  } else {
    edit.delete(document.uri, rangeAt(document, rowDeletion((index) => rowSpan(report, index), row)));
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

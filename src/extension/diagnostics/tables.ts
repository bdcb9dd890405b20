import * as vscode from 'vscode';

import { checkSeverities, type Problem, type Survey, type SurveyProblem } from '../../core/checks/index.js';
import { WishboneError } from '../../core/errors.js';
import { formatCount } from '../../format.js';
import { survey } from '../datasets/cleaned-copy.js';
import type { Problems } from '../problems.js';
import { optionFixesFor } from './bulk-fixes.js';
import { isTable, isWanted, LARGE_BYTES, TABLES } from './documents.js';
import { LatestJob } from './latest-job.js';
import { SET_PLAN_OPTION } from './quick-fixes.js';
import { codeOf } from './text.js';
import { diagnosticOf } from './vscode-diagnostic.js';

const REST_MILLISECONDS = 300;

interface Checked {
  readonly survey: Survey | undefined;
  /** The document as it was checked. */
  readonly version: number;
}

/**
 * Checks tables (CSV, TSV) that are open as they are on disk: after opening, and after each save. Their problems stand at
 * lines, for a cell's own place is not known; fixes are made in a copy.
 */
export class TableDiagnostics implements vscode.Disposable, vscode.CodeActionProvider {
  readonly #collection = vscode.languages.createDiagnosticCollection('wishbone tables');
  readonly #jobs = new Map<string, LatestJob>();
  readonly #checked = new Map<string, Checked>();
  readonly #subscriptions: vscode.Disposable;

  constructor(
    readonly repository: unknown,
    readonly problems: Problems,
  ) {
    this.#subscriptions = vscode.Disposable.from(
      vscode.workspace.onDidOpenTextDocument((document) => this.#look(document)),
      vscode.workspace.onDidSaveTextDocument((document) => this.#look(document)),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.#forget(uri)),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('wishbone.diagnostics')) this.#lookAtAll();
      }),
      vscode.languages.registerCodeActionsProvider(TABLES, this, { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] }),
    );
    this.#lookAtAll();
  }

  dispose(): void {
    this.#subscriptions.dispose();
    for (const job of this.#jobs.values()) job.cancel();
    this.#collection.dispose();
  }

  provideCodeActions(document: vscode.TextDocument, _range: vscode.Range, context: vscode.CodeActionContext): vscode.CodeAction[] {
    const checked = this.#checked.get(document.uri.toString());
    if (checked?.survey === undefined) return [];
    const { problems, rowsByCheck } = checked.survey;
    const find = ({ check, line }: SurveyProblem): vscode.Diagnostic | undefined =>
      context.diagnostics.find(({ code, range }) => (typeof code === 'object' ? code.value : code) === codeOf(check) && range.start.line === line - 1);
    const meant = problems.filter((problem) => find(problem) !== undefined);
    const action = (title: string, of: readonly SurveyProblem[], command: string, ...more: readonly unknown[]): vscode.CodeAction => {
      const made = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
      made.diagnostics = of.flatMap((problem) => find(problem) ?? []);
      made.command = { title, command, arguments: [document.uri, ...more] };
      return made;
    };
    const placed = meant.map((problem) => problemOf(problem, document));
    const options = optionFixesFor({ problems: placed, rowsByCheck: {}, tokens: undefined }, () => true, Infinity);
    const checks = [...new Set(meant.map(({ check }) => check))].filter((check) => rowsByCheck[check] !== undefined);
    return [
      ...options.map(({ title, option, value }) => action(title, meant, SET_PLAN_OPTION, option, value)),
      ...checks.map((check) => {
        const count = rowsByCheck[check]!.length;
        const rows = count === 1 ? 'this row' : `all ${formatCount(count)} rows like this (${check})`;
        return action(`Write a copy without ${rows}…`, meant.filter((problem) => problem.check === check), 'wishbone.writeCleanedCopy', check);
      }),
    ];
  }

  #lookAtAll(): void {
    for (const document of vscode.workspace.textDocuments) this.#look(document);
  }

  #look(document: vscode.TextDocument): void {
    if (!isTable(document)) return;
    if (!isWanted(document.uri)) return this.#forget(document.uri);
    const key = document.uri.toString();
    const job = this.#jobs.get(key) ?? new LatestJob((signal) => this.#check(document, signal), (error) => this.problems.log(error));
    this.#jobs.set(key, job);
    job.schedule(REST_MILLISECONDS);
  }

  #forget(uri: vscode.Uri): void {
    const key = uri.toString();
    this.#jobs.get(key)?.cancel();
    this.#jobs.delete(key);
    this.#checked.delete(key);
    this.#collection.delete(uri);
  }

  async #check(document: vscode.TextDocument, signal: AbortSignal): Promise<void> {
    const { uri, version } = document;
    const { size } = await vscode.workspace.fs.stat(uri);
    if (signal.aborted || size > LARGE_BYTES) return;
    const found = await survey(uri.fsPath, { signal }).catch((error: unknown) => {
      if (signal.aborted) return undefined;
      if (error instanceof WishboneError) return error;
      throw error;
    });
    if (found === undefined || signal.aborted) return;
    const problems = found instanceof WishboneError ? [problemOfFile(found)] : found.problems;
    this.#checked.set(uri.toString(), { survey: found instanceof WishboneError ? undefined : found, version });
    this.#collection.set(
      uri,
      problems.map((problem) => diagnosticOf(uri, problemOf(problem, document), this.repository)),
    );
  }
}

function problemOf({ line, ...finding }: SurveyProblem, document: vscode.TextDocument): Problem {
  const at = Math.min(line - 1, document.lineCount - 1);
  const { text } = document.lineAt(at);
  // Errors and warnings mark their line; what is only worth knowing does not underline all of it.
  const end = checkSeverities[finding.check] === 'information' ? Math.min(1, text.length) : text.length;
  return { ...finding, range: { start: { line: at, character: 0 }, end: { line: at, character: end } }, row: undefined };
}

function problemOfFile({ what, where, advice }: WishboneError): SurveyProblem {
  const line = Number(/:(\d+)(?::\d+)?(?:,.*)?$/.exec(where)?.[1] ?? 1);
  return { check: 'malformed-row', what, advice, line: Math.max(1, line) };
}

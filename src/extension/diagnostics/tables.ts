import * as vscode from 'vscode';

import { type DatasetCheck, type PlacedProblem, type Problem, rowsOf, type RowsByCheck } from '../../core/checks/index.js';
import { WishboneError } from '../../core/errors.js';
import { formatCount } from '../../format.js';
import { commandLink } from '../commands.js';
import { checked } from '../datasets/cleaned-copy.js';
import type { Problems } from '../problems.js';
import { optionFixesFor } from './bulk-fixes.js';
import { checkOptions } from './check-options.js';
import { isTable, isWanted, LARGE_BYTES, TABLES } from './documents.js';
import { LatestJob } from './latest-job.js';
import { notePreferenceFile } from './preference-files.js';
import { codeOf } from './text.js';
import { diagnosticOf } from './vscode-diagnostic.js';

const REST_MILLISECONDS = 300;

/** VS Code lists a thousand problems of a file and no more. */
const MOST_PROBLEMS = 1000;

interface Checked {
  readonly problems: readonly PlacedProblem[];
  readonly rowsByCheck: RowsByCheck;
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
    const known = this.#checked.get(document.uri.toString());
    if (known === undefined) return [];
    const { problems, rowsByCheck } = known;
    const find = ({ check, line = 1 }: PlacedProblem): vscode.Diagnostic | undefined =>
      context.diagnostics.find(
        ({ code, range }) => (typeof code === 'object' ? code.value : code) === codeOf(check) && range.start.line === line - 1,
      );
    const meant = problems.filter((problem) => find(problem) !== undefined);
    const action = (of: readonly PlacedProblem[], command: vscode.Command): vscode.CodeAction => {
      const made = new vscode.CodeAction(command.title, vscode.CodeActionKind.QuickFix);
      made.diagnostics = of.flatMap((problem) => find(problem) ?? []);
      made.command = command;
      return made;
    };
    const placed = meant.map((problem) => problemOf(problem, document));
    const options = optionFixesFor({ problems: placed, rowsByCheck: {}, tokens: undefined }, () => true, Infinity);
    const checks = [...new Set(meant.map(({ check }) => check))].filter((check) => rowsByCheck[check] !== undefined);
    return [
      ...options.map(({ title, option, value }) =>
        action(meant, commandLink(title, 'wishbone.setPlanOption', document.uri, option, value)),
      ),
      ...checks.map((check) => {
        const count = rowsByCheck[check]!.length;
        const rows = count === 1 ? 'this row' : `all ${formatCount(count)} rows with this problem (${check})`;
        const of = meant.filter((problem) => problem.check === check);
        return action(of, commandLink(`Write a copy without ${rows}…`, 'wishbone.writeCleanedCopy', document.uri, check));
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
    const job =
      this.#jobs.get(key) ??
      new LatestJob(
        (signal) => this.#check(document, signal),
        (error) => this.problems.log(error),
      );
    this.#jobs.set(key, job);
    job.schedule(REST_MILLISECONDS);
  }

  #forget(uri: vscode.Uri): void {
    const key = uri.toString();
    this.#jobs.get(key)?.cancel();
    this.#jobs.delete(key);
    this.#checked.delete(key);
    notePreferenceFile(uri, false);
    this.#collection.delete(uri);
  }

  async #check(document: vscode.TextDocument, signal: AbortSignal): Promise<void> {
    const { uri } = document;
    const { size } = await vscode.workspace.fs.stat(uri);
    if (signal.aborted || size > LARGE_BYTES) return;
    const options = await checkOptions(uri, undefined);
    if (signal.aborted) return;
    const found = await checked(uri.fsPath, options, { signal }).catch((error: unknown) => {
      if (signal.aborted) return undefined;
      if (error instanceof WishboneError) return error;
      throw error;
    });
    if (found === undefined || signal.aborted) return;
    const known = found instanceof WishboneError ? { problems: [problemOfFile(found)], rowsByCheck: {} } : kept(found);
    this.#checked.set(uri.toString(), known);
    notePreferenceFile(uri, true);
    this.#collection.set(
      uri,
      known.problems.map((problem) => diagnosticOf(uri, problemOf(problem, document), this.repository)),
    );
  }
}

/** The weightiest problems, in the order of the file. */
function kept(found: DatasetCheck): Checked {
  const weights = { error: 0, warning: 1, information: 2 };
  const all = [...found.problems].sort((a, b) => weights[a.severity] - weights[b.severity]).slice(0, MOST_PROBLEMS);
  return { problems: all.sort((a, b) => (a.line ?? 1) - (b.line ?? 1)), rowsByCheck: rowsOf(found) };
}

function problemOf({ line = 1, check, what, advice, remedies }: PlacedProblem, document: vscode.TextDocument): Problem {
  const finding = { check, what, advice, ...(remedies ? { remedies } : {}) };
  const at = Math.min(line - 1, document.lineCount - 1);
  const { text } = document.lineAt(at);
  // The first cell stands for the row.
  const [cell] = /^[^,\t]{1,32}/.exec(text) ?? [''];
  const end = Math.min(Math.max(1, cell.length), text.length);
  return { ...finding, range: { start: { line: at, character: 0 }, end: { line: at, character: end } }, row: undefined };
}

function problemOfFile({ what, where, advice }: WishboneError): PlacedProblem {
  const line = Number(/:(\d+)(?::\d+)?(?:,.*)?$/.exec(where)?.[1] ?? 1);
  return { check: 'malformed-row', severity: 'error', what, advice, line: Math.max(1, line) };
}

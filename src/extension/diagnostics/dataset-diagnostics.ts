import * as vscode from 'vscode';

import {
  type CheckReport,
  checkSeverities,
  headLength,
  isPreferenceText,
  PreferenceChecker,
  type Problem,
  type Severity,
} from '../../core/checks/index.js';
import type { Problems } from '../problems.js';
import { SummaryLenses } from './code-lens.js';
import { isJsonFile, isWanted, lengthOf, mayBePreferences, MOST_CHARACTERS, rangeOf, SELECTOR } from './documents.js';
import { LatestJob } from './latest-job.js';
import { QuickFixes } from './quick-fixes.js';
import { codeOf, docsUrl, problemText } from './text.js';

/** How long typing must rest before a document is checked again. */
const REST_MILLISECONDS = 300;

/** What is known of a document: nothing for one that is no preference file. */
export type DocumentState =
  | { readonly kind: 'other' }
  | { readonly kind: 'large' }
  | { readonly kind: 'checked'; readonly report: CheckReport; readonly version: number };

interface Watched {
  readonly document: vscode.TextDocument;
  readonly checker: PreferenceChecker;
  readonly job: LatestJob;
  state: DocumentState;
}

/** Checks preference files while they are open in the editor. */
export class DatasetDiagnostics implements vscode.Disposable {
  readonly #collection = vscode.languages.createDiagnosticCollection('wishbone');
  readonly #watched = new Map<vscode.TextDocument, Watched>();
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #subscriptions: vscode.Disposable;
  /** Fires when the state of a document may be another. */
  readonly onDidChange = this.#changed.event;

  constructor(
    readonly extension: vscode.Extension<unknown>,
    readonly problems: Problems,
  ) {
    this.#subscriptions = vscode.Disposable.from(
      vscode.workspace.onDidOpenTextDocument((document) => this.#look(document, 0)),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        // Without changes it is only the mark of unsaved ones that came or went.
        if (contentChanges.length > 0) this.#look(document, REST_MILLISECONDS);
      }),
      vscode.workspace.onDidCloseTextDocument((document) => this.#forget(document)),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('wishbone.diagnostics')) this.#lookAtAll();
      }),
      vscode.languages.registerCodeLensProvider(SELECTOR, new SummaryLenses(this)),
      vscode.languages.registerCodeActionsProvider(SELECTOR, new QuickFixes(this), QuickFixes.metadata),
    );
    this.#lookAtAll();
  }

  dispose(): void {
    this.#subscriptions.dispose();
    for (const { job } of this.#watched.values()) job.cancel();
    this.#watched.clear();
    this.#collection.dispose();
    this.#changed.dispose();
  }

  stateOf(document: vscode.TextDocument): DocumentState {
    return this.#watched.get(document)?.state ?? { kind: 'other' };
  }

  #lookAtAll(): void {
    for (const document of vscode.workspace.textDocuments) this.#look(document, 0);
  }

  #look(document: vscode.TextDocument, milliseconds: number): void {
    if (!mayBePreferences(document)) return;
    if (isWanted(document)) this.#watch(document).job.schedule(milliseconds);
    else this.#forget(document);
  }

  #watch(document: vscode.TextDocument): Watched {
    const known = this.#watched.get(document);
    if (known !== undefined) return known;
    const watched: Watched = {
      document,
      checker: new PreferenceChecker(isJsonFile(document)),
      job: new LatestJob(
        (signal) => this.#check(watched, signal),
        (error) => this.problems.log(error),
      ),
      state: { kind: 'other' },
    };
    this.#watched.set(document, watched);
    return watched;
  }

  #forget(document: vscode.TextDocument): void {
    const watched = this.#watched.get(document);
    if (watched === undefined) return;
    watched.job.cancel();
    this.#watched.delete(document);
    this.#collection.delete(document.uri);
    this.#changed.fire();
  }

  async #check(watched: Watched, signal: AbortSignal): Promise<void> {
    const { document, checker } = watched;
    const { version } = document;
    const head = document.getText(new vscode.Range(new vscode.Position(0, 0), document.positionAt(headLength)));
    if (!isPreferenceText(head, isJsonFile(document))) return this.#tell(watched, { kind: 'other' });
    if (lengthOf(document) > MOST_CHARACTERS) return this.#tell(watched, { kind: 'large' });
    const report = await checker.check(document.getText(), signal);
    if (report !== undefined && !signal.aborted) this.#tell(watched, { kind: 'checked', report, version });
  }

  #tell(watched: Watched, state: DocumentState): void {
    const { uri } = watched.document;
    const isNews = watched.state.kind !== 'other' || state.kind !== 'other';
    watched.state = state;
    if (!isNews) return;
    const found = state.kind === 'checked' ? state.report.problems : [];
    this.#collection.set(
      uri,
      found.map((problem) => this.#diagnostic(uri, problem)),
    );
    this.#changed.fire();
  }

  #diagnostic(uri: vscode.Uri, problem: Problem): vscode.Diagnostic {
    const { check, range, earlier } = problem;
    const severity = severities[checkSeverities[check]];
    const diagnostic = new vscode.Diagnostic(rangeOf(range), problemText(problem), severity);
    const docs = docsUrl((this.extension.packageJSON as { repository?: unknown }).repository, check);
    diagnostic.source = 'Wishbone';
    diagnostic.code = docs === undefined ? codeOf(check) : { value: codeOf(check), target: vscode.Uri.parse(docs) };
    if (earlier !== undefined) {
      const location = new vscode.Location(uri, rangeOf(earlier));
      diagnostic.relatedInformation = [new vscode.DiagnosticRelatedInformation(location, 'the earlier row')];
    }
    return diagnostic;
  }
}

const severities: Readonly<Record<Severity, vscode.DiagnosticSeverity>> = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  information: vscode.DiagnosticSeverity.Information,
};

import * as vscode from 'vscode';

import { CheckWorker, type Problem, type RowTokens } from '../../core/checks/index.js';
import { reach } from '../milestones.js';
import type { Problems } from '../problems.js';
import { SummaryLenses } from './code-lens.js';
import { SELECTOR } from './documents.js';
import { type FileState, OTHER } from './file-state.js';
import { LargeFiles } from './large-files.js';
import { ModelChoice } from './model-choice.js';
import { notePreferenceFile } from './preference-files.js';
import { OpenDocuments } from './open-documents.js';
import { QuickFixes } from './quick-fixes.js';
import { RowHints } from './row-hints.js';
import { RowHovers } from './row-hovers.js';
import { RowMarks } from './row-marks.js';
import { DatasetStatusBar } from './status-bar.js';
import { diagnosticOf } from './vscode-diagnostic.js';

/** Checks preference files while they are open in the editor, and shows what is known about them. */
export class DatasetDiagnostics implements vscode.Disposable {
  readonly #collection = vscode.languages.createDiagnosticCollection('wishbone');
  readonly #states = new Map<string, { readonly state: FileState; readonly problems: readonly Problem[] }>();
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #worker: CheckWorker;
  readonly #documents: OpenDocuments;
  readonly #files: LargeFiles;
  readonly #subscriptions: vscode.Disposable;
  #ids = 0;
  /** Fires when the state of a document is another. */
  readonly onDidChange = this.#changed.event;

  constructor(
    readonly context: vscode.ExtensionContext,
    readonly problems: Problems,
  ) {
    const models = new ModelChoice(context);
    this.#worker = new CheckWorker({
      onReport: (id, report) => this.#documents.report(id, report),
      onOutOfStep: (id) => this.#documents.outOfStep(id),
      onFileReport: (id, report) => this.#files.report(id, report),
      onFileTrouble: (id, error) => this.#files.trouble(id, error),
      onLeftAlone: (id, error) => {
        this.#documents.leftAlone(id, error);
        this.#files.trouble(id, error);
      },
      onFault: (error, hasEnded) => {
        problems.log(error);
        if (!hasEnded) return;
        this.#documents.sendAgain();
        this.#files.sendAgain();
      },
    });
    const listener = {
      onState: (uri: vscode.Uri, state: FileState) => this.#tell(uri, state),
      onError: (error: unknown) => problems.log(error),
    };
    const nextId = (): number => ++this.#ids;
    this.#documents = new OpenDocuments(this.#worker, models, nextId, listener);
    this.#files = new LargeFiles(this.#worker, nextId, listener);
    this.#subscriptions = vscode.Disposable.from(
      models,
      this.#documents,
      this.#files,
      new DatasetStatusBar(this),
      new RowMarks(this),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('wishbone.diagnostics')) this.#lookAtAll();
      }),
      vscode.languages.registerCodeLensProvider(SELECTOR, new SummaryLenses(this)),
      vscode.languages.registerHoverProvider(SELECTOR, new RowHovers(this)),
      vscode.languages.registerInlayHintsProvider(SELECTOR, new RowHints(this)),
      vscode.languages.registerCodeActionsProvider(SELECTOR, new QuickFixes(this), QuickFixes.metadata),
    );
    this.#lookAtAll();
  }

  dispose(): void {
    this.#subscriptions.dispose();
    this.#collection.dispose();
    this.#changed.dispose();
    void this.#worker.dispose();
  }

  stateOf(uri: vscode.Uri): FileState {
    return this.#states.get(uri.toString())?.state ?? OTHER;
  }

  /**
   * The tokens of rows, by their JSON text; undefined for a row that cannot be trained on.
   *
   * @throws WishboneError when the model folder cannot be used
   */
  tokens(model: string, maxLength: number, rows: readonly string[]): Promise<readonly (RowTokens | undefined)[]> {
    return this.#worker.tokens(model, maxLength, rows);
  }

  #lookAtAll(): void {
    this.#documents.lookAtAll();
    this.#files.look();
  }

  #tell(uri: vscode.Uri, state: FileState): void {
    const key = uri.toString();
    const known = this.#states.get(key)?.problems ?? [];
    const problems = (state.kind === 'checked' || state.kind === 'large' ? state.report?.problems : undefined) ?? [];
    notePreferenceFile(uri, state.kind !== 'other');
    if (state.kind === 'other') this.#states.delete(key);
    else {
      this.#states.set(key, { state, problems });
      reach('datasetOpened');
    }
    // While tokens are counted reports come that tell of nothing new.
    if (JSON.stringify(known) !== JSON.stringify(problems)) {
      const { repository } = this.context.extension.packageJSON as { repository?: unknown };
      this.#collection.set(
        uri,
        problems.map((problem) => diagnosticOf(uri, problem, repository)),
      );
    }
    this.#changed.fire(uri);
  }
}

import * as vscode from 'vscode';

import type { WishboneError } from '../../core/errors.js';
import { type CheckOptions, type CheckWorker, type DocumentReport, HEAD_LENGTH, isPreferenceText } from '../../core/checks/index.js';
import { checkOptions, optionsEqual } from './check-options.js';
import { isJsonFile, isWanted, lengthOf, mayBePreferences } from './documents.js';
import { type FileState, OTHER } from './file-state.js';
import { LatestJob } from './latest-job.js';
import type { ModelChoice } from './model-choice.js';

/** How long typing must rest before a document is checked again. */
const REST_MILLISECONDS = 300;

interface Watched {
  readonly document: vscode.TextDocument;
  readonly id: number;
  readonly job: LatestJob;
  /** What the worker has: undefined while it has nothing. */
  sent: { readonly eol: vscode.EndOfLine; options: CheckOptions } | undefined;
  state: FileState;
}

export interface DocumentsListener {
  readonly onState: (uri: vscode.Uri, state: FileState) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Keeps the worker's copy of each open document in step, and asks for checks when typing rests. An edit costs the window
 * and this thread nothing but a message.
 */
export class OpenDocuments implements vscode.Disposable {
  readonly #watched = new Map<vscode.TextDocument, Watched>();
  readonly #subscriptions: vscode.Disposable;

  constructor(
    readonly worker: CheckWorker,
    readonly models: ModelChoice,
    readonly nextId: () => number,
    readonly listener: DocumentsListener,
  ) {
    this.#subscriptions = vscode.Disposable.from(
      vscode.workspace.onDidOpenTextDocument((document) => this.#look(document, 0)),
      vscode.workspace.onDidChangeTextDocument((event) => this.#edited(event)),
      vscode.workspace.onDidSaveTextDocument((document) => this.#saved(document)),
      vscode.workspace.onDidCloseTextDocument((document) => this.#forget(document)),
      models.onDidChange(() => this.lookAtAll()),
    );
  }

  dispose(): void {
    this.#subscriptions.dispose();
    for (const { job } of this.#watched.values()) job.cancel();
    this.#watched.clear();
  }

  lookAtAll(): void {
    for (const document of vscode.workspace.textDocuments) this.#look(document, 0);
  }

  /** Sends every document again: the worker has lost them. */
  sendAgain(): void {
    for (const watched of this.#watched.values()) {
      watched.sent = undefined;
      watched.job.schedule(REST_MILLISECONDS);
    }
  }

  report(id: number, report: DocumentReport): void {
    const watched = this.#byId(id);
    // Places of an older version are no longer where they were; a check of this one is on its way.
    if (watched?.sent === undefined || report.version !== watched.document.version) return;
    this.#tell(watched, { kind: 'checked', report, options: watched.sent.options });
  }

  /** The document has ended the checks, and is not looked at before it changes. */
  leftAlone(id: number, { what, advice }: WishboneError): void {
    const watched = this.#byId(id);
    if (watched?.sent === undefined) return;
    const range = { start: { line: 0, character: 0 }, end: { line: 0, character: 1 } };
    const report: DocumentReport = {
      version: watched.document.version,
      form: undefined,
      pairs: 0,
      counts: { 'malformed-row': 1 },
      sources: [],
      rows: new Uint32Array(),
      onOwnLines: true,
      problems: [{ check: 'malformed-row', what, advice, range, row: undefined }],
      rowsByCheck: {},
      tokens: undefined,
      modelTrouble: undefined,
    };
    const { options } = watched.sent;
    // The worker has nothing of it: with its next edit it is opened anew.
    watched.sent = undefined;
    this.#tell(watched, { kind: 'checked', report, options });
  }

  outOfStep(id: number): void {
    const watched = this.#byId(id);
    if (watched === undefined) return;
    watched.sent = undefined;
    watched.job.schedule(0);
  }

  #byId(id: number): Watched | undefined {
    for (const watched of this.#watched.values()) if (watched.id === id) return watched;
    return undefined;
  }

  #edited({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    const watched = this.#watched.get(document);
    if (watched === undefined) {
      if (contentChanges.length > 0) this.#look(document, REST_MILLISECONDS);
      return;
    }
    // Other line ends come without changes, as the mark of unsaved ones does.
    if (watched.sent !== undefined && watched.sent.eol !== document.eol) watched.sent = undefined;
    else if (contentChanges.length === 0) return;
    else if (watched.sent !== undefined) {
      const edits = contentChanges.map(({ rangeOffset, rangeLength, text }) => {
        return { offset: rangeOffset, length: rangeLength, text };
      });
      this.worker.tell('edit', { id: watched.id, version: document.version, edits });
      // Another program or window has written the file, and VS Code has taken it over.
      if (!document.isDirty && document.uri.scheme === 'file') this.worker.tell('saved', { id: watched.id });
    }
    this.#look(document, REST_MILLISECONDS);
  }

  #saved(saved: vscode.TextDocument): void {
    const watched = this.#watched.get(saved);
    if (watched?.sent !== undefined) this.worker.tell('saved', { id: watched.id });
    if (!mayBePreferences(saved)) return;
    // It may be the other side of a split.
    for (const { document, sent, job } of this.#watched.values()) {
      if (document !== saved && sent !== undefined) job.schedule(REST_MILLISECONDS);
    }
  }

  #look(document: vscode.TextDocument, milliseconds: number): void {
    if (!mayBePreferences(document)) return;
    if (isWanted(document.uri)) this.#watch(document).job.schedule(milliseconds);
    else this.#forget(document);
  }

  #watch(document: vscode.TextDocument): Watched {
    const known = this.#watched.get(document);
    if (known !== undefined) return known;
    const watched: Watched = {
      document,
      id: this.nextId(),
      job: new LatestJob((signal) => this.#check(watched, signal), this.listener.onError),
      sent: undefined,
      state: OTHER,
    };
    this.#watched.set(document, watched);
    return watched;
  }

  #forget(document: vscode.TextDocument): void {
    const watched = this.#watched.get(document);
    if (watched === undefined) return;
    watched.job.cancel();
    this.#watched.delete(document);
    this.#leave(watched);
  }

  async #check(watched: Watched, signal: AbortSignal): Promise<void> {
    const { document, id } = watched;
    const head = document.getText(new vscode.Range(new vscode.Position(0, 0), document.positionAt(HEAD_LENGTH)));
    if (!isPreferenceText(head, isJsonFile(document))) return this.#leave(watched);
    const options = await checkOptions(document.uri, this.models);
    if (signal.aborted) return;
    const { sent } = watched;
    if (sent === undefined) {
      const { version, eol, uri } = document;
      watched.sent = { eol, options };
      const file = uri.scheme === 'file' ? uri.fsPath : undefined;
      const text = document.getText();
      this.worker.tell('open', { id, version, text, isJsonFile: isJsonFile(document), file, options });
    } else if (optionsEqual(sent.options, options)) {
      this.worker.tell('check', { id, length: lengthOf(document) });
    } else {
      sent.options = options;
      this.worker.tell('options', { id, options });
    }
  }

  #leave(watched: Watched): void {
    if (watched.sent !== undefined) this.worker.tell('close', { id: watched.id });
    watched.sent = undefined;
    if (watched.state.kind !== 'other') this.#tell(watched, OTHER);
  }

  #tell(watched: Watched, state: FileState): void {
    watched.state = state;
    this.listener.onState(watched.document.uri, state);
  }
}

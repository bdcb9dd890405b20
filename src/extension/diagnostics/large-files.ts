import { stat } from 'node:fs/promises';
import { openPlain } from '../../core/files/plain-file.js';

import * as vscode from 'vscode';

import { type CheckWorker, type FileReport, HEAD_LENGTH, isPreferenceText } from '../../core/checks/index.js';
import { checkOptions } from './check-options.js';
import { fileOfTab, isWanted, LARGE_BYTES } from './documents.js';
import { type FileState, OTHER } from './file-state.js';
import { LatestJob } from './latest-job.js';
import type { DocumentsListener } from './open-documents.js';

/** How long a file that is being written must rest. */
const REST_MILLISECONDS = 500;

interface LargeFile {
  readonly uri: vscode.Uri;
  readonly id: number;
  readonly job: LatestJob;
  readonly watcher: vscode.Disposable;
  isEdited: boolean;
  state: FileState;
  /** What the newest check has found so far; `state` may hold back where it is. */
  latest: FileReport | undefined;
  /** Time and size of the file that is or was checked. */
  checked: string | undefined;
}

/**
 * Files in the editor that VS Code keeps from extensions for their size. What is open is told by the tabs; the worker
 * reads the files from disk.
 */
export class LargeFiles implements vscode.Disposable {
  readonly #files = new Map<string, LargeFile>();
  readonly #subscriptions: vscode.Disposable;

  constructor(
    readonly worker: CheckWorker,
    readonly nextId: () => number,
    readonly listener: DocumentsListener,
  ) {
    this.#subscriptions = vscode.Disposable.from(
      vscode.window.tabGroups.onDidChangeTabs(() => this.look()),
      // A file of many bytes may have fewer characters: then its document comes after its tab.
      vscode.workspace.onDidOpenTextDocument(() => this.look()),
    );
  }

  dispose(): void {
    this.#subscriptions.dispose();
    for (const file of [...this.#files.values()]) this.#forget(file);
  }

  /** Looks at the tabs: which large files are open, and which of them have unsaved changes. */
  look(): void {
    const documents = new Set(vscode.workspace.textDocuments.map(({ uri }) => uri.toString()));
    const open = new Map<string, { readonly uri: vscode.Uri; isEdited: boolean }>();
    for (const tab of vscode.window.tabGroups.all.flatMap(({ tabs }) => tabs)) {
      const uri = fileOfTab(tab);
      if (uri !== undefined && !documents.has(uri.toString()) && isWanted(uri)) {
        open.set(uri.toString(), { uri, isEdited: tab.isDirty });
      }
    }
    for (const [key, file] of [...this.#files]) if (!open.has(key)) this.#forget(file);
    for (const { uri, isEdited } of open.values()) this.#watch(uri, isEdited);
  }

  /** Checks every file again: the worker has lost them. */
  sendAgain(): void {
    for (const file of this.#files.values()) {
      file.checked = undefined;
      file.job.schedule(REST_MILLISECONDS);
    }
  }

  report(id: number, report: FileReport): void {
    const file = this.#byId(id);
    if (file?.state.kind !== 'large') return;
    file.latest = report;
    // Lines of an edited text may be others than those on disk: what is told of later would be shown at wrong places.
    const problems = file.isEdited ? (file.state.report?.problems ?? []) : report.problems;
    this.#tell(file, { ...file.state, report: { ...report, problems } });
  }

  trouble(id: number, error: unknown): void {
    const file = this.#byId(id);
    if (file === undefined) return;
    this.listener.onError(error);
    file.checked = undefined;
    this.#tell(file, OTHER);
  }

  #byId(id: number): LargeFile | undefined {
    for (const file of this.#files.values()) if (file.id === id) return file;
    return undefined;
  }

  #watch(uri: vscode.Uri, isEdited: boolean): void {
    const known = this.#files.get(uri.toString());
    if (known !== undefined) return this.#edited(known, isEdited);
    const pattern = new vscode.RelativePattern(vscode.Uri.joinPath(uri, '..'), uri.path.slice(uri.path.lastIndexOf('/') + 1));
    const watcher = vscode.workspace.createFileSystemWatcher(pattern);
    const file: LargeFile = {
      uri,
      id: this.nextId(),
      job: new LatestJob((signal) => this.#check(file, signal), this.listener.onError),
      watcher: vscode.Disposable.from(
        watcher,
        watcher.onDidChange(() => file.job.schedule(REST_MILLISECONDS)),
        watcher.onDidCreate(() => file.job.schedule(REST_MILLISECONDS)),
        watcher.onDidDelete(() => file.job.schedule(REST_MILLISECONDS)),
      ),
      isEdited,
      state: OTHER,
      latest: undefined,
      checked: undefined,
    };
    this.#files.set(uri.toString(), file);
    file.job.schedule(0);
  }

  /** The check of what is on disk goes on; the marks stay as they are until the text is saved, or as it was. */
  #edited(file: LargeFile, isEdited: boolean): void {
    if (file.isEdited === isEdited) return;
    file.isEdited = isEdited;
    if (file.state.kind === 'large') this.#tell(file, { ...file.state, isEdited });
    if (!isEdited) file.job.schedule(REST_MILLISECONDS);
  }

  #forget(file: LargeFile): void {
    file.job.cancel();
    file.watcher.dispose();
    this.#files.delete(file.uri.toString());
    this.#leave(file);
  }

  /** Nothing is known of the file any more, and nothing is looked for. */
  #leave(file: LargeFile): void {
    file.checked = undefined;
    file.latest = undefined;
    if (file.state.kind === 'other') return;
    this.worker.tell('close', { id: file.id });
    this.#tell(file, OTHER);
  }

  async #check(file: LargeFile, signal: AbortSignal): Promise<void> {
    const { uri, id } = file;
    const info = await stat(uri.fsPath).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return undefined;
    });
    if (signal.aborted) return;
    // The editor still has its text; it may be saved again.
    if (info === undefined) return this.#leave(file);
    if (file.isEdited && file.state.kind === 'large') return;
    const isWanted = info.size > LARGE_BYTES && (await isPreferenceFile(uri.fsPath));
    if (signal.aborted) return;
    if (!isWanted) return this.#leave(file);
    if (/\.json$/i.test(uri.path)) return this.#tell(file, { kind: 'tooLarge' });
    const { mtimeMs, size } = info;
    const stamp = `${mtimeMs} ${size}`;
    this.#tell(file, { kind: 'large', report: file.latest, size, isEdited: file.isEdited });
    if (file.checked === stamp) return;
    const options = await checkOptions(uri, undefined);
    if (signal.aborted) return;
    file.checked = stamp;
    this.worker.tell('file', { id, file: uri.fsPath, options });
  }

  #tell(file: LargeFile, state: FileState): void {
    file.state = state;
    this.listener.onState(file.uri, state);
  }
}

async function isPreferenceFile(file: string): Promise<boolean> {
  const handle = await openPlain(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_LENGTH), 0, HEAD_LENGTH, 0);
    const head = buffer.toString('utf8', 0, bytesRead).replace(/^\ufeff/, '');
    return isPreferenceText(head, /\.json$/i.test(file));
  } finally {
    await handle.close();
  }
}

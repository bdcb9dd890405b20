import { stat } from 'node:fs/promises';

import * as vscode from 'vscode';

import type { FirstRows } from '../../core/dataset/first-rows.js';
import { runTask } from '../../core/tasks/index.js';
import { requireReadable } from '../trust.js';

interface Known {
  readonly version: string;
  readonly modified: number;
  readonly rows: Promise<FirstRows>;
}

/** Serves the first rows of files as documents that cannot be changed. What was read is kept until the file changes. */
export class RowsFileSystem implements vscode.FileSystemProvider {
  readonly #known = new Map<string, Known>();
  readonly #changed = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly onDidChangeFile = this.#changed.event;

  /**
   * The first rows of the file that a document shows.
   *
   * @throws WishboneError when it cannot be read
   */
  async rows(uri: vscode.Uri): Promise<FirstRows> {
    return (await this.#read(uri)).rows;
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const { modified, rows } = await this.#read(uri);
    const { text } = await rows;
    return {
      type: vscode.FileType.File,
      ctime: modified,
      mtime: modified,
      size: Buffer.byteLength(text),
      permissions: vscode.FilePermission.Readonly,
    };
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    return Buffer.from((await this.rows(uri)).text);
  }

  watch(uri: vscode.Uri): vscode.Disposable {
    const folder = vscode.Uri.joinPath(uri.with({ scheme: 'file' }), '..');
    const watcher = vscode.workspace.createFileSystemWatcher(
      new vscode.RelativePattern(folder, uri.path.slice(uri.path.lastIndexOf('/') + 1)),
    );
    const tell = (type: vscode.FileChangeType) => () => this.#changed.fire([{ type, uri }]);
    return vscode.Disposable.from(
      watcher,
      watcher.onDidChange(tell(vscode.FileChangeType.Changed)),
      watcher.onDidCreate(tell(vscode.FileChangeType.Changed)),
      watcher.onDidDelete(tell(vscode.FileChangeType.Deleted)),
    );
  }

  readDirectory(): [string, vscode.FileType][] {
    return [];
  }

  createDirectory(): void {
    throw vscode.FileSystemError.NoPermissions();
  }

  writeFile(): void {
    throw vscode.FileSystemError.NoPermissions();
  }

  delete(): void {
    throw vscode.FileSystemError.NoPermissions();
  }

  rename(): void {
    throw vscode.FileSystemError.NoPermissions();
  }

  async #read(uri: vscode.Uri): Promise<Known> {
    const key = uri.toString();
    const info = await stat(uri.fsPath).catch(() => {
      throw vscode.FileSystemError.FileNotFound(uri);
    });
    const version = `${info.size} ${info.mtimeMs}`;
    const known = this.#known.get(key);
    if (known?.version === version) return known;
    requireReadable(uri.fsPath);
    const read: Known = { version, modified: info.mtimeMs, rows: runTask('firstRows', uri.fsPath) };
    this.#known.set(key, read);
    // Whoever asks again may find that it can be read now.
    read.rows.catch(() => {
      if (this.#known.get(key) === read) this.#known.delete(key);
    });
    return read;
  }
}

import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import { type BackendInfo, locateRunner, runnerBackends } from '../../core/runner/index.js';
import { errorLine } from '../error-text.js';

/** The runner of this window: whether there is one, and what it can run on. */
export class Runner implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #settings: vscode.Disposable;
  #backends: Promise<readonly BackendInfo[]> | undefined;
  /** It is another runner, or may find other devices than before. */
  readonly onDidChange = this.#changed.event;

  constructor() {
    this.#settings = vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('wishbone.runner')) this.forget();
    });
  }

  dispose(): void {
    this.#settings.dispose();
    this.#changed.dispose();
  }

  /** What it can run on; asked once, and again after it could not answer. */
  async backends(): Promise<readonly BackendInfo[]> {
    const backends = await (this.#backends ??= runnerBackends());
    if (backends.length === 0) this.#backends = undefined;
    return backends;
  }

  /** Has whoever shows its devices ask again. */
  forget(): void {
    this.#backends = undefined;
    this.#changed.fire();
  }

  /** Why there is none to start, as one line; empty when there is one. */
  async fault(): Promise<string> {
    try {
      await locateRunner();
      return '';
    } catch (error) {
      if (!(error instanceof WishboneError)) throw error;
      return errorLine(error);
    }
  }
}

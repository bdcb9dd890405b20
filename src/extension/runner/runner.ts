import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import { type BackendInfo, locateRunner, runnerBackends } from '../../core/runner/index.js';
import { errorLine } from '../error-text.js';

/** What this window knows about the runner: whether there is one, and what it can run on. */
export class Runner implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #settings: vscode.Disposable;
  #backends: Promise<readonly BackendInfo[]> | undefined;
  /** Fires when the runner is a different one, or may find different devices. */
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

  /** What it can run on. Asked once, and again after it failed to answer. */
  async backends(): Promise<readonly BackendInfo[]> {
    const backends = await (this.#backends ??= runnerBackends());
    if (backends.length === 0) this.#backends = undefined;
    return backends;
  }

  /** Makes everyone who shows devices ask again. */
  forget(): void {
    this.#backends = undefined;
    this.#changed.fire();
  }

  /** Why there is no runner to start, in one line; empty if there is one. */
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

import { stat } from 'node:fs/promises';

import * as vscode from 'vscode';

import type { DatasetSummary } from '../../core/checks/dataset-summary.js';
import { WishboneError } from '../../core/errors.js';
import { runTask } from '../../core/tasks/index.js';
import { checkOptions } from '../diagnostics/check-options.js';
import { ModelChoice } from '../diagnostics/model-choice.js';
import type { Problems } from '../problems.js';
import { isBinaryDataset, requireReadable } from '../trust.js';

interface Known {
  readonly key: string;
  readonly summary: Promise<DatasetSummary | WishboneError>;
}

/**
 * What is in preference files, for all who say so: the Datasets view and the launch form. Files are checked with what the
 * editor checks them with, so the numbers are the same.
 */
export class DatasetSummaries implements vscode.Disposable {
  readonly #known = new Map<string, Known>();
  readonly #end = new AbortController();
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #subscriptions: vscode.Disposable[] = [this.#changed];
  /** Fires when files may be checked with something else. */
  readonly onDidChange = this.#changed.event;
  #models: ModelChoice | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    readonly context: vscode.ExtensionContext,
    readonly problems: Problems,
  ) {
    this.#subscriptions.push(
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('wishbone.diagnostics')) this.#changed.fire();
      }),
    );
  }

  dispose(): void {
    this.#end.abort(new Error('the extension ends'));
    vscode.Disposable.from(...this.#subscriptions).dispose();
  }

  /** Stands for what a summary of the file is of: its content as it is now, and the options of the checks. */
  async key(file: string): Promise<string> {
    const version = await stat(file).then(
      ({ size, mtimeMs }) => `${size} ${mtimeMs}`,
      () => '',
    );
    return `${version} ${JSON.stringify(await this.#options(file))}`;
  }

  /** The summary of a file as it is now, or why it has none. One file is read after the other: each takes a thread. */
  async of(file: string): Promise<DatasetSummary | WishboneError> {
    const key = await this.key(file);
    const known = this.#known.get(file);
    if (known?.key === key) return known.summary;
    const summary = this.#last.then(() => this.#summarise(file));
    this.#last = summary.catch(() => undefined);
    this.#known.set(file, { key, summary });
    return summary;
  }

  async #summarise(file: string): Promise<DatasetSummary | WishboneError> {
    const { signal } = this.#end;
    try {
      if (isBinaryDataset(file)) requireReadable(file);
      return await runTask('summarise', { file, options: await this.#options(file) }, { signal });
    } catch (error) {
      if (error instanceof WishboneError) return error;
      if (!signal.aborted) this.problems.log(error);
      return new WishboneError('the file cannot be read', file, 'see the Wishbone output channel');
    }
  }

  #options(file: string): ReturnType<typeof checkOptions> {
    if (this.#models === undefined) {
      this.#models = new ModelChoice(this.context);
      this.#subscriptions.push(
        this.#models,
        this.#models.onDidChange(() => this.#changed.fire()),
      );
    }
    // Tables are checked without tokens in the editor too.
    return checkOptions(vscode.Uri.file(file), /\.[ct]sv$/i.test(file) ? undefined : this.#models);
  }
}

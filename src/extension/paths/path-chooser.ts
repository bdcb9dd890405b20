import * as vscode from 'vscode';

import { onlyDataset } from '../datasets/find-datasets.js';
import { mayBeDataset, mayBeModel } from './candidates.js';
import { givenPath } from './given-path.js';
import { pickDataset } from './pick-dataset.js';
import { onlyModel, pickModel } from './pick-model.js';
import { recentDatasets, recentModels, type RecentPaths } from './recent.js';

/** The files and folders that a run can be made of: asked for, or the likeliest ones. */
export class PathChooser {
  readonly #datasets: RecentPaths;
  readonly #models: RecentPaths;

  constructor(context: vscode.ExtensionContext) {
    this.#datasets = recentDatasets(context);
    this.#models = recentModels(context);
  }

  /** Asks for a file or folder among those that are likely, or any other; undefined when it was given up. */
  async choose(what: 'dataset' | 'model'): Promise<string | undefined> {
    const picked = what === 'dataset' ? await pickDataset(this.#datasets) : await pickModel(this.#models);
    return typeof picked === 'string' ? undefined : picked.value;
  }

  /** Those that a form begins with: the file that was given, else the likeliest one; and a model. */
  async likely(given?: unknown): Promise<{ dataset: string | undefined; model: string | undefined }> {
    const [dataset, model] = await Promise.all([givenPath(given) ?? this.#likelyDataset(), this.#likelyModel()]);
    return { dataset, model };
  }

  /** Has these be the likeliest from now on. */
  async remember(dataset: string, model: string): Promise<void> {
    await Promise.all([this.#datasets.add(dataset), this.#models.add(model)]);
  }

  /** The file in the editor, else the one used last here, else the only one there is. */
  async #likelyDataset(): Promise<string | undefined> {
    const editor = vscode.window.activeTextEditor?.document.uri;
    if (editor?.scheme === 'file' && mayBeDataset(editor.fsPath) && !/\.json$/i.test(editor.fsPath)) return editor.fsPath;
    const [last] = this.#datasets.all;
    return last ?? onlyDataset();
  }

  /** The model used last that is still there, else the only one of the workspace. */
  async #likelyModel(): Promise<string | undefined> {
    for (const folder of this.#models.all) {
      if (await mayBeModel(folder)) return folder;
    }
    return onlyModel();
  }
}

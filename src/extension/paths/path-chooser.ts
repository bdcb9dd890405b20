import type * as vscode from 'vscode';

import { cachedName, hubCache, isHubName } from '../../core/hub/index.js';
import { onlyDataset } from '../datasets/find-datasets.js';
import { firstFolder } from '../workspace.js';
import { mayBeModel } from './candidates.js';
import { datasetAtHand } from './file-at-hand.js';
import { givenPath } from './given-path.js';
import { datasetForm } from './look-at-dataset.js';
import { isStillThere, pickDataset } from './pick-dataset.js';
import { pickPart } from './pick-part.js';
import { onlyModel, pickAdapter, pickModel } from './pick-model.js';
import { recentDatasets, recentModels, type RecentPaths } from './recent.js';

/** Chooses the files and folders for a run: asks the user, or takes the most likely ones. */
export class PathChooser {
  readonly #datasets: RecentPaths;
  readonly #models: RecentPaths;

  constructor(context: vscode.ExtensionContext) {
    this.#datasets = recentDatasets(context);
    this.#models = recentModels(context);
  }

  /** Asks the user for a file or folder, or an id of the hub; likely ones first. Undefined if cancelled. */
  async choose(what: 'dataset' | 'model' | 'adapter'): Promise<string | undefined> {
    const hub = true;
    const picked =
      what === 'dataset'
        ? await pickDataset(this.#datasets, { hub })
        : what === 'model'
          ? await pickModel(this.#models, { hub })
          : await pickAdapter();
    if (typeof picked === 'string') return undefined;
    return what === 'dataset' ? pickPart(picked.value) : picked.value;
  }

  /** Asks for a preference file of this machine. Undefined if cancelled. */
  async chooseFile(title: string): Promise<string | undefined> {
    const picked = await pickDataset(this.#datasets, { title });
    return typeof picked === 'string' ? undefined : picked.value;
  }

  /** What a form starts with: the given file or folder, which may be a model too, or else the most likely dataset and model. */
  async likely(given?: unknown): Promise<{ dataset: string | undefined; model: string | undefined }> {
    const place = givenPath(given);
    const isModel = place !== undefined && (await mayBeModel(place));
    const [dataset, model] = await Promise.all([
      (isModel ? undefined : place) ?? this.#likelyDataset(),
      isModel ? place : this.#likelyModel(),
    ]);
    return { dataset, model };
  }

  /** Makes these the most likely ones from now on. */
  async remember(dataset: string, model: string): Promise<void> {
    await Promise.all([this.#datasets.add(dataset), this.#models.add(model)]);
  }

  /** The file in the editor, or else the one last used here that is still there, or else the only one in the workspace. */
  async #likelyDataset(): Promise<string | undefined> {
    const open = datasetAtHand();
    // Most JSON files are something else.
    if (open !== undefined && (!/\.json$/i.test(open) || (await datasetForm(open)) !== undefined)) return open;
    for (const name of this.#datasets.all) {
      if (isHubName(name, 'dataset', firstFolder()) || (await isStillThere(name))) return name;
    }
    return onlyDataset();
  }

  /** The last used model that still exists, or else the only one in the workspace. */
  async #likelyModel(): Promise<string | undefined> {
    for (const folder of this.#models.all) {
      if (await mayBeModel(folder)) return (await cachedName(hubCache(), folder)) ?? folder;
    }
    return onlyModel();
  }
}

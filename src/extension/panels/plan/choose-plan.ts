import { stat } from 'node:fs/promises';
import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../../core/errors.js';
import { suitedCapacity } from '../../../core/forecast/index.js';
import { type PlanSource, readPlanOptions } from '../../../core/inspect/index.js';
import { inspectModel } from '../../../core/model/index.js';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING, type PlanOptions } from '../../../core/options/index.js';
import { listRuns, RUN_FILE } from '../../../core/run/index.js';
import { formatCount } from '../../../format.js';
import { givenPath } from '../../paths/given-path.js';
import { pickDataset } from '../../paths/pick-dataset.js';
import { type Choice, pickFrom, type Picked, separator } from '../../paths/pick-list.js';
import { pickModel } from '../../paths/pick-model.js';
import { recentDatasets, recentModels, type RecentPaths } from '../../paths/recent.js';
import { requireReadable } from '../../trust.js';
import type { Problems } from '../../problems.js';
import { listingText } from '../../run-text.js';
import type { RunStore } from '../../runs/run-store.js';
import { reviewPlan } from './review-plan.js';

/** How a dataset was last planned. */
interface Remembered {
  readonly model: string;
  readonly plan: PlanOptions;
}

const REMEMBERED = 'inspectedPlan';
const DATASET = Symbol('dataset');
const OTHER = Symbol('other');
const SHOW = Symbol('show');

/** Finds out which plan to show. */
export class PlanChooser {
  readonly #datasets: RecentPaths;
  readonly #models: RecentPaths;

  constructor(
    readonly context: vscode.ExtensionContext,
    readonly store: RunStore,
    readonly problems: Problems,
  ) {
    this.#datasets = recentDatasets(context);
    this.#models = recentModels(context);
  }

  /**
   * @param given a preference file or a run's folder (a path or a URI); the user is asked if it is missing
   * @param title the title of the questions
   * @returns undefined if the user cancelled
   */
  async choose(given: unknown, title: string): Promise<PlanSource | undefined> {
    const place = givenPath(given);
    if (place !== undefined) {
      if (await isRun(place)) return { kind: 'run', folder: place };
      const last = await this.#remembered();
      if (last !== undefined) return sourceOf(place, last);
      return this.#planFor(place, title);
    }
    const picked = await this.#pickSource(title);
    if (picked === 'cancel') return undefined;
    if (typeof picked.value === 'string') return { kind: 'run', folder: picked.value };
    const dataset = await pickDataset(this.#datasets, { title });
    if (dataset === 'cancel') return undefined;
    await this.#datasets.add(dataset.value);
    return this.#planFor(dataset.value, title);
  }

  /** The runs of the workspace, or a preference file. */
  #pickSource(title: string): Promise<Picked<string | typeof DATASET>> {
    return pickFrom<string | typeof DATASET>({
      title,
      placeholder: 'The plan of a run, or a new one for a preference file',
      fill: async (show) => {
        const file: Choice<typeof DATASET>[] = [
          { label: '$(list-unordered) Preference file…', detail: 'Plan it without starting a run', value: DATASET },
        ];
        show(file);
        const lists = await Promise.all(this.store.runsFolders.map((folder) => listRuns(folder)));
        const runs = lists.flat().flatMap((run): Choice<string>[] => {
          return run.problem === undefined ? [{ ...listingText(run), value: run.folder }] : [];
        });
        if (runs.length > 0) show([...file, separator('runs, newest first'), ...runs]);
      },
    });
  }

  async #planFor(dataset: string, title: string): Promise<PlanSource | undefined> {
    const last = await this.#remembered();
    if (last !== undefined) {
      const picked = await pickFrom<typeof SHOW | typeof OTHER>({
        title,
        placeholder: `How to plan ${path.basename(dataset)}`,
        fill: (show) =>
          show([
            { label: '$(history) Same as last time', description: describe(last), value: SHOW },
            { label: '$(settings-gear) Another model or other settings…', value: OTHER },
          ]),
      });
      if (picked === 'cancel') return undefined;
      if (picked.value === SHOW) return sourceOf(dataset, last);
    }
    const model = await pickModel(this.#models, { title });
    if (model === 'cancel') return undefined;
    const longest = await this.#longestOf(model.value);
    if (longest === undefined) return undefined;
    const begin = last?.plan ?? DEFAULT_PLAN;
    const plan = await reviewPlan({ ...begin, max_length: Math.min(begin.max_length, longest) }, title);
    if (plan === undefined) return undefined;
    await this.#models.add(model.value);
    const chosen: Remembered = { model: model.value, plan };
    await this.context.workspaceState.update(REMEMBERED, chosen);
    return sourceOf(dataset, chosen);
  }

  /** Maximum positions of a model. Undefined if the model is not supported, which the user has then been told. */
  async #longestOf(folder: string): Promise<number | undefined> {
    try {
      requireReadable(folder);
      return (await inspectModel(folder)).config.maxPositions;
    } catch (error) {
      if (!(error instanceof WishboneError)) throw error;
      void this.problems.show(error);
      return undefined;
    }
  }

  async #remembered(): Promise<Remembered | undefined> {
    const kept = this.context.workspaceState.get<Partial<Remembered>>(REMEMBERED);
    const plan = readPlanOptions(kept?.plan);
    const model = kept?.model;
    if (plan === undefined || typeof model !== 'string') return undefined;
    const there = await stat(model).then(
      (info) => info.isDirectory(),
      () => false,
    );
    return there ? { model, plan } : undefined;
  }
}

/** As a run of that model would be planned here, unless somebody says otherwise. */
async function sourceOf(dataset: string, { model, plan }: Remembered): Promise<PlanSource> {
  const isOpen = plan.capacity === 'auto' && vscode.workspace.isTrusted;
  const request = { model, training: DEFAULT_TRAINING, runner: DEFAULT_RUNNER };
  return { kind: 'dataset', dataset, model, plan, ...(isOpen ? { autoCapacity: await suitedCapacity(request) } : {}) };
}

function describe({ model, plan }: Remembered): string {
  const bins = plan.capacity === 'auto' ? '' : ` · bins of ${formatCount(plan.capacity)} tokens`;
  return `${path.basename(model)} · sharing ${plan.sharing}${bins} · ${plan.batch_size} pairs per step`;
}

/** Whether a folder is or was a run. What is wrong with it is for the panel to say. */
async function isRun(place: string): Promise<boolean> {
  const info = await stat(place).catch(() => undefined);
  if (info?.isDirectory() === true) return true;
  if (info !== undefined) return false;
  return stat(path.join(place, RUN_FILE)).then(
    () => true,
    // It is gone. Preference files have an extension, runs have none.
    () => path.extname(place) === '',
  );
}

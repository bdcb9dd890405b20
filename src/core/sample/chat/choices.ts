import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { modelName } from '../../hub/cache.js';
import { inspectModel } from '../../model/index.js';
import { DEFAULT_RUNNER, type RunnerOptions } from '../../options/index.js';
import { readRun, type RunConfig } from '../../run/index.js';
import type { TemplateName } from '../../tokenizer/index.js';
import { checkpointModel, exportedModel, isBelow, referenceOf, type SampledModel, startOf, trainedModel } from '../models.js';

/** A model that can be talked to. Folders are absolute. */
export type ModelChoice =
  /** What a run exported at its end. */
  | { readonly kind: 'trained'; readonly run: string }
  | { readonly kind: 'checkpoint'; readonly run: string; readonly step: number }
  /** What a run was held to. */
  | { readonly kind: 'reference'; readonly run: string }
  /** What a run started from, where that is not its reference. */
  | { readonly kind: 'start'; readonly run: string }
  | { readonly kind: 'folder'; readonly folder: string };

/** A model of a run in a list. */
export interface ListedModel {
  readonly choice: ModelChoice;
  /** Of the folder that it lies in, or of its run. */
  readonly name: string;
}

/** A model, and how it reads and is run. */
export interface ChosenModel {
  readonly model: SampledModel;
  /** The folder with its tokenizer, and the chat template that it is asked with. */
  readonly reader: { readonly folder: string; readonly template: TemplateName };
  readonly runner: RunnerOptions;
}

/** Whether one process can answer for two models: the first is that below the second's adapter, and both are run in the same way. */
export function canShare(below: ChosenModel, above: ChosenModel): boolean {
  return isBelow(below.model, above.model) && isDeepStrictEqual(below.runner, above.runner);
}

const sameModel = (a: SampledModel, b: SampledModel): boolean => a.folder === b.folder && a.adapter === b.adapter;

/**
 * The models of a run: what it exported, its checkpoints (the newest first), its reference, and what it started from.
 *
 * @throws WishboneError when the folder is no run
 */
export async function modelChoices(folder: string): Promise<ListedModel[]> {
  const { config, folder: run } = await readRun(folder);
  const { name } = config;
  const [start, reference] = [startOf(run, config), referenceOf(run, config)];
  const steps = [...new Set([...(await stepsIn(run, 'checkpoints')), ...(await stepsIn(run, 'exports'))])].sort((a, b) => b - a);
  const hasTrained = (await exportedModel(path.join(run, 'export'), run, config)) !== undefined;
  return [
    ...(hasTrained ? [{ choice: { kind: 'trained', run }, name } as const] : []),
    ...steps.map((step): ListedModel => ({ choice: { kind: 'checkpoint', run, step }, name })),
    { choice: { kind: 'reference', run }, name: nameOf(reference) },
    ...(sameModel(start, reference) ? [] : [{ choice: { kind: 'start', run }, name: nameOf(start) } as const]),
  ];
}

const nameOf = ({ folder, adapter }: SampledModel): string =>
  adapter === undefined ? modelName(folder) : path.basename(path.basename(adapter) === 'export' ? path.dirname(adapter) : adapter);

async function stepsIn(run: string, name: string): Promise<number[]> {
  const names = await readdir(path.join(run, name)).catch(() => []);
  return names.flatMap((each) => Number(/^step-(\d+)$/.exec(each)?.[1] ?? []));
}

/**
 * What is to be loaded for a choice. The model of a checkpoint is exported if it is not yet, into `exports/` of the run.
 *
 * @throws WishboneError when it is not there, or cannot be exported
 */
export async function chosenModel(choice: ModelChoice, work: { readonly signal?: AbortSignal } = {}): Promise<ChosenModel> {
  if (choice.kind === 'folder') {
    await inspectModel(choice.folder);
    return { model: { folder: choice.folder }, reader: { folder: choice.folder, template: 'model' }, runner: DEFAULT_RUNNER };
  }
  const { config, folder: run } = await readRun(choice.run);
  const model = await modelOf(choice, run, config, work);
  return { model, reader: { folder: model.folder, template: config.plan.chat_template }, runner: deviceOf(config) };
}

async function modelOf(
  choice: Exclude<ModelChoice, { kind: 'folder' }>,
  run: string,
  config: RunConfig,
  work: { readonly signal?: AbortSignal },
): Promise<SampledModel> {
  switch (choice.kind) {
    case 'trained':
      return trainedModel(run, config);
    case 'checkpoint':
      return checkpointModel(run, config, choice.step, work);
    case 'reference':
      return referenceOf(run, config);
    case 'start':
      return startOf(run, config);
  }
}

/** The run's device, or any device if the run left it open or came from another machine. */
function deviceOf({ runner }: RunConfig): RunnerOptions {
  return {
    ...DEFAULT_RUNNER,
    device: runner.device,
    threads: runner.threads,
    cublaslt: runner.cublaslt,
    backend: runner.backend === 'cpu' ? 'cpu' : 'auto',
  };
}

import { access } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, WishboneError } from '../errors.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { inspectModel } from '../model/index.js';
import { exportBest, exportFolderOf } from '../runner/best-model.js';
import { readRun, RUN_FILE } from '../run/folder.js';
import type { RunConfig } from '../run/index.js';
import type { TemplateName } from '../tokenizer/index.js';

/** A model folder, and the PEFT folder of an adapter on it. */
export interface SampledModel {
  readonly folder: string;
  readonly adapter?: string;
}

/** Whether a model is the one below the adapter of another: then its weights need not be loaded twice. */
export function isBelow(model: SampledModel, other: SampledModel): boolean {
  return model.adapter === undefined && other.adapter !== undefined && model.folder === other.folder;
}

/** What is sampled from. */
export interface SampledModels {
  readonly policy: SampledModel;
  /** What a run started from, or was held to; a model folder has none. */
  readonly reference?: SampledModel;
  /** The chat template that prompts were rendered with. */
  readonly template: TemplateName;
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/**
 * The models of a run folder (what it exported, or a checkpoint, and its reference), or a model folder alone.
 *
 * @param step of a checkpoint, which is exported if it is not yet; by default what the run exported at its end
 * @throws WishboneError when the folder is neither, or the run has exported nothing yet
 */
export async function sampledModels(folder: string, step?: number): Promise<SampledModels> {
  const root = path.resolve(folder);
  if (!(await exists(path.join(root, RUN_FILE)))) {
    if (step !== undefined) {
      const advice = 'name a run folder, or leave the step out';
      throw new WishboneError('a model folder has no checkpoints', root, advice, ExitCode.usage);
    }
    await inspectModel(root);
    return { policy: { folder: root }, template: 'model' };
  }
  const { config } = await readRun(root);
  return {
    policy: step === undefined ? await trainedModel(root, config) : await checkpointModel(root, config, step),
    reference: referenceOf(root, config),
    template: config.plan.chat_template,
  };
}

/** What a run exported at its end. @throws WishboneError when it has exported nothing yet */
export async function trainedModel(run: string, config: RunConfig): Promise<SampledModel> {
  const exported = path.join(run, 'export');
  const model = await exportedModel(exported, run, config);
  if (model === undefined) throw new WishboneError('the run has no trained model yet', exported, 'try again when it has finished');
  return model;
}

/** The model of a checkpoint, exported into `exports/` of the run if it is not yet. @throws WishboneError when the checkpoint is gone */
export async function checkpointModel(
  run: string,
  config: RunConfig,
  step: number,
  work: { readonly signal?: AbortSignal } = {},
): Promise<SampledModel> {
  const known = await exportedModel(exportFolderOf(run, step), run, config);
  if (known !== undefined) return known;
  const folder = await exportBest(run, { step, ...work });
  const exported = await exportedModel(folder, run, config);
  if (exported === undefined) throw new WishboneError('the checkpoint was not exported', folder, 'try again');
  return exported;
}

/** The model, or the adapter, that a run has exported into a folder; undefined when there is none. */
export async function exportedModel(folder: string, run: string, config: RunConfig): Promise<SampledModel | undefined> {
  if (await exists(path.join(folder, 'adapter_config.json'))) return { folder: baseOf(run, config), adapter: folder };
  return (await exists(path.join(folder, 'config.json'))) ? { folder } : undefined;
}

const baseOf = (run: string, { model }: RunConfig): string => path.resolve(run, model.path);

/** What training began with, whatever it was compared with. */
export function startOf(run: string, config: RunConfig): SampledModel {
  const { use_peft, adapter_name_or_path: adapter } = config.training;
  const folder = baseOf(run, config);
  return use_peft && adapter !== '' ? { folder, adapter } : { folder };
}

/** What a run was held to. */
export function referenceOf(run: string, config: RunConfig): SampledModel {
  const { reference_model: other, adapter_reference } = config.training;
  if (other !== '') return { folder: other };
  return adapter_reference === 'adapter' ? startOf(run, config) : { folder: baseOf(run, config) };
}

/** Ids of the tokens that end a completion: those of `generation_config.json`, else of `config.json`; both may name several. */
export async function endTokens(folder: string): Promise<number[]> {
  for (const name of ['generation_config.json', 'config.json']) {
    const text = await readPlainText(path.join(folder, name), mostBytes.json).catch(() => undefined);
    if (text === undefined) continue;
    const ids = eosOf(text, path.join(folder, name));
    if (ids.length > 0) return ids;
  }
  return [];
}

function eosOf(text: string, file: string): number[] {
  try {
    const { eos_token_id: eos } = JSON.parse(text) as { eos_token_id?: unknown };
    return [eos].flat().filter((id): id is number => Number.isInteger(id));
  } catch {
    throw new WishboneError('the file is not valid JSON', file, 'save the model again');
  }
}

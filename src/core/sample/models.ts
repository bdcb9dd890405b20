import { access } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { inspectModel } from '../model/index.js';
import type { TrainingOptions } from '../options/index.js';
import { readRun, RUN_FILE } from '../run/folder.js';
import type { TemplateName } from '../tokenizer/index.js';

/** A model folder, and the PEFT folder of an adapter on it. */
export interface SampledModel {
  readonly folder: string;
  readonly adapter?: string;
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
 * The models of a run folder (what it exported, and its reference), or a model folder alone.
 *
 * @throws WishboneError when the folder is neither, or the run has exported nothing yet
 */
export async function sampledModels(folder: string): Promise<SampledModels> {
  const root = path.resolve(folder);
  if (!(await exists(path.join(root, RUN_FILE)))) {
    await inspectModel(root);
    return { policy: { folder: root }, template: 'model' };
  }
  const { config } = await readRun(root);
  const start = path.resolve(root, config.model.path);
  const trained = path.join(root, 'export');
  const isAdapter = await exists(path.join(trained, 'adapter_config.json'));
  if (!isAdapter && !(await exists(path.join(trained, 'config.json')))) {
    throw new WishboneError('the run has no trained model yet', trained, 'try again when it has finished');
  }
  return {
    policy: isAdapter ? { folder: start, adapter: trained } : { folder: trained },
    reference: referenceOf(config.training, start),
    template: config.plan.chat_template,
  };
}

function referenceOf(training: TrainingOptions, start: string): SampledModel {
  if (training.reference_model !== '') return { folder: training.reference_model };
  const { use_peft, adapter_name_or_path: adapter, adapter_reference } = training;
  return use_peft && adapter !== '' && adapter_reference === 'adapter' ? { folder: start, adapter } : { folder: start };
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

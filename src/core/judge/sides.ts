import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { unlessMissing } from '../files/unless-missing.js';
import { inspectModel } from '../model/index.js';
import { readRun, RUN_FILE } from '../run/folder.js';
import { type SampledModel, sampledModels, type SampledModels } from '../sample/index.js';
import { tokenizerHash } from '../tokenizer/index.js';
import type { Against } from './request.js';

/** One of the two whose texts are judged: a model, or responses of the dataset. */
export interface Side {
  /** For people. */
  readonly label: string;
  /** The same for the same weights, or the same responses. */
  readonly key: string;
  readonly model?: SampledModel | undefined;
  readonly response?: 'chosen' | 'rejected' | undefined;
}

/** What decides what a model writes. */
const MODEL_FILES = /^(?:config|generation_config|adapter_config|tokenizer|tokenizer_config)\.json$|\.safetensors$|\.jinja$/;

/** The trained model of a run. */
export async function firstSide(name: string, models: SampledModels): Promise<Side> {
  return { label: name, key: await keyOf(models.policy), model: models.policy };
}

/**
 * What it is judged beside.
 *
 * @param name of the run
 * @throws WishboneError when there is no such model, or it reads prompts in another way
 */
export async function secondSide(name: string, models: SampledModels, against: Against): Promise<Side> {
  if (against === 'chosen' || against === 'rejected') return { label: `${against} responses`, key: against, response: against };
  if (against === 'reference') {
    const { reference } = models;
    if (reference === undefined) throw new WishboneError('there is no reference', name, 'name another run or a model folder');
    return { label: 'reference', key: await keyOf(reference), model: reference };
  }
  const folder = path.resolve(against.folder);
  const other = await sampledModels(folder);
  const [own, theirs] = await Promise.all([models, other].map(({ policy }) => tokenizerHash(policy.folder)));
  // A folder of a model says nothing of a template by name; its own is in the hash.
  const isTemplate = other.template === models.template || !(await isRun(folder));
  if (own !== theirs || !isTemplate) {
    const advice = 'judge models with the same tokenizer and chat template';
    throw new WishboneError(`the two read prompts in different ways, so they cannot be given the same`, folder, advice);
  }
  const label = (await isRun(folder)) ? (await readRun(folder)).config.name : path.basename(folder);
  return { label: label === name ? `${label} (${path.basename(folder)})` : label, key: await keyOf(other.policy), model: other.policy };
}

const isRun = (folder: string): Promise<boolean> =>
  stat(path.join(folder, RUN_FILE)).then(
    (info) => info.isFile(),
    () => false,
  );

/** Longest sequence of a side, in tokens. */
export async function longestOf({ model }: Side): Promise<number> {
  return model === undefined ? Infinity : (await inspectModel(model.folder)).config.maxPositions;
}

/** A hash of the names, sizes and times of a model's files: reading all weights would take longer than completing a prompt. */
async function keyOf({ folder, adapter }: SampledModel): Promise<string> {
  const hash = createHash('sha256');
  for (const own of [folder, ...(adapter === undefined ? [] : [adapter])]) {
    const names = await unlessMissing(own, () => readdir(own));
    if (names === undefined)
      throw new WishboneError('no such model folder', own, 'put the model back there, or name another side, such as the chosen responses');
    for (const name of names.filter((each) => MODEL_FILES.test(each)).sort()) {
      const { size, mtimeMs } = await stat(path.join(own, name));
      hash.update(JSON.stringify([name, size, mtimeMs]));
    }
    hash.update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}

import { access } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { readSafetensorsHeader } from '../files/safetensors.js';
import { parameterShapes, readModelConfig, type ModelConfig } from './config.js';
import { isWeightType, sameTensor, type StoredTensor } from './stored-tensor.js';

/** What a model folder holds, judged without reading a weight. */
export interface ModelInfo {
  /** Absolute. */
  readonly folder: string;
  readonly config: ModelConfig;
  /** Weights, each counted once (a tied head is the embedding). */
  readonly parameters: number;
  /** The types the weights are stored in, most elements first. */
  readonly dtypes: readonly string[];
  /** Names of the weight files within the folder. */
  readonly files: readonly string[];
}

const AGAIN = 'download or write the model again';

/**
 * Inspects a Hugging Face model folder: `config.json` is one we can train, all weights are there with the shapes it
 * says (every shard's header is checked against its file), and there is a tokenizer where one is `wanted`.
 *
 * @throws WishboneError naming the file and the field or tensor
 */
export async function inspectModel(folder: string, wanted: { readonly tokenizer: boolean } = { tokenizer: true }): Promise<ModelInfo> {
  const absolute = path.resolve(folder);
  const config = await readModelConfig(absolute);
  const weights = await findWeights(absolute);
  const stored = [...(await checkWeights(config, weights)).values()].map(({ info }) => info);
  for (const name of wanted.tokenizer ? ['tokenizer.json', 'tokenizer_config.json'] : []) {
    const file = path.join(absolute, name);
    await access(file).catch(() => {
      throw new WishboneError(
        `the model folder has no ${name}`,
        file,
        'save the tokenizer there: AutoTokenizer.from_pretrained(…).save_pretrained(folder)',
      );
    });
  }
  const elementsOf = new Map<string, number>();
  for (const { dtype, elements } of stored) elementsOf.set(dtype, (elementsOf.get(dtype) ?? 0) + elements);
  return {
    folder: absolute,
    config,
    parameters: stored.reduce((sum, { elements }) => sum + elements, 0),
    dtypes: [...elementsOf].sort(([, a], [, b]) => b - a).map(([dtype]) => dtype),
    files: [...new Set([...weights.tensors.values()].map(({ file }) => path.basename(file)))].sort(),
  };
}

interface Weights {
  /** What names the tensors: the single file or the index. */
  readonly file: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** `model.safetensors`, or the shards that the index names; the single file wins, as in transformers. */
async function findWeights(folder: string): Promise<Weights> {
  const single = path.join(folder, 'model.safetensors');
  const index = path.join(folder, 'model.safetensors.index.json');
  if (await exists(single)) {
    const { tensors, dataStart } = await readSafetensorsHeader(single);
    return { file: single, tensors: new Map([...tensors].map(([name, info]) => [name, { file: single, dataStart, info }])) };
  }
  if (!(await exists(index))) {
    throw new WishboneError('the model folder has no model.safetensors', single, 'save the model in safetensors format');
  }
  const found = new Map<string, StoredTensor>();
  for (const [shard, names] of await readIndex(index)) {
    const file = path.join(folder, shard);
    if (!(await exists(file))) throw new WishboneError('a shard of the model is missing', file, AGAIN);
    const { tensors, dataStart } = await readSafetensorsHeader(file);
    for (const name of names) {
      const info = tensors.get(name);
      if (!info) throw new WishboneError('the index promises a tensor that its shard lacks', `${file}, tensor "${name}"`, AGAIN);
      found.set(name, { file, dataStart, info });
    }
  }
  return { file: index, tensors: found };
}

/** Names of the tensors of each shard. */
async function readIndex(file: string): Promise<Map<string, string[]>> {
  let json: unknown;
  try {
    json = JSON.parse(await readPlainText(file, mostBytes.json));
  } catch (error) {
    if (error instanceof WishboneError) throw error;
    throw new WishboneError('the index is not JSON', file, AGAIN);
  }
  const map = typeof json === 'object' && json !== null ? (json as Record<string, unknown>)['weight_map'] : undefined;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw new WishboneError('the index has no "weight_map"', `${file}, field "weight_map"`, AGAIN);
  }
  const shards = new Map<string, string[]>();
  for (const [name, shard] of Object.entries(map)) {
    // An index must not lead out of its folder.
    if (typeof shard !== 'string' || shard === '' || shard === '.' || shard === '..' || /[/\\\0]/.test(shard)) {
      throw new WishboneError(`shard ${JSON.stringify(shard)} is not a plain file name`, `${file}, field "weight_map", "${name}"`, AGAIN);
    }
    shards.set(shard, [...(shards.get(shard) ?? []), name]);
  }
  return shards;
}

const EMBEDDING_NAME = 'model.embed_tokens.weight';
const HEAD_NAME = 'lm_head.weight';

/** What a tied model's folder calls its head is the embedding, alone or beside it. */
async function withTiedHead({ file, tensors }: Weights): Promise<Weights> {
  const head = tensors.get(HEAD_NAME);
  if (head === undefined) return { file, tensors };
  const embedding = tensors.get(EMBEDDING_NAME);
  if (embedding !== undefined && !(await sameTensor(embedding, head))) {
    throw new WishboneError(
      'config.json ties the head to the embedding, but the weights hold another head',
      `${head.file}, tensor "${HEAD_NAME}"`,
      'set tie_word_embeddings to false in config.json if the head is its own',
    );
  }
  const others = [...tensors].filter(([name]) => name !== HEAD_NAME);
  return { file, tensors: new Map([...others, [EMBEDDING_NAME, embedding ?? head] as const]) };
}

/**
 * The weights of a model folder by Hugging Face's names, checked as by {@link inspectModel}; a tied head is not among them.
 *
 * @throws WishboneError naming the file and the tensor
 */
export async function modelWeights(folder: string, config: ModelConfig): Promise<ReadonlyMap<string, StoredTensor>> {
  return checkWeights(config, await findWeights(path.resolve(folder)));
}

/** In the order and the words of the runner (native-runner/src/pretrained/model_weights.cpp). */
async function checkWeights(config: ModelConfig, all: Weights): Promise<Map<string, StoredTensor>> {
  const weights = config.tied ? await withTiedHead(all) : all;
  const expected = new Set<string>();
  const stored = new Map<string, StoredTensor>();
  for (const [name, shape] of parameterShapes(config)) {
    expected.add(name);
    const found = weights.tensors.get(name);
    if (!found) {
      const advice = name === HEAD_NAME ? "set tie_word_embeddings to true in config.json if the model's head is tied" : AGAIN;
      throw new WishboneError(`the tensor "${name}" is missing`, weights.file, advice);
    }
    const where = `${found.file}, tensor "${name}"`;
    if (found.info.shape.join() !== shape.join()) {
      throw new WishboneError(
        `the tensor has shape [${found.info.shape.join(', ')}], but config.json says [${shape.join(', ')}]`,
        where,
        'use the config.json and weights of one and the same model',
      );
    }
    if (!isWeightType(found.info.dtype))
      throw new WishboneError(`the tensor has dtype ${found.info.dtype}`, where, 'save the model in F32, F16 or BF16');
    stored.set(name, found);
  }
  for (const [name, { file }] of [...weights.tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!expected.has(name) && !name.endsWith('rotary_emb.inv_freq')) {
      throw new WishboneError(
        `the tensor "${name}" does not belong to this architecture`,
        `${file}, tensor "${name}"`,
        'check that config.json describes this model',
      );
    }
  }
  return stored;
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { readSafetensorsHeader, type TensorInfo } from '../safetensors.js';
import { parameterShapes, readModelConfig, type ModelConfig } from './config.js';

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

const again = 'download or save the model again';

/**
 * Inspects a Hugging Face model folder: `config.json` is one we can train, all weights are there with the shapes it
 * says (every shard's header is checked against its file), and there is a tokenizer where one is `wanted`.
 *
 * @throws WishboneError naming the file and the field or tensor
 */
export async function inspectModel(
  folder: string,
  wanted: { readonly tokenizer: boolean } = { tokenizer: true },
): Promise<ModelInfo> {
  const absolute = path.resolve(folder);
  const config = await readModelConfig(absolute);
  const weights = await findWeights(absolute);
  const stored = checkWeights(config, weights);
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
  readonly tensors: ReadonlyMap<string, { readonly file: string; readonly info: TensorInfo }>;
}

/** `model.safetensors`, or the shards that the index names; the single file wins, as in transformers. */
async function findWeights(folder: string): Promise<Weights> {
  const single = path.join(folder, 'model.safetensors');
  const index = path.join(folder, 'model.safetensors.index.json');
  if (await exists(single)) {
    const { tensors } = await readSafetensorsHeader(single);
    return { file: single, tensors: new Map([...tensors].map(([name, info]) => [name, { file: single, info }])) };
  }
  if (!(await exists(index))) {
    throw new WishboneError(
      'the model folder has no model.safetensors',
      single,
      'save the model in safetensors format',
    );
  }
  const found = new Map<string, { file: string; info: TensorInfo }>();
  for (const [shard, names] of await readIndex(index)) {
    const file = path.join(folder, shard);
    if (!(await exists(file))) throw new WishboneError('a shard of the model is missing', file, again);
    const { tensors } = await readSafetensorsHeader(file);
    for (const name of names) {
      const info = tensors.get(name);
      if (!info)
        throw new WishboneError('the index promises a tensor that its shard lacks', `${file}, tensor "${name}"`, again);
      found.set(name, { file, info });
    }
  }
  return { file: index, tensors: found };
}

/** Names of the tensors of each shard. */
async function readIndex(file: string): Promise<Map<string, string[]>> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch {
    throw new WishboneError('the index is not JSON', file, again);
  }
  const map = typeof json === 'object' && json !== null ? (json as Record<string, unknown>)['weight_map'] : undefined;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw new WishboneError('the index has no "weight_map"', `${file}, field "weight_map"`, again);
  }
  const shards = new Map<string, string[]>();
  for (const [name, shard] of Object.entries(map)) {
    // An index must not lead out of its folder.
    if (typeof shard !== 'string' || shard === '' || shard === '.' || shard === '..' || /[/\\\0]/.test(shard)) {
      throw new WishboneError(
        `shard ${JSON.stringify(shard)} is not a plain file name`,
        `${file}, field "weight_map", "${name}"`,
        again,
      );
    }
    shards.set(shard, [...(shards.get(shard) ?? []), name]);
  }
  return shards;
}

const weightTypes: readonly string[] = ['F32', 'F16', 'BF16'];

function checkWeights(config: ModelConfig, weights: Weights): TensorInfo[] {
  const expected = new Set<string>();
  const stored: TensorInfo[] = [];
  for (const [name, shape] of parameterShapes(config)) {
    expected.add(name);
    const found = weights.tensors.get(name);
    if (!found) {
      const advice =
        name === 'lm_head.weight' ? 'if the head is tied, set "tie_word_embeddings" to true in config.json' : again;
      throw new WishboneError('a weight is missing', `${weights.file}, tensor "${name}"`, advice);
    }
    const where = `${found.file}, tensor "${name}"`;
    if (found.info.shape.join() !== shape.join()) {
      throw new WishboneError(
        `the weight has shape [${found.info.shape.join(', ')}], but config.json says [${shape.join(', ')}]`,
        where,
        'use config.json and weights of one and the same model',
      );
    }
    if (!weightTypes.includes(found.info.dtype)) {
      throw new WishboneError(
        `the weight is stored as ${found.info.dtype}`,
        where,
        'save the model in F32, F16 or BF16',
      );
    }
    stored.push(found.info);
  }
  for (const [name, { file }] of weights.tensors) {
    const ignored = name.endsWith('rotary_emb.inv_freq') || (config.tied && name === 'lm_head.weight');
    if (!expected.has(name) && !ignored) {
      throw new WishboneError(
        'the weight does not belong to this architecture',
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

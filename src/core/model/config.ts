import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import type { LlamaShape } from './flops.js';

/** The part of a Hugging Face Llama `config.json` that matters here. */
export interface LlamaConfig extends LlamaShape {
  readonly file: string;
  /** Longest sequence the model was made for. */
  readonly maxPositions: number;
  /** Whether the LM head is the embedding. */
  readonly tied: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

const mostPerField = 2 ** 31 - 1;

/**
 * Reads and judges a model folder's `config.json`: what is not computed by Wishbone is refused here, with the field
 * that says so, and not by wrong numbers later.
 *
 * @throws WishboneError naming the file and the field
 */
export async function readLlamaConfig(folder: string): Promise<LlamaConfig> {
  const file = path.join(folder, 'config.json');
  const json = await readConfig(folder, file);
  refuseOthers(json, file);
  const size = (name: string, fallback?: number): number => {
    const value = json[name] ?? fallback;
    if (value === undefined)
      throw bad(file, name, `field "${name}" is missing`, 'copy config.json again from where the model came from');
    if (!Number.isSafeInteger(value) || (value as number) < 1 || (value as number) > mostPerField) {
      throw bad(
        file,
        name,
        `field "${name}" must be a whole number above 0, not ${JSON.stringify(value)}`,
        'correct config.json',
      );
    }
    return value as number;
  };
  const hiddenSize = size('hidden_size');
  const queryHeads = size('num_attention_heads');
  const kvHeads = size('num_key_value_heads', queryHeads);
  if (queryHeads % kvHeads !== 0) {
    throw bad(
      file,
      'num_key_value_heads',
      `${queryHeads} query heads cannot share ${kvHeads} key-value heads evenly`,
      'correct config.json',
    );
  }
  if ((json['head_dim'] ?? null) === null && hiddenSize % queryHeads !== 0) {
    throw bad(
      file,
      'hidden_size',
      `hidden_size ${hiddenSize} is not a multiple of ${queryHeads} heads`,
      'correct it, or add head_dim',
    );
  }
  const headDim = size('head_dim', hiddenSize / queryHeads);
  if (headDim % 2 !== 0)
    throw bad(file, 'head_dim', `the head dimension ${headDim} is odd, but RoPE rotates pairs`, 'use another model');
  return {
    file,
    hiddenSize,
    queryHeads,
    kvHeads,
    headDim,
    intermediateSize: size('intermediate_size'),
    layers: size('num_hidden_layers'),
    vocabSize: size('vocab_size'),
    maxPositions: size('max_position_embeddings', 2048),
    tied: flag(json, 'tie_word_embeddings', file),
  };
}

async function readConfig(folder: string, file: string): Promise<Fields> {
  const info = await stat(folder).catch(() => undefined);
  if (!info) throw new WishboneError('no such model folder', folder, 'check the path');
  if (!info.isDirectory())
    throw new WishboneError('the model is a file, not a folder', folder, 'give the folder that holds config.json');
  let text;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new WishboneError('the model folder has no config.json', file, 'give a Hugging Face model folder');
    }
    throw new WishboneError(`cannot read the file (${(error as Error).message})`, file, 'check its permissions');
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new WishboneError('config.json is not JSON', file, 'copy it again from where the model came from');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new WishboneError('config.json is not a JSON object', file, 'copy it again from where the model came from');
  }
  return json as Fields;
}

function refuseOthers(json: Fields, file: string): void {
  const architectures = json['architectures'];
  const isLlama = Array.isArray(architectures) && architectures.length === 1 && architectures[0] === 'LlamaForCausalLM';
  if (!isLlama) {
    const found = architectures === undefined ? 'none' : JSON.stringify(architectures);
    throw bad(
      file,
      'architectures',
      `the model's architecture is not supported: ${found}`,
      'use a model whose "architectures" is ["LlamaForCausalLM"]: the only one supported',
    );
  }
  const only = (name: string, value: string): void => {
    const found = json[name];
    if (found !== undefined && found !== null && found !== value) {
      throw bad(file, name, `${name} ${JSON.stringify(found)} is not supported`, `use a model with ${name} "${value}"`);
    }
  };
  only('model_type', 'llama');
  only('hidden_act', 'silu');
  for (const bias of ['attention_bias', 'mlp_bias']) {
    if (flag(json, bias, file))
      throw bad(file, bias, 'layers with biases are not supported', 'use a model without them');
  }
  if (json['quantization_config'] !== undefined && json['quantization_config'] !== null) {
    throw bad(file, 'quantization_config', 'quantized models cannot be trained', 'use the model in fp32, fp16 or bf16');
  }
  refuseOtherRope(json, file);
}

/** `rope_parameters` is transformers 5's name for `rope_scaling`. */
function refuseOtherRope(json: Fields, file: string): void {
  const name =
    json['rope_parameters'] !== undefined && json['rope_parameters'] !== null ? 'rope_parameters' : 'rope_scaling';
  const rope = json[name];
  if (rope === undefined || rope === null) return;
  if (typeof rope !== 'object' || Array.isArray(rope))
    throw bad(file, name, `field "${name}" must be an object`, 'correct config.json');
  const { rope_type: type, type: oldType } = rope as Fields;
  const kind = type ?? oldType ?? 'default';
  if (kind !== 'default' && kind !== 'llama3') {
    throw bad(
      file,
      `${name}.rope_type`,
      `RoPE scaling ${JSON.stringify(kind)} is not supported`,
      'use a model with "default" or "llama3"',
    );
  }
}

function flag(json: Fields, name: string, file: string): boolean {
  const value = json[name] ?? false;
  if (typeof value !== 'boolean')
    throw bad(file, name, `field "${name}" must be true or false, not ${JSON.stringify(value)}`, 'correct config.json');
  return value;
}

function bad(file: string, field: string, what: string, advice: string): WishboneError {
  return new WishboneError(what, `${file}, field "${field}"`, advice);
}

/** Every weight of the model under its Hugging Face name, with its shape. */
export function* parameterShapes(config: LlamaConfig): Generator<readonly [name: string, shape: readonly number[]]> {
  const { hiddenSize, intermediateSize, vocabSize } = config;
  const queries = config.queryHeads * config.headDim;
  const keys = config.kvHeads * config.headDim;
  yield ['model.embed_tokens.weight', [vocabSize, hiddenSize]];
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    yield [`${prefix}.self_attn.q_proj.weight`, [queries, hiddenSize]];
    yield [`${prefix}.self_attn.k_proj.weight`, [keys, hiddenSize]];
    yield [`${prefix}.self_attn.v_proj.weight`, [keys, hiddenSize]];
    yield [`${prefix}.self_attn.o_proj.weight`, [hiddenSize, queries]];
    yield [`${prefix}.mlp.gate_proj.weight`, [intermediateSize, hiddenSize]];
    yield [`${prefix}.mlp.up_proj.weight`, [intermediateSize, hiddenSize]];
    yield [`${prefix}.mlp.down_proj.weight`, [hiddenSize, intermediateSize]];
    yield [`${prefix}.input_layernorm.weight`, [hiddenSize]];
    yield [`${prefix}.post_attention_layernorm.weight`, [hiddenSize]];
  }
  yield ['model.norm.weight', [hiddenSize]];
  if (!config.tied) yield ['lm_head.weight', [vocabSize, hiddenSize]];
}

import { FAMILIES, PLAIN, type Family, type Features } from './families.js';
import { parseFields, readFields, type Fields } from './fields.js';
import type { LlamaShape, SlidingWindow } from './flops.js';
import { stretchedPositions } from './rope.js';

/** The part of a Hugging Face `config.json` that matters here. */
export interface ModelConfig extends LlamaShape {
  readonly file: string;
  /** `model_type`, e.g. `qwen3`. */
  readonly family: string;
  readonly features: Features;
  /** Longest sequence the model takes. */
  readonly maxPositions: number;
  /** Whether the LM head is the embedding. */
  readonly tied: boolean;
}

/**
 * Reads and judges a model folder's `config.json` as transformers reads it, in the order and the words of the runner
 * (native-runner/src/pretrained/model_config.cpp): what is not computed by Wishbone, or not as transformers does, is refused here with
 * the field that says so, and not by wrong numbers later.
 *
 * @throws WishboneError naming the file and the field
 */
export async function readModelConfig(folder: string): Promise<ModelConfig> {
  const { file, fields } = await readFields(folder);
  return judged(fields, file);
}

/** The same of the text of a `config.json` that is elsewhere. @param where for errors */
export function parseModelConfig(text: string, where: string): ModelConfig {
  return judged(parseFields(text, where), where);
}

/** Weights of a model of this kind, a tied head counted once. */
export function parameterCount(config: ModelConfig): number {
  let count = 0;
  for (const [, shape] of parameterShapes(config)) count += shape.reduce((product, size) => product * size, 1);
  return count;
}

function judged(fields: Fields, file: string): ModelConfig {
  const family = familyOf(fields);
  refuseOtherModels(fields);
  fields.notNull(...SIZES, 'max_position_embeddings', 'rms_norm_eps', 'tie_word_embeddings', ...family.notNull);
  checkActivation(fields, family);
  const vocabSize = fields.size('vocab_size');
  const hiddenSize = fields.size('hidden_size');
  const intermediateSize = fields.size('intermediate_size');
  const layers = fields.integer('num_hidden_layers', 1, 100_000);
  const heads = readHeads(fields, family, hiddenSize);
  const maxPositions = fields.size('max_position_embeddings', family.maxPositions);
  checkTotal(fields, { vocabSize, hiddenSize, intermediateSize, layers, ...heads });
  fields.number('rms_norm_eps', 0, 1, 1e-6);
  const tied = fields.flag('tie_word_embeddings', family.tied ?? false);
  const stretched = stretchedPositions(fields, family.rope, { headDim: heads.headDim, maxPositions });
  const features = { ...PLAIN, ...family.features(fields) };
  const windows = readWindows(fields, family, layers);
  return {
    file,
    family: family.modelType,
    hiddenSize,
    ...heads,
    features,
    intermediateSize,
    layers,
    vocabSize,
    maxPositions: Math.max(maxPositions, stretched),
    tied,
    ...(windows.length > 0 ? { windows } : {}),
  };
}

const SIZES = ['vocab_size', 'hidden_size', 'intermediate_size', 'num_hidden_layers', 'num_attention_heads'] as const;

/** By `model_type`, as transformers; `architectures` may be left out, but not say something else. */
function familyOf(fields: Fields): Family {
  const architectures = fields.any('architectures');
  const named = architectures !== undefined && !(Array.isArray(architectures) && architectures.length === 0);
  const type = fields.any('model_type');
  const byType = FAMILIES.find(({ modelType }) => modelType === type);
  const byName = FAMILIES.find(
    ({ architecture }) => Array.isArray(architectures) && architectures.length === 1 && architectures[0] === architecture,
  );
  if (named && byName === undefined) {
    throw fields.bad(
      'architectures',
      `the model's architecture is not supported: ${JSON.stringify(architectures)}`,
      `use a model of one of these: ${FAMILIES.map(({ architecture }) => architecture).join(', ')}`,
    );
  }
  if (type === undefined)
    throw fields.bad('model_type', 'the field "model_type" is missing', byName ? `add it: "${byName.modelType}"` : 'add it');
  if (byType === undefined || (byName !== undefined && byName !== byType)) {
    throw fields.bad(
      'model_type',
      byName === undefined
        ? `the model type ${JSON.stringify(type)} is not supported`
        : `the model type ${JSON.stringify(type)} does not go with ${byName.architecture}`,
      byName === undefined
        ? `use a model of one of these types: ${FAMILIES.map(({ modelType }) => modelType).join(', ')}`
        : `use a model of type "${byName.modelType}"`,
    );
  }
  return byType;
}

function refuseOtherModels(fields: Fields): void {
  if (fields.has('quantization_config')) {
    throw fields.bad('quantization_config', 'quantized models cannot be trained', 'use the F32, F16 or BF16 version of the model');
  }
  if (fields.has('text_config')) throw fields.bad('text_config', 'the model reads more than text', 'use the text model alone');
  if (fields.flag('use_bidirectional_attention', false)) {
    throw fields.bad('use_bidirectional_attention', 'attention in both directions is not supported', 'use a causal model');
  }
}

function checkActivation(fields: Fields, family: Family): void {
  const field = family.activationField ?? 'hidden_act';
  const activation = fields.word(field, family.activation ?? 'silu');
  if (!['silu', 'swish', 'gelu_pytorch_tanh'].includes(activation)) {
    throw fields.bad(field, `the activation "${activation}" is not supported`, `use a model with ${field} "silu" or "gelu_pytorch_tanh"`);
  }
}

function readHeads(fields: Fields, family: Family, hiddenSize: number): Pick<ModelConfig, 'queryHeads' | 'kvHeads' | 'headDim'> {
  const queryHeads = fields.size('num_attention_heads');
  // Null is as many as query heads in every family that takes it.
  const absent = fields.present('num_key_value_heads') ? queryHeads : (family.keyValueHeads ?? queryHeads);
  const kvHeads = fields.size('num_key_value_heads', absent);
  if (queryHeads % kvHeads !== 0) {
    throw fields.bad(
      'num_key_value_heads',
      `${queryHeads} query heads cannot share ${kvHeads} key-value heads evenly`,
      'correct config.json',
    );
  }
  if ((family.divides && hiddenSize % queryHeads !== 0) || hiddenSize < queryHeads) {
    throw fields.bad('hidden_size', `hidden_size ${hiddenSize} is not a multiple of ${queryHeads} heads`, 'correct config.json');
  }
  const given = fields.present('head_dim') ? undefined : family.headDim;
  const headDim = fields.integer('head_dim', 1, 65_536, given ?? Math.floor(hiddenSize / queryHeads));
  if (headDim % 2 !== 0) throw fields.bad('head_dim', `the head dimension ${headDim} is odd, but RoPE rotates pairs`, 'use another model');
  return { queryHeads, kvHeads, headDim };
}

/** 2⁴² parameters are beyond any machine; every product of sizes stays far from overflow. */
function checkTotal(
  fields: Fields,
  { vocabSize, hiddenSize, intermediateSize, layers, queryHeads, kvHeads, headDim }: Omit<LlamaShape, 'windows'>,
): void {
  const layer = 2 * (queryHeads + kvHeads) * headDim * hiddenSize + 3 * hiddenSize * intermediateSize;
  if (vocabSize * hiddenSize + layer * layers > 2 ** 42)
    throw fields.bad('hidden_size', 'the sizes in the configuration are absurdly large', 'correct config.json');
}

/** Each window once, with the number of its layers. */
function readWindows(fields: Fields, family: Family, layers: number): SlidingWindow[] {
  const { size, slides, listed } = family.windows(fields, layers);
  const types = fields.any('layer_types');
  if (types !== undefined && !(Array.isArray(types) && types.length === layers)) {
    throw fields.bad('layer_types', `layer_types must name a type for each of the ${layers} layers`, 'correct config.json');
  }
  let sliding = 0;
  for (let layer = 0; layer < layers; layer++) {
    const own = slides(layer);
    // "attention" is an older name.
    const type: unknown = types?.[layer] ?? (own ? 'sliding_attention' : 'full_attention');
    const slid = type === 'sliding_attention';
    if (!slid && type !== 'full_attention' && type !== 'attention') {
      throw fields.bad(
        'layer_types',
        `the layer type ${JSON.stringify(type)} is not supported`,
        'use a model whose layers are "full_attention" or "sliding_attention"',
      );
    }
    if (!listed && slid !== own)
      throw fields.bad(
        'layer_types',
        'layer_types says otherwise than the other fields, which decide in this family',
        'correct config.json',
      );
    if (slid && size === 0) throw fields.bad('sliding_window', 'layers have a sliding window, but none is given', 'correct config.json');
    if (slid) sliding++;
  }
  return sliding > 0 ? [{ window: size, layers: sliding }] : [];
}

/** Every weight of the model under its Hugging Face name, with its shape. */
export function* parameterShapes(config: ModelConfig): Generator<readonly [name: string, shape: readonly number[]]> {
  const { hiddenSize, intermediateSize, vocabSize, features } = config;
  const queries = config.queryHeads * config.headDim;
  const keys = config.kvHeads * config.headDim;
  yield ['model.embed_tokens.weight', [vocabSize, hiddenSize]];
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const linear = function* (name: string, outputs: number, inputs: number, bias: boolean) {
      yield [`${prefix}.${name}.weight`, [outputs, inputs]] as const;
      if (bias) yield [`${prefix}.${name}.bias`, [outputs]] as const;
    };
    if (features.fused) {
      yield* linear('self_attn.qkv_proj', queries + 2 * keys, hiddenSize, features.qkvBias);
      yield* linear('mlp.gate_up_proj', 2 * intermediateSize, hiddenSize, features.mlpBias);
    } else {
      yield* linear('self_attn.q_proj', queries, hiddenSize, features.qkvBias);
      yield* linear('self_attn.k_proj', keys, hiddenSize, features.qkvBias);
      yield* linear('self_attn.v_proj', keys, hiddenSize, features.qkvBias);
      yield* linear('mlp.gate_proj', intermediateSize, hiddenSize, features.mlpBias);
      yield* linear('mlp.up_proj', intermediateSize, hiddenSize, features.mlpBias);
    }
    yield* linear('self_attn.o_proj', hiddenSize, queries, features.outBias);
    yield* linear('mlp.down_proj', hiddenSize, intermediateSize, features.mlpBias);
    if (features.qkNorm !== 'none') {
      yield [`${prefix}.self_attn.q_norm.weight`, [features.qkNorm === 'head' ? config.headDim : queries]];
      yield [`${prefix}.self_attn.k_norm.weight`, [features.qkNorm === 'head' ? config.headDim : keys]];
    }
    for (const norm of Object.values(features.norms)) yield [`${prefix}.${norm as string}.weight`, [hiddenSize]];
  }
  yield ['model.norm.weight', [hiddenSize]];
  if (!config.tied) yield ['lm_head.weight', [vocabSize, hiddenSize]];
}

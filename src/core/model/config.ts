import { families, plain, type Family, type Features } from './families.js';
import { readFields, reader, type Fields, type Reader } from './fields.js';
import type { LlamaShape, SlidingWindow } from './flops.js';

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
 * Reads and judges a model folder's `config.json`: what is not computed by Wishbone is refused here, with the field
 * that says so, and not by wrong numbers later.
 *
 * @throws WishboneError naming the file and the field
 */
export async function readModelConfig(folder: string): Promise<ModelConfig> {
  const { file, json } = await readFields(folder);
  const read = reader(json, file);
  const family = familyOf(json, read);
  if (json['quantization_config'] !== undefined && json['quantization_config'] !== null) {
    throw read.bad('quantization_config', 'quantized models cannot be trained', 'use the model in fp32, fp16 or bf16');
  }
  checkActivation(json, family, read);
  if (read.flag('use_bidirectional_attention')) {
    throw read.bad(
      'use_bidirectional_attention',
      'attention in both directions is not supported',
      'use a causal model',
    );
  }
  const layers = read.size('num_hidden_layers');
  const maxPositions = read.size('max_position_embeddings', family.maxPositions);
  const windows = readWindows(json, family, layers, read);
  return {
    file,
    family: family.modelType,
    ...readHeads(family, json, read),
    features: { ...plain, ...family.features(json, read) },
    intermediateSize: read.size('intermediate_size'),
    layers,
    vocabSize: read.size('vocab_size'),
    maxPositions: Math.max(maxPositions, stretchedPositions(json, maxPositions, read)),
    tied: read.flag('tie_word_embeddings', family.tied),
    ...(windows.length > 0 ? { windows } : {}),
  };
}

function familyOf(json: Fields, read: Reader): Family {
  const architectures = json['architectures'];
  const family = families.find(
    ({ architecture }) =>
      Array.isArray(architectures) && architectures.length === 1 && architectures[0] === architecture,
  );
  if (!family) {
    const found = architectures === undefined ? 'none' : JSON.stringify(architectures);
    throw read.bad(
      'architectures',
      `the model's architecture is not supported: ${found}`,
      `use a model of one of these: ${families.map(({ architecture }) => architecture).join(', ')}`,
    );
  }
  const type = json['model_type'] ?? family.modelType;
  if (type !== family.modelType) {
    throw read.bad(
      'model_type',
      `model_type ${JSON.stringify(type)} does not go with ${family.architecture}`,
      `use a model with model_type "${family.modelType}"`,
    );
  }
  return family;
}

function checkActivation(json: Fields, family: Family, read: Reader): void {
  const field = family.activationField ?? 'hidden_act';
  const activation = json[field] ?? family.activation ?? 'silu';
  if (!['silu', 'swish', 'gelu_pytorch_tanh'].includes(activation as string)) {
    throw read.bad(
      field,
      `${field} ${JSON.stringify(activation)} is not supported`,
      `use a model with ${field} "silu" or "gelu_pytorch_tanh"`,
    );
  }
}

function readHeads(
  family: Family,
  json: Fields,
  read: Reader,
): Pick<ModelConfig, 'hiddenSize' | 'queryHeads' | 'kvHeads' | 'headDim'> {
  const hiddenSize = read.size('hidden_size');
  const queryHeads = read.size('num_attention_heads');
  const kvHeads = read.size('num_key_value_heads', queryHeads);
  if (queryHeads % kvHeads !== 0) {
    throw read.bad(
      'num_key_value_heads',
      `${queryHeads} query heads cannot share ${kvHeads} key-value heads evenly`,
      'correct config.json',
    );
  }
  const given = json['head_dim'] ?? family.headDim ?? null;
  if (given === null && hiddenSize % queryHeads !== 0) {
    throw read.bad(
      'hidden_size',
      `hidden_size ${hiddenSize} is not a multiple of ${queryHeads} heads`,
      'correct it, or add head_dim',
    );
  }
  const headDim = read.size('head_dim', family.headDim ?? hiddenSize / queryHeads);
  if (headDim % 2 !== 0)
    throw read.bad('head_dim', `the head dimension ${headDim} is odd, but RoPE rotates pairs`, 'use another model');
  return { hiddenSize, queryHeads, kvHeads, headDim };
}

/** Each window once, with the number of its layers. */
function readWindows(json: Fields, family: Family, layers: number, read: Reader): SlidingWindow[] {
  if (!family.window) return [];
  const { size, slides } = family.window(json, read);
  const types = json['layer_types'] ?? undefined;
  if (types !== undefined && !(Array.isArray(types) && types.length === layers)) {
    throw read.bad('layer_types', `layer_types must name a type for each of the ${layers} layers`, 'correct config.json');
  }
  let sliding = 0;
  for (let layer = 0; layer < layers; layer++) {
    const type: unknown = types?.[layer] ?? (size > 0 && slides(layer) ? 'sliding_attention' : 'full_attention');
    if (type === 'sliding_attention') sliding++;
    else if (type !== 'full_attention') {
      throw read.bad(
        'layer_types',
        `the layer type ${JSON.stringify(type)} is not supported`,
        'use a model whose layers are "full_attention" or "sliding_attention"',
      );
    }
  }
  if (sliding > 0 && size === 0)
    throw read.bad('sliding_window', 'layers have a sliding window, but none is given', 'correct config.json');
  return sliding > 0 ? [{ window: size, layers: sliding }] : [];
}

const ropeTypes = ['default', 'linear', 'dynamic', 'yarn', 'longrope', 'su', 'llama3'];

/** Positions that RoPE scaling stretches the model to, 0 without. `rope_parameters` is transformers 5's name. */
function stretchedPositions(json: Fields, maxPositions: number, read: Reader): number {
  const present = (fields: Fields, key: string): boolean => fields[key] !== undefined && fields[key] !== null;
  const name = present(json, 'rope_parameters') ? 'rope_parameters' : 'rope_scaling';
  if (!present(json, name)) return 0;
  const rope = json[name];
  if (typeof rope !== 'object' || Array.isArray(rope))
    throw read.bad(name, `field "${name}" must be an object`, 'correct config.json');
  const all = rope as Fields;
  // Gemma 3 has an object for each kind of layer.
  const nested = ['full_attention', 'sliding_attention'].filter((key) => present(all, key));
  const parts = nested.length > 0 ? nested.map((key) => [`${name}.${key}`, all[key]] as const) : [[name, all] as const];
  let longest = 0;
  for (const [where, part] of parts) {
    const fields = part as Fields;
    const kind = fields['rope_type'] ?? fields['type'] ?? 'default';
    if (!ropeTypes.includes(kind as string)) {
      throw read.bad(
        `${where}.rope_type`,
        `RoPE scaling ${JSON.stringify(kind)} is not supported`,
        `use a model with one of ${ropeTypes.map((type) => `"${type}"`).join(', ')}`,
      );
    }
    if (kind !== 'dynamic' && kind !== 'yarn') continue;
    const factor = fields['factor'];
    if (typeof factor !== 'number' || !(factor >= 1))
      throw read.bad(`${where}.factor`, `RoPE scaling "${kind}" needs a factor of 1 or more`, 'correct config.json');
    const original = kind === 'yarn' ? (fields['original_max_position_embeddings'] ?? maxPositions) : maxPositions;
    longest = Math.max(longest, Math.trunc(factor * (original as number)));
  }
  return longest;
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

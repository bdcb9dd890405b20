import type { Fields } from './fields.js';
import type { RopeTraits } from './rope-object.js';

/** Which norm of a layer has which name in the weight files; a norm without a name is not there. */
interface NormNames {
  readonly beforeAttention?: string;
  readonly afterAttention?: string;
  readonly beforeMlp?: string;
  readonly afterMlp?: string;
}

/** What the weight files of a model hold beside Llama's matrices. */
export interface Features {
  readonly norms: NormNames;
  readonly qkvBias: boolean;
  readonly outBias: boolean;
  readonly mlpBias: boolean;
  /** Norms of queries and keys: of each head, or of all heads together. */
  readonly qkNorm: 'none' | 'head' | 'projection';
  /** Queries, keys and values are one tensor, gate and up another. */
  readonly fused: boolean;
}

/** Windows as the family's own fields give them. */
export interface Windows {
  /** 0: none. */
  readonly size: number;
  /** Whether a layer has the window where `layer_types` does not say. */
  readonly slides: (layer: number) => boolean;
  /** `layer_types` decides; elsewhere it may only say what is so anyway. */
  readonly listed: boolean;
}

/** One family of models: the same fields as its file in native-runner/src/model/families. */
export interface Family {
  readonly architecture: string;
  readonly modelType: string;
  /** Fields that transformers takes no null for, beside those of all families. */
  readonly notNull: readonly string[];
  readonly activationField?: string;
  readonly activation?: string;
  /** transformers' defaults for fields that may be absent. */
  readonly maxPositions: number;
  /** Absent: as many as query heads. */
  readonly keyValueHeads?: number;
  readonly headDim?: number;
  readonly tied?: boolean;
  /** `hidden_size` must be a multiple of the heads, whatever their size. */
  readonly divides?: true;
  readonly rope: RopeTraits;
  readonly features: (fields: Fields) => Partial<Features>;
  readonly windows: (fields: Fields, layers: number) => Windows;
}

const MOST_PER_FIELD = 2 ** 31 - 1;
const LLAMA_NORMS: NormNames = { beforeAttention: 'input_layernorm', beforeMlp: 'post_attention_layernorm' };
const GEMMA_NORMS: NormNames = {
  beforeAttention: 'input_layernorm',
  afterAttention: 'post_attention_layernorm',
  beforeMlp: 'pre_feedforward_layernorm',
  afterMlp: 'post_feedforward_layernorm',
};
export const PLAIN: Features = {
  norms: LLAMA_NORMS,
  qkvBias: false,
  outBias: false,
  mlpBias: false,
  qkNorm: 'none',
  fused: false,
};

const attentionBias = (fields: Fields): Partial<Features> => {
  const bias = fields.flag('attention_bias', false);
  return { qkvBias: bias, outBias: bias };
};
const noWindow = (): Windows => ({ size: 0, slides: () => false, listed: false });
/** The same in every layer: absent is `otherwise`, null is none. */
const windowOfAll =
  (otherwise: number) =>
  (fields: Fields): Windows => {
    const size = fields.present('sliding_window') && !fields.has('sliding_window') ? 0 : otherwise;
    const own = fields.has('sliding_window') ? fields.size('sliding_window') : size;
    return { size: own, slides: () => own > 0, listed: false };
  };
/** Absent is `otherwise`, null is none, and none counts unless `use_sliding_window` is set. */
const optionalWindow = (fields: Fields, otherwise: number): number => {
  if (!fields.flag('use_sliding_window', false)) return 0;
  if (fields.has('sliding_window')) return fields.size('sliding_window');
  return fields.present('sliding_window') ? 0 : otherwise;
};
const qwenWindows = (fields: Fields): Windows => {
  const size = optionalWindow(fields, 4096);
  const first = fields.integer('max_window_layers', 0, MOST_PER_FIELD, 28);
  return { size, slides: (layer) => size > 0 && layer >= first, listed: true };
};
const QWEN = {
  maxPositions: 32_768,
  keyValueHeads: 32,
  rope: { theta: 10_000 },
  windows: qwenWindows,
} as const;
const GEMMA = {
  activationField: 'hidden_activation',
  activation: 'gelu_pytorch_tanh',
  keyValueHeads: 4,
  headDim: 256,
  tied: true,
  divides: true,
} as const;
const GEMMA_NOT_NULL = [
  'hidden_activation',
  'num_key_value_heads',
  'head_dim',
  'attention_bias',
  'query_pre_attn_scalar',
  'sliding_window',
] as const;
const gemmaFeatures = (fields: Fields): Partial<Features> => {
  const bias = attentionBias(fields);
  fields.integer('query_pre_attn_scalar', 1, MOST_PER_FIELD, 256);
  for (const name of ['attn_logit_softcapping', 'final_logit_softcapping']) if (fields.has(name)) fields.number(name, 1e-6, 1e9);
  return { ...bias, norms: GEMMA_NORMS };
};

export const FAMILIES: readonly Family[] = [
  {
    architecture: 'LlamaForCausalLM',
    modelType: 'llama',
    notNull: ['hidden_act', 'attention_bias', 'mlp_bias'],
    maxPositions: 2048,
    divides: true,
    rope: { theta: 10_000 },
    features: (fields) => ({ ...attentionBias(fields), mlpBias: fields.flag('mlp_bias', false) }),
    windows: noWindow,
  },
  {
    architecture: 'MistralForCausalLM',
    modelType: 'mistral',
    notNull: ['hidden_act', 'num_key_value_heads'],
    maxPositions: 131_072,
    keyValueHeads: 8,
    rope: { theta: 10_000 },
    features: () => ({}),
    windows: windowOfAll(4096),
  },
  {
    architecture: 'Qwen2ForCausalLM',
    modelType: 'qwen2',
    notNull: ['hidden_act', 'head_dim', 'use_sliding_window', 'max_window_layers'],
    ...QWEN,
    features: () => ({ qkvBias: true }),
  },
  {
    architecture: 'Qwen3ForCausalLM',
    modelType: 'qwen3',
    notNull: ['hidden_act', 'head_dim', 'attention_bias', 'use_sliding_window', 'max_window_layers'],
    ...QWEN,
    headDim: 128,
    features: (fields) => ({ ...attentionBias(fields), qkNorm: 'head' }),
  },
  {
    architecture: 'Phi3ForCausalLM',
    modelType: 'phi3',
    notNull: ['hidden_act', 'head_dim', 'original_max_position_embeddings'],
    maxPositions: 4096,
    rope: { theta: 10_000, partial: true, longAlone: true, original: 4096 },
    features: () => ({ fused: true }),
    windows: windowOfAll(0),
  },
  {
    architecture: 'Gemma2ForCausalLM',
    modelType: 'gemma2',
    notNull: GEMMA_NOT_NULL,
    maxPositions: 8192,
    ...GEMMA,
    rope: { theta: 10_000 },
    features: gemmaFeatures,
    windows: (fields) => ({
      size: fields.size('sliding_window', 4096),
      slides: (layer) => layer % 2 === 0,
      listed: true,
    }),
  },
  {
    architecture: 'Gemma3ForCausalLM',
    modelType: 'gemma3_text',
    notNull: [...GEMMA_NOT_NULL, 'sliding_window_pattern'],
    maxPositions: 131_072,
    ...GEMMA,
    rope: { theta: 1e6, byLayer: true },
    features: (fields) => {
      const features = gemmaFeatures(fields);
      // transformers reads it and passes it over.
      const name = 'attn_logit_softcapping';
      if (fields.has(name)) throw fields.bad(name, 'attention scores are not capped in this family', 'leave it out');
      return { ...features, qkNorm: 'head' };
    },
    windows: (fields) => {
      const size = fields.size('sliding_window', 4096);
      // `_sliding_window_pattern` is what transformers writes and does not read.
      const pattern = fields.size('sliding_window_pattern', 6);
      return { size, slides: (layer) => (layer + 1) % pattern !== 0, listed: true };
    },
  },
  {
    architecture: 'SmolLM3ForCausalLM',
    modelType: 'smollm3',
    notNull: ['hidden_act', 'head_dim', 'attention_bias', 'mlp_bias', 'use_sliding_window', 'no_rope_layer_interval'],
    maxPositions: 32_768,
    keyValueHeads: 4,
    tied: true,
    rope: { theta: 2e6 },
    features: (fields) => ({ ...attentionBias(fields), mlpBias: fields.flag('mlp_bias', false) }),
    windows: (fields, layers) => {
      const interval = fields.size('no_rope_layer_interval', 4);
      const list = fields.any('no_rope_layers');
      const numbers = Array.isArray(list) && list.length >= layers && list.every((item) => typeof item === 'number');
      if (list !== undefined && !numbers)
        throw fields.bad('no_rope_layers', 'no_rope_layers must have a number for each layer', 'correct config.json');
      // Against its name, the list holds 1 where a layer rotates. Layers that do not have the window, if there is one.
      const rotates = (layer: number): boolean => (Array.isArray(list) ? list[layer] !== 0 : (layer + 1) % interval !== 0);
      const size = optionalWindow(fields, 0);
      return { size, slides: (layer) => size > 0 && !rotates(layer), listed: true };
    },
  },
  {
    architecture: 'Olmo2ForCausalLM',
    modelType: 'olmo2',
    notNull: ['hidden_act', 'head_dim', 'attention_bias'],
    maxPositions: 2048,
    rope: { theta: 10_000 },
    features: (fields) => ({
      ...attentionBias(fields),
      qkNorm: 'projection',
      norms: { afterAttention: 'post_attention_layernorm', afterMlp: 'post_feedforward_layernorm' },
    }),
    windows: noWindow,
  },
];

import type { Fields, Reader } from './fields.js';

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

/** One family of models: the same fields as its file in native-runner/src/model/families. */
export interface Family {
  readonly architecture: string;
  readonly modelType: string;
  readonly activationField?: string;
  readonly activation?: string;
  /** transformers' defaults for fields that may be absent. */
  readonly maxPositions: number;
  readonly headDim?: number;
  readonly tied?: boolean;
  readonly features: (fields: Fields, read: Reader) => Partial<Features>;
  /** The window of a layer, or 0. Families without it have none. */
  readonly window?: (fields: Fields, read: Reader) => { readonly size: number; readonly slides: (layer: number) => boolean };
}

const llamaNorms: NormNames = { beforeAttention: 'input_layernorm', beforeMlp: 'post_attention_layernorm' };
const gemmaNorms: NormNames = {
  beforeAttention: 'input_layernorm',
  afterAttention: 'post_attention_layernorm',
  beforeMlp: 'pre_feedforward_layernorm',
  afterMlp: 'post_feedforward_layernorm',
};
export const plain: Features = {
  norms: llamaNorms,
  qkvBias: false,
  outBias: false,
  mlpBias: false,
  qkNorm: 'none',
  fused: false,
};

const attentionBias = (read: Reader): Partial<Features> => {
  const bias = read.flag('attention_bias');
  return { qkvBias: bias, outBias: bias };
};
const optionalWindow = (read: Reader): number =>
  read.flag('use_sliding_window') ? read.size('sliding_window', 4096) : 0;
const qwenWindow: Family['window'] = (_, read) => {
  const first = read.whole('max_window_layers', 28);
  return { size: optionalWindow(read), slides: (layer) => layer >= first };
};
const gemma = {
  activationField: 'hidden_activation',
  activation: 'gelu_pytorch_tanh',
  headDim: 256,
  tied: true,
} as const;

export const families: readonly Family[] = [
  {
    architecture: 'LlamaForCausalLM',
    modelType: 'llama',
    maxPositions: 2048,
    features: (_, read) => ({ ...attentionBias(read), mlpBias: read.flag('mlp_bias') }),
  },
  {
    architecture: 'MistralForCausalLM',
    modelType: 'mistral',
    maxPositions: 131_072,
    features: () => ({}),
    // Absent is 4096, null is no window.
    window: (fields, read) => ({
      size: fields['sliding_window'] === null ? 0 : read.size('sliding_window', 4096),
      slides: () => true,
    }),
  },
  {
    architecture: 'Qwen2ForCausalLM',
    modelType: 'qwen2',
    maxPositions: 32_768,
    features: () => ({ qkvBias: true }),
    window: qwenWindow,
  },
  {
    architecture: 'Qwen3ForCausalLM',
    modelType: 'qwen3',
    maxPositions: 32_768,
    headDim: 128,
    features: (_, read) => ({ ...attentionBias(read), qkNorm: 'head' }),
    window: qwenWindow,
  },
  {
    architecture: 'Phi3ForCausalLM',
    modelType: 'phi3',
    maxPositions: 4096,
    features: () => ({ fused: true }),
    window: (_, read) => ({ size: read.whole('sliding_window', 0), slides: () => true }),
  },
  {
    architecture: 'Gemma2ForCausalLM',
    modelType: 'gemma2',
    maxPositions: 8192,
    ...gemma,
    features: (_, read) => ({ ...attentionBias(read), norms: gemmaNorms }),
    window: (_, read) => ({ size: read.size('sliding_window', 4096), slides: (layer) => layer % 2 === 0 }),
  },
  {
    architecture: 'Gemma3ForCausalLM',
    modelType: 'gemma3_text',
    maxPositions: 131_072,
    ...gemma,
    features: (_, read) => ({ ...attentionBias(read), norms: gemmaNorms, qkNorm: 'head' }),
    window: (_, read) => {
      const pattern = read.size('sliding_window_pattern', read.size('_sliding_window_pattern', 6));
      return { size: read.size('sliding_window', 4096), slides: (layer) => (layer + 1) % pattern !== 0 };
    },
  },
  {
    architecture: 'SmolLM3ForCausalLM',
    modelType: 'smollm3',
    maxPositions: 32_768,
    tied: true,
    features: (_, read) => ({ ...attentionBias(read), mlpBias: read.flag('mlp_bias') }),
    window: (fields, read) => {
      const interval = read.size('no_rope_layer_interval', 4);
      const list = fields['no_rope_layers'];
      // Against its name, the list holds 1 where a layer rotates. Layers that do not have the window, if there is one.
      const rotates = (layer: number): boolean =>
        Array.isArray(list) ? list[layer] !== 0 : (layer + 1) % interval !== 0;
      return { size: optionalWindow(read), slides: (layer) => !rotates(layer) };
    },
  },
  {
    architecture: 'Olmo2ForCausalLM',
    modelType: 'olmo2',
    maxPositions: 2048,
    features: (_, read) => ({
      ...attentionBias(read),
      qkNorm: 'projection',
      norms: { afterAttention: 'post_attention_layernorm', afterMlp: 'post_feedforward_layernorm' },
    }),
  },
];

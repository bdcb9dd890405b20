import { WishboneError } from '../errors.js';
import { FAMILIES, readFields, type Fields, type ModelConfig } from '../model/index.js';
import { float32, string, uint32, type Value } from './values.js';

/** How llama.cpp knows a family of models. */
interface Architecture {
  /** `general.architecture` */
  readonly name: string;
  /** Queries and keys have pairs that RoPE turns beside each other, where Hugging Face has them half a head apart. */
  readonly permutes?: true;
  /** Weights of norms are stored less 1. */
  readonly addsOne?: true;
  /** Norms behind attention and MLP. */
  readonly normsAround?: true;
  /** Biases beside those of queries, keys and values are read. */
  readonly allBiases?: true;
  /** Heads are `hidden_size` divided by their number, whatever `head_dim` says. */
  readonly dividedHeads?: true;
  readonly epsilon?: number;
}

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  llama: { name: 'llama', permutes: true, allBiases: true },
  mistral: { name: 'llama', permutes: true, allBiases: true },
  qwen2: { name: 'qwen2', dividedHeads: true },
  qwen3: { name: 'qwen3' },
  phi3: { name: 'phi3', dividedHeads: true, epsilon: 1e-5 },
  gemma2: { name: 'gemma2', addsOne: true, normsAround: true },
  gemma3_text: { name: 'gemma3', addsOne: true, normsAround: true },
  smollm3: { name: 'smollm3', permutes: true },
  olmo2: { name: 'olmo2', normsAround: true, dividedHeads: true, epsilon: 1e-5 },
};

/** A model as llama.cpp describes it: its architecture, the metadata of its shape, and tensors that only GGUF has. */
export interface GgufModel {
  readonly architecture: Architecture;
  readonly metadata: ReadonlyMap<string, Value>;
  /** Small tensors of float32. */
  readonly extra: ReadonlyMap<string, Float32Array>;
  /** What llama.cpp does otherwise, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Describes a model folder for llama.cpp (conversion/*.py of llama.cpp).
 *
 * @throws WishboneError naming the field of config.json that llama.cpp does not compute as transformers and the runner do
 */
export async function describeModel(folder: string, config: ModelConfig): Promise<GgufModel> {
  const { fields } = await readFields(folder);
  const architecture = ARCHITECTURES[config.family]!;
  const description = new Description(fields, config, architecture);
  return {
    architecture,
    metadata: description.metadata(),
    extra: description.extra,
    notes: description.notes,
  };
}

const ANOTHER = 'use the exported model with transformers';

class Description {
  readonly extra = new Map<string, Float32Array>();
  readonly notes: string[] = [];
  readonly #fields: Fields;
  readonly #config: ModelConfig;
  readonly #architecture: Architecture;
  readonly #family: string;
  readonly #values = new Map<string, Value>();

  constructor(fields: Fields, config: ModelConfig, architecture: Architecture) {
    this.#fields = fields;
    this.#config = config;
    this.#architecture = architecture;
    this.#family = config.family;
  }

  metadata(): ReadonlyMap<string, Value> {
    const config = this.#config;
    this.#refuseOtherWeights();
    this.#refuseOtherWindows();
    this.#add('block_count', uint32(config.layers));
    this.#add('context_length', uint32(this.#positions));
    this.#add('embedding_length', uint32(config.hiddenSize));
    this.#add('feed_forward_length', uint32(config.intermediateSize));
    this.#add('attention.head_count', uint32(config.queryHeads));
    this.#add('attention.head_count_kv', uint32(config.kvHeads));
    this.#add('attention.layer_norm_rms_epsilon', float32(this.#number('rms_norm_eps', this.#architecture.epsilon ?? 1e-6)));
    // Elsewhere llama.cpp divides, as transformers does.
    const given = this.#family !== 'smollm3' || this.#fields.has('head_dim');
    if (this.#architecture.dividedHeads === undefined && given) {
      this.#add('attention.key_length', uint32(config.headDim));
      this.#add('attention.value_length', uint32(config.headDim));
    }
    if (this.#architecture.permutes) {
      this.#add('vocab_size', uint32(config.vocabSize));
      this.#add('rope.dimension_count', uint32(config.headDim));
    }
    this.#addWindow();
    this.#addGemma();
    this.#addRope();
    return this.#values;
  }

  #add(key: string, value: Value): void {
    this.#values.set(`${this.#architecture.name}.${key}`, value);
  }

  get #positions(): number {
    return this.#fields.size('max_position_embeddings', FAMILIES.find(({ modelType }) => modelType === this.#family)?.maxPositions);
  }

  #number(name: string, otherwise: number): number {
    const value = this.#fields.any(name);
    return typeof value === 'number' ? value : otherwise;
  }

  #refuse(field: string, what: string, advice = ANOTHER): never {
    throw this.#fields.bad(field, `llama.cpp ${what}`, advice);
  }

  #refuseOtherWeights(): void {
    const { features, headDim, queryHeads, hiddenSize, tied, layers } = this.#config;
    const { allBiases, dividedHeads } = this.#architecture;
    const own = this.#architecture.addsOne === undefined ? ['silu', 'swish'] : ['gelu_pytorch_tanh'];
    const activation = this.#architecture.addsOne === undefined ? 'hidden_act' : 'hidden_activation';
    const given = this.#fields.any(activation);
    if (given !== undefined && !own.includes(String(given))) this.#refuse(activation, `computes ${own[0]} in this family alone`);
    if (allBiases === undefined && features.outBias) this.#refuse('attention_bias', 'has no bias behind attention in this family');
    if (allBiases === undefined && features.mlpBias) this.#refuse('mlp_bias', 'has no biases in the MLP of this family');
    if (dividedHeads && headDim * queryHeads !== hiddenSize)
      this.#refuse('head_dim', `takes heads of hidden_size / num_attention_heads = ${hiddenSize / queryHeads} elements in this family`);
    if (this.#family === 'olmo2' && tied) this.#refuse('tie_word_embeddings', 'needs a head of its own in this family');
    if (this.#family === 'gemma2' && !tied) this.#refuse('tie_word_embeddings', 'takes the embedding for the head in this family');
    if (this.#family === 'smollm3') {
      const list = this.#fields.any('no_rope_layers');
      const interval = this.#number('no_rope_layer_interval', 4);
      const turns = (layer: number): boolean => (Array.isArray(list) ? list[layer] !== 0 : (layer + 1) % interval !== 0);
      for (let layer = 0; layer < layers; layer++)
        if (turns(layer) !== ((layer + 1) % 4 !== 0))
          this.#refuse(
            Array.isArray(list) ? 'no_rope_layers' : 'no_rope_layer_interval',
            'leaves RoPE out of every fourth layer, and of no other',
          );
    }
  }

  /** Windows are computed in Gemma's families alone, in a pattern that stands in llama.cpp itself. */
  #refuseOtherWindows(): void {
    const { layers } = this.#config;
    const [window] = this.#config.windows ?? [];
    const pattern = { gemma2: 2, gemma3_text: 6 }[this.#family];
    if (pattern === undefined) {
      if (window !== undefined && window.window < this.#positions)
        this.#refuse(
          'sliding_window',
          `computes no sliding window in this family: texts of more than ${window.window} tokens would come out otherwise`,
          `set "max_position_embeddings" to ${window.window} in config.json, so that no text is longer`,
        );
      return;
    }
    const types = this.#fields.any('layer_types');
    const own = this.#family === 'gemma2' ? 2 : this.#number('sliding_window_pattern', 6);
    for (let layer = 0; layer < layers; layer++) {
      const slides = Array.isArray(types) ? types[layer] === 'sliding_attention' : (layer + 1) % own !== 0;
      if (slides !== ((layer + 1) % pattern !== 0))
        this.#refuse(
          Array.isArray(types) ? 'layer_types' : 'sliding_window_pattern',
          `gives every layer a sliding window but each ${pattern === 2 ? 'second' : 'sixth'} in this family`,
        );
    }
  }

  #addWindow(): void {
    if (this.#architecture.addsOne) this.#add('attention.sliding_window', uint32(this.#number('sliding_window', 4096)));
    // 0 tells Phi-4 from Phi-3; of others it says what llama.cpp passes over.
    if (this.#family === 'phi3') this.#add('attention.sliding_window', uint32(this.#number('sliding_window', 0)));
  }

  #addGemma(): void {
    if (this.#architecture.addsOne === undefined) return;
    const { headDim, hiddenSize, queryHeads, layers } = this.#config;
    // llama.cpp knows the largest models by the number of their layers.
    const largest = layers === (this.#family === 'gemma2' ? 46 : 62);
    const scale = largest ? Math.floor(hiddenSize / queryHeads) : headDim;
    if (this.#number('query_pre_attn_scalar', 256) !== scale)
      this.#refuse('query_pre_attn_scalar', `divides queries by the root of ${scale} in this model`);
    for (const [field, key, otherwise] of [
      ['attn_logit_softcapping', 'attn_logit_softcapping', 50],
      ['final_logit_softcapping', 'final_logit_softcapping', 30],
    ] as const) {
      if (this.#family === 'gemma2') {
        if (this.#fields.present(field) && !this.#fields.has(field)) this.#refuse(field, 'always caps these in this family');
        this.#add(key, float32(this.#number(field, otherwise)));
      } else if (field === 'final_logit_softcapping' && this.#fields.has(field)) {
        this.#add(key, float32(this.#fields.number(field, 1e-6, 1e9)));
      }
    }
  }

  #addRope(): void {
    const family = FAMILIES.find(({ modelType }) => modelType === this.#family)!;
    const above = [this.#fields.object('rope_scaling'), this.#fields.object('rope_parameters')].find(
      (one) => one && one.names().length > 0,
    );
    const full = above?.object('full_attention') ?? (above?.object('sliding_attention') === undefined ? above : undefined);
    const sliding = above?.object('sliding_attention');
    const theta = numberOf(full, 'rope_theta') ?? this.#number('rope_theta', family.rope.theta);
    if (this.#family === 'gemma2') {
      if (theta !== 10_000) this.#refuse('rope_theta', 'turns by 10000 in this family');
    } else {
      this.#add('rope.freq_base', float32(theta));
    }
    if (family.rope.byLayer) {
      const local = numberOf(sliding, 'rope_theta') ?? this.#number('rope_local_base_freq', 10_000);
      this.#add('rope.freq_base_swa', float32(local));
      if (kindOf(sliding) !== 'default') this.#refuse('rope_parameters', 'scales no RoPE of layers with a window');
    }
    const kind = kindOf(full);
    if (this.#family === 'phi3') this.#addPhi(full, kind);
    if (kind === 'default') return;
    const where = this.#fields.has('rope_scaling') ? 'rope_scaling' : 'rope_parameters';
    const known = { phi3: ['longrope'], gemma2: [] as string[], gemma3_text: ['linear'] }[this.#family] ?? ['linear', 'yarn', 'llama3'];
    if (kind === 'llama3' && !this.#architecture.permutes) this.#refuse(where, 'has the scaling "llama3" in Llama’s family alone');
    if (!known.includes(kind)) this.#refuse(where, `does not compute the RoPE scaling "${kind}" in this family`);
    if (kind === 'linear' || kind === 'yarn') {
      this.#add('rope.scaling.type', string(kind));
      this.#add('rope.scaling.factor', float32(this.#scalingFactor(full!)));
    }
    if (kind === 'yarn') this.#addYarn(full!, where);
    if (kind === 'llama3') this.#addLlama3(full!, theta);
  }

  #scalingFactor(rope: Fields): number {
    const factor = numberOf(rope, 'factor');
    return factor ?? this.#positions / this.#original(rope);
  }

  #original(rope: Fields): number {
    const name = 'original_max_position_embeddings';
    return numberOf(this.#fields, name) ?? numberOf(rope, name) ?? this.#positions;
  }

  #addYarn(rope: Fields, where: string): void {
    for (const name of ['mscale', 'mscale_all_dim']) if (rope.has(name)) this.#refuse(where, `does not read "${name}"`);
    // Its own engine divides by the factor that belongs to YaRN, which llama.cpp multiplies with (model/models/qwen3, 0.17).
    if (this.#family === 'qwen3')
      this.notes.push('Ollama computes YaRN of Qwen3 without its attention factor; llama.cpp computes it as trained');
    if (rope.any('truncate') === false) this.#refuse(where, 'always truncates the range that YaRN corrects');
    this.#add('rope.scaling.original_context_length', uint32(this.#original(rope)));
    for (const [name, key] of [
      ['attention_factor', 'rope.scaling.yarn_attn_factor'],
      ['beta_fast', 'rope.scaling.yarn_beta_fast'],
      ['beta_slow', 'rope.scaling.yarn_beta_slow'],
    ] as const) {
      const value = numberOf(rope, name);
      if (value === undefined) continue;
      // llama.cpp multiplies it with what follows from the factor; in transformers it takes its place.
      if (name === 'attention_factor') this.#refuse(where, 'does not take an "attention_factor" in place of its own');
      this.#add(key, float32(value));
    }
  }

  /** Llama 3's scaling as a factor for each frequency, computed in the types that the converter computes it in. */
  #addLlama3(rope: Fields, theta: number): void {
    const { fround } = Math;
    const dim = this.#config.headDim;
    const factor = numberOf(rope, 'factor') ?? 8;
    const [low, high] = [numberOf(rope, 'low_freq_factor') ?? 1, numberOf(rope, 'high_freq_factor') ?? 4];
    const original = this.#original(rope);
    // PyTorch divides a number by a tensor as a product with its reciprocal.
    const over = (number: number, tensor: number): number => fround(fround(1 / tensor) * fround(number));
    const factors = Array.from({ length: dim / 2 }, (_, i) => {
      const frequency = over(1, fround(theta ** fround((2 * i) / dim)));
      const wavelength = over(2 * Math.PI, frequency);
      if (wavelength < fround(original / high)) return 1;
      if (wavelength > fround(original / low)) return factor;
      const smooth = fround(fround(over(original, wavelength) - low) / (high - low));
      return over(1, fround(fround(fround(1 - smooth) / factor) + smooth));
    });
    this.extra.set('rope_freqs.weight', Float32Array.from(factors));
  }

  #addPhi(rope: Fields | undefined, kind: string): void {
    const { hiddenSize, queryHeads } = this.#config;
    const part = numberOf(rope, 'partial_rotary_factor') ?? this.#number('partial_rotary_factor', 1);
    this.#add('rope.dimension_count', uint32(Math.floor(Math.trunc(part * hiddenSize) / queryHeads)));
    const original =
      numberOf(this.#fields, 'original_max_position_embeddings') ?? numberOf(rope, 'original_max_position_embeddings') ?? 4096;
    this.#add('rope.scaling.original_context_length', uint32(original));
    if (kind !== 'longrope' || rope === undefined) return;
    if (rope.has('attention_factor')) this.#refuse('rope_scaling', 'computes the attention factor of "longrope" itself');
    const stretch = this.#positions / original;
    if (rope.has('factor') && numberOf(rope, 'factor') !== stretch)
      this.#refuse('rope_scaling', 'takes the ratio of the contexts for the factor of "longrope"');
    this.#add('rope.scaling.attn_factor', float32(stretch > 1 ? Math.sqrt(1 + Math.log(stretch) / Math.log(original)) : 1));
    this.notes.push(
      `llama.cpp turns texts of any length by the long factors when its context is longer than ${original} tokens; for shorter texts start it with -c ${original}`,
    );
    for (const length of ['long', 'short']) {
      const factors = rope.any(`${length}_factor`) as number[];
      this.extra.set(`rope_factors_${length}.weight`, Float32Array.from(factors));
    }
  }
}

function numberOf(fields: Fields | undefined, name: string): number | undefined {
  const value = fields?.any(name);
  return typeof value === 'number' ? value : undefined;
}

/** The kind of a RoPE; Phi-3's older names are one. */
function kindOf(rope: Fields | undefined): string {
  const kind = rope?.any('rope_type') ?? rope?.any('type') ?? 'default';
  if (typeof kind !== 'string') throw new WishboneError('the kind of RoPE is no text', 'config.json', 'correct it');
  const older = rope?.has('short_factor') === true && (kind === 'su' || kind === 'yarn');
  return older ? 'longrope' : kind;
}

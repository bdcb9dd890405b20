import { TENSOR_TYPES, type TensorType } from './tensor-types.js';

/** What a GGUF file can be made of. */
export const GGUF_TYPES = ['f16', 'bf16', 'q8_0', 'q4_k_m'] as const;
export type GgufType = (typeof GGUF_TYPES)[number];

/** llama.cpp's number of each kind of file (`general.file_type`). */
export const FILE_TYPES: Readonly<Record<GgufType, number>> = { f16: 1, q8_0: 7, q4_k_m: 15, bf16: 32 };

/** What the choice of a tensor's type depends on. */
export interface MixModel {
  readonly architecture: string;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  /** Whether the head is the embedding. */
  readonly tied: boolean;
}

const BY_TYPE = { f16: 'F16', bf16: 'BF16', q8_0: 'Q8_0', q4_k_m: 'Q4_K' } as const;

/**
 * The type that a tensor is stored as: that of llama.cpp's converter, and for `q4_k_m` that of its quantiser (llama-quant.cpp,
 * llama_tensor_get_type), which gives more bits to the tensors that need them.
 *
 * @param name in the GGUF file
 * @param shape outermost first
 */
export function tensorType(name: string, shape: readonly number[], type: GgufType, model: MixModel): TensorType {
  if (shape.length < 2 || !name.endsWith('.weight') || name.endsWith('_norm.weight')) return 'F32';
  const wanted = type === 'q4_k_m' ? mixedType(name, shape.at(-1)!, model) : BY_TYPE[type];
  return fitting(wanted, shape.at(-1)!);
}

function mixedType(name: string, columns: number, model: MixModel): TensorType {
  if (name === 'output.weight' || (model.tied && name === 'token_embd.weight')) return columns % 256 === 0 ? 'Q6_K' : 'Q8_0';
  const [, layer] = /^blk\.(\d+)\./.exec(name) ?? [];
  const more = layer !== undefined && hasMoreBits(Number(layer), model.layers);
  if (/\.attn_(v|qkv)\.weight$/.test(name)) {
    if (more) return 'Q6_K';
    return isLarge(model) ? 'Q5_K' : 'Q4_K';
  }
  return more && name.endsWith('.ffn_down.weight') ? 'Q6_K' : 'Q4_K';
}

/** The first and the last eighth of the layers, and every third between. */
function hasMoreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}

/** What llama.cpp takes for a model of 70 billion parameters, in which eight heads share a value. */
function isLarge({ architecture, layers, heads, kvHeads }: MixModel): boolean {
  return layers === 80 && (architecture === 'qwen2' || (architecture === 'llama' && heads !== kvHeads));
}

const SMALLER_BLOCKS = { Q4_K: 'Q5_0', Q5_K: 'Q5_1', Q6_K: 'Q8_0' } as const;

/** A row is whole blocks, or the tensor has another type. */
function fitting(type: TensorType, columns: number): TensorType {
  if (columns % TENSOR_TYPES[type].elements === 0) return type;
  const smaller: TensorType = type in SMALLER_BLOCKS ? SMALLER_BLOCKS[type as keyof typeof SMALLER_BLOCKS] : type;
  return columns % TENSOR_TYPES[smaller].elements === 0 ? smaller : 'F16';
}

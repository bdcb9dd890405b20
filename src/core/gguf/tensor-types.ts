/** How GGUF stores tensors: ggml's number of each type, elements of a block, and bytes that a block takes (ggml.h, ggml-common.h). */
export const TENSOR_TYPES = {
  F32: { id: 0, elements: 1, bytes: 4 },
  F16: { id: 1, elements: 1, bytes: 2 },
  Q5_0: { id: 6, elements: 32, bytes: 22 },
  Q5_1: { id: 7, elements: 32, bytes: 24 },
  Q8_0: { id: 8, elements: 32, bytes: 34 },
  Q4_K: { id: 12, elements: 256, bytes: 144 },
  Q5_K: { id: 13, elements: 256, bytes: 176 },
  Q6_K: { id: 14, elements: 256, bytes: 210 },
  BF16: { id: 30, elements: 1, bytes: 2 },
} as const;
export type TensorType = keyof typeof TENSOR_TYPES;

/** Bytes that elements take, which must be whole blocks. */
export function bytesOf(type: TensorType, elements: number): number {
  const { elements: block, bytes } = TENSOR_TYPES[type];
  return (elements / block) * bytes;
}

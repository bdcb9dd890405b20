import { bytesOf, type TensorType } from '../tensor-types.js';
import { quantiseQ4_K, quantiseQ5_K, quantiseQ6_K } from './k-quants.js';
import { quantiseQ5_0, quantiseQ5_1, quantiseQ8_0 } from './simple.js';
import { bfloatBits, halfBits } from '../half.js';

const QUANTISERS: Readonly<Partial<Record<TensorType, (x: Float32Array, out: Uint8Array) => void>>> = {
  Q5_0: quantiseQ5_0,
  Q5_1: quantiseQ5_1,
  Q8_0: quantiseQ8_0,
  Q4_K: quantiseQ4_K,
  Q5_K: quantiseQ5_K,
  Q6_K: quantiseQ6_K,
};

/**
 * The bytes of numbers in a type of GGUF, equal to llama.cpp's bit for bit.
 *
 * @param x whole blocks
 */
export function quantise(type: TensorType, x: Float32Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytesOf(type, x.length));
  const own = QUANTISERS[type];
  if (own !== undefined) {
    own(x, out);
  } else if (type === 'F32') {
    out.set(new Uint8Array(x.buffer, x.byteOffset, x.byteLength));
  } else {
    const bits = new Uint32Array(x.buffer, x.byteOffset, x.length);
    const halves = new Uint16Array(out.buffer);
    for (let i = 0; i < x.length; i++) halves[i] = type === 'F16' ? halfBits(x[i]!) : bfloatBits(bits[i]!);
  }
  return out;
}

/** Types that take so long to compute that it is worth a thread. */
export const isSlow = (type: TensorType): boolean => type.endsWith('_K');

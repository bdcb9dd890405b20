import { halfBits } from '../half.js';

// Types whose blocks of 32 have one scale each. Every operation is rounded to float32 and stands in the order in which ggml has it
// (ggml-quants.c, quantize_row_…_ref), so that the bytes are the same.

const BLOCK = 32;
const { fround } = Math;

/** Q8_0: a scale and 32 whole numbers from -127 to 127. */
export function quantiseQ8_0(x: Float32Array, out: Uint8Array): void {
  for (let begin = 0, at = 0; begin < x.length; begin += BLOCK) {
    let largest = 0;
    for (let i = begin; i < begin + BLOCK; i++) largest = Math.max(largest, Math.abs(x[i]!));
    const scale = fround(largest / 127);
    const inverse = scale === 0 ? 0 : fround(1 / scale);
    at = writeHalf(scale, out, at);
    for (let i = begin; i < begin + BLOCK; i++) {
      const value = fround(x[i]! * inverse);
      // Halves go away from zero. The sum is exact in float64.
      out[at++] = value < 0 ? -Math.floor(0.5 - value) : Math.floor(value + 0.5);
    }
  }
}

/** Q5_0: a scale and 32 numbers of 5 bits, 16 of which is zero; the fifth bits stand together. */
export function quantiseQ5_0(x: Float32Array, out: Uint8Array): void {
  for (let begin = 0, at = 0; begin < x.length; begin += BLOCK) {
    let [largest, signed] = [0, 0];
    for (let i = begin; i < begin + BLOCK; i++) {
      const value = x[i]!;
      if (largest < Math.abs(value)) [largest, signed] = [Math.abs(value), value];
    }
    const scale = fround(signed / -16);
    const inverse = scale === 0 ? 0 : fround(1 / scale);
    at = writeHalf(scale, out, at);
    const level = (i: number): number => {
      const value = fround(fround(x[i]! * inverse) + 16.5);
      // Where the inverse is infinite: what is no whole number becomes 0, as on x86-64.
      return Number.isFinite(value) ? Math.min(31, Math.trunc(value)) : 0;
    };
    at = writeFives(begin, level, out, at);
  }
}

/** Q5_1: a scale, a least value and 32 numbers of 5 bits. */
export function quantiseQ5_1(x: Float32Array, out: Uint8Array): void {
  for (let begin = 0, at = 0; begin < x.length; begin += BLOCK) {
    let [least, most] = [3.4028234663852886e38, -3.4028234663852886e38];
    for (let i = begin; i < begin + BLOCK; i++) {
      const value = x[i]!;
      if (value < least) least = value;
      if (value > most) most = value;
    }
    const scale = fround(fround(most - least) / 31);
    const inverse = scale === 0 ? 0 : fround(1 / scale);
    at = writeHalf(scale, out, at);
    at = writeHalf(least, out, at);
    const level = (i: number): number => Math.trunc(fround(fround(fround(x[i]! - least) * inverse) + 0.5));
    at = writeFives(begin, level, out, at);
  }
}

function writeFives(begin: number, level: (index: number) => number, out: Uint8Array, at: number): number {
  let fifth = 0;
  for (let j = 0; j < BLOCK / 2; j++) {
    const [low, high] = [level(begin + j), level(begin + j + BLOCK / 2)];
    out[at + 4 + j] = (low & 15) | ((high & 15) << 4);
    fifth |= ((low & 16) >> 4) << j;
    fifth |= ((high & 16) >> 4) << (j + BLOCK / 2);
  }
  for (let byte = 0; byte < 4; byte++) out[at + byte] = (fifth >>> (8 * byte)) & 255;
  return at + 4 + BLOCK / 2;
}

export function writeHalf(value: number, out: Uint8Array, at: number): number {
  const half = halfBits(value);
  out[at] = half & 255;
  out[at + 1] = half >> 8;
  return at + 2;
}

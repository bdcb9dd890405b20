const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/**
 * The bits of a float32 number rounded to half precision, to nearest with ties to even, as ggml and numpy round it. What is too
 * large becomes infinity.
 */
export function halfBits(value: number): number {
  float[0] = value;
  const all = bits[0]!;
  const sign = (all >>> 16) & 0x8000;
  const size = all & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00;
  // From 65520 on it is nearer to 65536, which half precision does not have.
  if (size >= 0x477ff000) return sign | 0x7c00;
  if (size >= 0x38800000) {
    const rounded = size + 0xfff + ((size >>> 13) & 1);
    return sign | ((rounded - 0x38000000) >>> 13);
  }
  // Subnormal: a whole number of 2^-24. Halving an odd multiple of 2^-25 is exact in float64.
  return sign | roundToEven(Math.abs(float[0]) * 2 ** 24);
}

/** The number that bits of half precision are. */
export function halfValue(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A float32 number's bits rounded to bfloat16, as ggml and the converter round it. */
export function bfloatBits(all: number): number {
  if ((all & 0x7fffffff) > 0x7f800000) return (all >>> 16) | 64;
  return ((all + 0x7fff + ((all >>> 16) & 1)) >>> 16) & 0xffff;
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return below + (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? 1 : 0);
}

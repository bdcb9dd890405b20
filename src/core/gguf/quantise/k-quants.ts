import { halfBits, halfValue } from '../half.js';
import { writeHalf } from './simple.js';

// Types whose blocks of 256 hold smaller groups, each with a scale that is itself quantised. The scales are searched for; ggml's
// searches (ggml-quants.c: make_qkx2_quants, make_qx_quants) are followed operation by operation, each rounded to float32, so
// that every level, and so every byte, is the same. Float64 arithmetic rounded once gives what float32 arithmetic does, for sums,
// differences, products and quotients.

const BLOCK = 256;
const { fround } = Math;

/** To the nearest whole number, halves to even, by float32's own rounding: 1.5 * 2^23 leaves no bits behind the point. */
const MAGIC = 12582912;
function nearest(value: number): number {
  const whole = fround(value + MAGIC) - MAGIC;
  return whole >= -4194304 && whole <= 4194303 ? whole : beyond(value);
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);
/** What ggml reads of the bits beyond that range: groups so small that their scale's inverse is infinite. */
function beyond(value: number): number {
  float[0] = value + MAGIC;
  return (bits[0]! & 0x7fffff) - 0x400000;
}

const weights = new Float32Array(32);
const trial = new Uint8Array(32);
/** What a search found beside the scale: the negated least value. */
let foundLeast = 0;

/**
 * Scale and least value of a group of 32 with levels from 0 to `most`, by weighted least squares from several starting points
 * (make_qkx2_quants, with squares of errors).
 */
function searchWithLeast(x: Float32Array, begin: number, most: number, levels: Uint8Array, from: number, steps: number): number {
  const n = 32;
  let [least, greatest] = [x[begin]!, x[begin]!];
  let sumW = weights[0]!;
  let sumX = fround(sumW * x[begin]!);
  for (let i = 1; i < n; i++) {
    const value = x[begin + i]!;
    if (value < least) least = value;
    if (value > greatest) greatest = value;
    const weight = weights[i]!;
    sumW = fround(sumW + weight);
    sumX = fround(sumX + fround(weight * value));
  }
  if (least > 0) least = 0;
  if (greatest === least) {
    levels.fill(0, begin, begin + n);
    foundLeast = -least;
    return 0;
  }
  const first = least;
  const range = fround(greatest - first);
  let inverse = fround(most / range);
  let scale = fround(1 / inverse);
  let bestError = 0;
  for (let i = 0; i < n; i++) {
    const value = x[begin + i]!;
    let level = nearest(fround(inverse * fround(value - least)));
    level = level < 0 ? 0 : level > most ? most : level;
    levels[begin + i] = level;
    const off = fround(fround(fround(scale * level) + least) - value);
    bestError = fround(bestError + fround(weights[i]! * fround(off * off)));
  }
  for (let step = 0; step <= steps; step++) {
    // The range is that of the values, the least value that of the best so far, as in ggml.
    inverse = fround(fround(fround(from + fround(STEP * step)) + most) / fround(greatest - least));
    let [sumL, sumL2, sumXL] = [0, 0, 0];
    for (let i = 0; i < n; i++) {
      const value = x[begin + i]!;
      let level = nearest(fround(inverse * fround(value - least)));
      level = level < 0 ? 0 : level > most ? most : level;
      trial[i] = level;
      const weighted = fround(weights[i]! * level);
      sumL = fround(sumL + weighted);
      sumL2 = fround(sumL2 + fround(weighted * level));
      sumXL = fround(sumXL + fround(weighted * value));
    }
    const determinant = fround(fround(sumW * sumL2) - fround(sumL * sumL));
    if (determinant > 0) {
      let thisScale = fround(fround(fround(sumW * sumXL) - fround(sumX * sumL)) / determinant);
      let thisLeast = fround(fround(fround(sumL2 * sumX) - fround(sumL * sumXL)) / determinant);
      if (thisLeast > 0) {
        thisLeast = 0;
        thisScale = fround(sumXL / sumL2);
      }
      let error = 0;
      for (let i = 0; i < n; i++) {
        const off = fround(fround(fround(thisScale * trial[i]!) + thisLeast) - x[begin + i]!);
        error = fround(error + fround(weights[i]! * fround(off * off)));
      }
      if (error < bestError) {
        for (let i = 0; i < n; i++) levels[begin + i] = trial[i]!;
        bestError = error;
        scale = thisScale;
        least = thisLeast;
      }
    }
  }
  foundLeast = -least;
  return scale;
}
const STEP = fround(0.1);

/** Q4_K: eight groups of 32 with scales and least values of 6 bits, levels of 4 bits. */
export function quantiseQ4_K(x: Float32Array, out: Uint8Array): void {
  quantiseWithLeast(x, out, { most: 15, from: -1, steps: 20 });
}

/** Q5_K: the same with levels of 5 bits. */
export function quantiseQ5_K(x: Float32Array, out: Uint8Array): void {
  quantiseWithLeast(x, out, { most: 31, from: -0.5, steps: 15 });
}

function quantiseWithLeast(
  x: Float32Array,
  out: Uint8Array,
  { most, from, steps }: { readonly most: 15 | 31; readonly from: number; readonly steps: number },
): void {
  const levels = new Uint8Array(BLOCK);
  const [scales, leasts] = [new Float32Array(8), new Float32Array(8)];
  const [sixScales, sixLeasts] = [new Uint8Array(8), new Uint8Array(8)];
  for (let begin = 0, at = 0; begin < x.length; begin += BLOCK) {
    const block = x.subarray(begin, begin + BLOCK);
    let [maxScale, maxLeast] = [0, 0];
    for (let group = 0; group < 8; group++) {
      let squares = 0;
      for (let i = 32 * group; i < 32 * group + 32; i++) squares = fround(squares + fround(block[i]! * block[i]!));
      const root = fround(Math.sqrt(fround(squares / 32)));
      for (let i = 0; i < 32; i++) weights[i] = root + Math.abs(block[32 * group + i]!);
      const scale = searchWithLeast(block, 32 * group, most, levels, from, steps);
      scales[group] = scale;
      leasts[group] = foundLeast;
      if (scale > maxScale) maxScale = scale;
      if (foundLeast > maxLeast) maxLeast = foundLeast;
    }
    const [inverseScale, inverseLeast] = [maxScale, maxLeast].map((value) => (value > 0 ? fround(63 / value) : 0)) as [number, number];
    for (let group = 0; group < 8; group++) {
      sixScales[group] = Math.min(63, nearest(fround(inverseScale * scales[group]!)) & 255);
      sixLeasts[group] = Math.min(63, nearest(fround(inverseLeast * leasts[group]!)) & 255);
    }
    const scale = halfValue(halfBits(fround(maxScale / 63)));
    const leastScale = halfValue(halfBits(fround(maxLeast / 63)));
    at = writeHalf(scale, out, at);
    at = writeHalf(leastScale, out, at);
    at = writeSixes(sixScales, sixLeasts, out, at);
    for (let group = 0; group < 8; group++) {
      const own = fround(scale * sixScales[group]!);
      if (own === 0) continue;
      const least = fround(leastScale * sixLeasts[group]!);
      for (let i = 32 * group; i < 32 * group + 32; i++) {
        const level = nearest(fround(fround(block[i]! + least) / own));
        levels[i] = level < 0 ? 0 : level > most ? most : level;
      }
    }
    if (most === 31) {
      for (let i = 0; i < 32; i++) {
        let fifth = 0;
        for (let group = 0; group < 8; group++) fifth |= (levels[32 * group + i]! >> 4) << group;
        out[at++] = fifth;
      }
    }
    for (let pair = 0; pair < BLOCK; pair += 64)
      for (let i = pair; i < pair + 32; i++) out[at++] = (levels[i]! & 15) | ((levels[i + 32]! & 15) << 4);
  }
}

/** Eight scales and eight least values of 6 bits in 12 bytes: four of each whole, with the upper bits of the others above them. */
function writeSixes(scales: Uint8Array, leasts: Uint8Array, out: Uint8Array, at: number): number {
  for (let i = 0; i < 4; i++) {
    const [scale, least] = [scales[i + 4]!, leasts[i + 4]!];
    out[at + i] = scales[i]! | ((scale >> 4) << 6);
    out[at + 4 + i] = leasts[i]! | ((least >> 4) << 6);
    out[at + 8 + i] = (scale & 15) | ((least & 15) << 4);
  }
  return at + 12;
}

/** Below this all values of a group count as zero. */
const SMALLEST = fround(1e-15);

/** Scale of a group of 16 with levels from -32 to 31, weighted by squares of the values (make_qx_quants, rmse_type 1). Levels are written plus 32. */
function searchScale(x: Float32Array, begin: number, levels: Uint8Array): number {
  const [n, half] = [16, 32];
  let [largest, signed] = [0, 0];
  for (let i = begin; i < begin + n; i++) {
    const size = Math.abs(x[i]!);
    if (size > largest) [largest, signed] = [size, x[i]!];
  }
  if (largest < SMALLEST) {
    levels.fill(0, begin, begin + n);
    return 0;
  }
  let inverse = fround(-half / signed);
  let [sumLX, sumL2] = [0, 0];
  for (let i = begin; i < begin + n; i++) {
    const value = x[i]!;
    const level = clamped(nearest(fround(inverse * value)), half);
    levels[i] = level + half;
    const weight = fround(value * value);
    sumLX = fround(sumLX + fround(fround(weight * value) * level));
    sumL2 = fround(sumL2 + fround(fround(weight * level) * level));
  }
  let scale = sumL2 === 0 ? 0 : fround(sumLX / sumL2);
  let best = fround(scale * sumLX);
  for (let step = -9; step <= 9; step++) {
    if (step === 0) continue;
    inverse = fround(-fround(half + fround(STEP * step)) / signed);
    [sumLX, sumL2] = [0, 0];
    for (let i = begin; i < begin + n; i++) {
      const value = x[i]!;
      const level = clamped(nearest(fround(inverse * value)), half);
      const weight = fround(value * value);
      sumLX = fround(sumLX + fround(fround(weight * value) * level));
      sumL2 = fround(sumL2 + fround(fround(weight * level) * level));
    }
    if (sumL2 > 0 && fround(sumLX * sumLX) > fround(best * sumL2)) {
      for (let i = begin; i < begin + n; i++) levels[i] = half + clamped(nearest(fround(inverse * x[i]!)), half);
      scale = fround(sumLX / sumL2);
      best = fround(scale * sumLX);
    }
  }
  return scale;
}

const clamped = (level: number, half: number): number => (level < -half ? -half : level > half - 1 ? half - 1 : level);

/** Q6_K: sixteen groups of 16 with scales of 8 bits, levels of 6 bits. */
export function quantiseQ6_K(x: Float32Array, out: Uint8Array): void {
  const levels = new Uint8Array(BLOCK);
  const scales = new Float32Array(16);
  const eights = new Int8Array(16);
  for (let begin = 0, at = 0; begin < x.length; begin += BLOCK, at += 210) {
    const block = x.subarray(begin, begin + BLOCK);
    let [maxScale, largest] = [0, 0];
    for (let group = 0; group < 16; group++) {
      const scale = searchScale(block, 16 * group, levels);
      scales[group] = scale;
      if (Math.abs(scale) > largest) [largest, maxScale] = [Math.abs(scale), scale];
    }
    if (largest < SMALLEST) {
      out.fill(0, at, at + 210);
      continue;
    }
    const inverse = fround(-128 / maxScale);
    const half = fround(1 / inverse);
    const scale = halfValue(halfBits(half));
    for (let group = 0; group < 16; group++) eights[group] = Math.min(127, nearest(fround(inverse * scales[group]!)));
    for (let group = 0; group < 16; group++) {
      const own = fround(scale * eights[group]!);
      if (own === 0) continue;
      for (let i = 16 * group; i < 16 * group + 16; i++) levels[i] = clamped(nearest(fround(block[i]! / own)), 32) + 32;
    }
    for (let part = 0; part < 2; part++) {
      for (let i = 0; i < 32; i++) {
        const four = [0, 32, 64, 96].map((offset) => levels[128 * part + offset + i]!) as [number, number, number, number];
        out[at + 64 * part + i] = (four[0] & 15) | ((four[2] & 15) << 4);
        out[at + 64 * part + 32 + i] = (four[1] & 15) | ((four[3] & 15) << 4);
        out[at + 128 + 32 * part + i] = (four[0] >> 4) | ((four[1] >> 4) << 2) | ((four[2] >> 4) << 4) | ((four[3] >> 4) << 6);
      }
    }
    out.set(new Uint8Array(eights.buffer), at + 192);
    writeHalf(half, out, at + 208);
  }
}

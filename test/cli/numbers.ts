import assert from 'node:assert/strict';
import type { SafetensorsFile } from '../../src/core/files/safetensors.js';

/** The values of an F32 tensor. */
export function floats(file: SafetensorsFile, name: string): Float32Array {
  const data = file.tensors.get(name)?.data;
  assert.ok(data instanceof Float32Array, `${name} is F32`);
  return data;
}

/** The values of an I32 tensor. */
export function integers(file: SafetensorsFile, name: string): Int32Array {
  const data = file.tensors.get(name)?.data;
  assert.ok(data instanceof Int32Array, `${name} is I32`);
  return data;
}

/** ‖a − b‖ / ‖b‖, summed in float64. */
export function relativeDistance(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  let distance = 0;
  let norm = 0;
  for (let i = 0; i < a.length; i++) {
    distance += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  return Math.sqrt(distance / norm);
}

/** Fails unless every value is within `limit` of the expected one, relative to its size where that is over 1. */
export function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, limit: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    assert.ok(difference <= limit * Math.max(1, Math.abs(expected[i]!)), `${what}[${i}]: ${actual[i]} against ${expected[i]}`);
  }
}

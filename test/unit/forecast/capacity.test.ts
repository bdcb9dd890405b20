import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';

import { WishboneError } from '../../../src/core/errors.js';
import { fullBin, memoryOf, suitedCapacity, type CapacityMeans } from '../../../src/core/forecast/capacity.js';
import { DEFAULT_RUNNER, DEFAULT_TRAINING, LEAST_CAPACITY } from '../../../src/core/options/index.js';
import { binCount } from '../../../src/core/plan/index.js';

const model = path.resolve(import.meta.dirname, '../../../examples/tiny-llama');
const request = { model, training: DEFAULT_TRAINING, runner: DEFAULT_RUNNER };
const GIB = 2 ** 30;

/** A machine with a GPU of which a token of a bin takes 4 MiB, beside 20 GiB that are always there. */
function machine(deviceBytes: number | undefined, name = 'cuda'): CapacityMeans & { asked: number[] } {
  const asked: number[] = [];
  return {
    asked,
    backends: async () => [{ name, available: true, devices: [{ name: 'a device' }] }],
    memory: async (_, { metadata }) => {
      asked.push(metadata.capacity);
      const bytes = 20 * GIB + metadata.capacity * 4 * 2 ** 20;
      const fits = deviceBytes === undefined ? {} : { deviceBytes, fits: bytes <= deviceBytes };
      return { backend: name, bytes, weights: 0, optimizer: 0, activations: 0, context: 0, ...fits };
    },
  };
}

test('on a GPU bins are as long as its memory leaves room for', async () => {
  assert.equal(await suitedCapacity(request, machine(141 * GIB)), 16384);
  const small = machine(80 * GIB);
  assert.equal(await suitedCapacity(request, small), 8192);
  assert.deepEqual(small.asked, [16384, 8192]);
  assert.equal(await suitedCapacity(request, machine(40 * GIB)), 4096);
  assert.equal(await suitedCapacity(request, machine(22 * GIB)), LEAST_CAPACITY, 'what does not fit at all is told elsewhere');
});

test('some of the memory is left alone', async () => {
  // 84 GiB are planned for 16,384 tokens: that alone would fit.
  assert.equal(await suitedCapacity(request, machine(85 * GIB)), 8192);
  assert.equal(await suitedCapacity(request, machine(92 * GIB)), 16384);
});

test('on a CPU, and where the device or the runner does not say, bins are as they always were', async () => {
  const cpu = machine(undefined, 'cpu');
  assert.equal(await suitedCapacity(request, cpu), LEAST_CAPACITY);
  assert.deepEqual(cpu.asked, [], 'nobody is asked');
  const gpu = machine(141 * GIB);
  assert.equal(await suitedCapacity({ ...request, runner: { ...DEFAULT_RUNNER, backend: 'cpu' } }, gpu), LEAST_CAPACITY);
  assert.deepEqual(gpu.asked, []);
  assert.equal(await suitedCapacity(request, machine(undefined)), LEAST_CAPACITY);
  const broken = { ...gpu, memory: () => Promise.reject(new WishboneError('no', 'there', 'then')) };
  assert.equal(await suitedCapacity(request, broken), LEAST_CAPACITY);
});

test('what memory is asked about is one bin, full to the last token', async () => {
  const plan = await fullBin(model, 16384);
  assert.equal(binCount(plan), 1);
  assert.equal(plan.tokens.length, 16384);
  assert.equal(plan.targetRow.length, 11008, 'two thirds are scored');
});

test('the runner says what such a bin takes, and longer ones more', async () => {
  const onCpu = { ...request, runner: { ...DEFAULT_RUNNER, backend: 'cpu' as const } };
  const bytes = async (capacity: number): Promise<number> => (await memoryOf(onCpu, await fullBin(model, capacity))).activations;
  assert.ok((await bytes(4096)) > 1.5 * (await bytes(2048)));
});

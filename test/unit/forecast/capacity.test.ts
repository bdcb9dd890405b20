import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import { WishboneError } from '../../../src/core/errors.js';
import { chosenRecompute, fullBin, suitedCapacity, type CapacityMeans } from '../../../src/core/forecast/capacity.js';
import { DEFAULT_RUNNER, DEFAULT_TRAINING, LEAST_CAPACITY, OPTION_PATHS, optionRow } from '../../../src/core/options/index.js';
import { binCount } from '../../../src/core/plan/index.js';
import { useRunner } from '../../../src/core/runner/index.js';
import { temporaryFolder } from '../run/support.js';

const model = path.resolve(import.meta.dirname, '../../../examples/tiny-llama');
const request = { model, training: DEFAULT_TRAINING, runner: DEFAULT_RUNNER };
const GIB = 2 ** 30;

/** A machine with a GPU of which a token of a bin takes 4 MiB, a quarter where all is computed again, beside 20 GiB always there. */
function machine(deviceBytes: number | undefined, name = 'cuda'): CapacityMeans & { asked: number[]; recompute: string[] } {
  const asked: number[] = [];
  const recompute: string[] = [];
  return {
    asked,
    recompute,
    backends: async () => [{ name, available: true, devices: [{ name: 'a device' }] }],
    memory: async ({ runner }, { metadata }) => {
      asked.push(metadata.capacity);
      recompute.push(runner.recompute);
      const bytes = 20 * GIB + metadata.capacity * (runner.recompute === 'block' ? 1 : 4) * 2 ** 20;
      const fits = deviceBytes === undefined ? {} : { deviceBytes, fits: bytes <= deviceBytes };
      return { backend: name, bytes, weights: 0, optimizer: 0, activations: 0, context: 0, ...fits };
    },
  };
}

test('on a GPU bins are as long as its memory leaves room for', async () => {
  assert.equal(await suitedCapacity(request, machine(141 * GIB)), 16896);
  const small = machine(80 * GIB);
  assert.equal(await suitedCapacity(request, small), 8448);
  assert.deepEqual(small.asked, [16896, 8448]);
  assert.equal(await suitedCapacity(request, machine(40 * GIB)), 4224);
  assert.equal(await suitedCapacity(request, machine(22 * GIB)), LEAST_CAPACITY, 'what does not fit at all is told elsewhere');
});

test('shorter bins come before activations computed again, and these before the shortest', async () => {
  const small = machine(30 * GIB);
  assert.equal(await suitedCapacity(request, small), 4224);
  assert.deepEqual(small.asked, [16896, 8448, 4224, 4224]);
  assert.deepEqual(small.recompute, ['none', 'none', 'none', 'block']);
  const asked = { ...request, runner: { ...DEFAULT_RUNNER, recompute: 'block' as const } };
  const block = machine(48 * GIB);
  assert.equal(await suitedCapacity(asked, block), 16896);
  assert.deepEqual(block.recompute, ['block']);
});

test('some of the memory is left alone', async () => {
  // 86 GiB are planned for 16,896 tokens: that alone would fit.
  assert.equal(await suitedCapacity(request, machine(87 * GIB)), 8448);
  assert.equal(await suitedCapacity(request, machine(94 * GIB)), 16896);
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

test('what is computed again is asked of the runner, about a bin as long as the slowest, once', async (context) => {
  const folder = await temporaryFolder(context);
  const [runner, seen] = [path.join(folder, 'runner'), path.join(folder, 'seen')];
  const memory = { backend: 'cuda', bytes: 7, weights: 1, optimizer: 2, activations: 4, context: 0 };
  const answers = async (answer: object): Promise<void> => {
    await writeFile(runner, `#!/bin/sh\ncat "$2/run.json" >> '${seen}'\necho '${JSON.stringify(answer)}'\n`, { mode: 0o755 });
    useRunner(runner);
  };
  context.after(() => useRunner(''));
  const asked = async (): Promise<readonly string[]> =>
    [...(await readFile(seen, 'utf8')).matchAll(/"capacity": (\d+)/g)].map(([, capacity]) => capacity!);
  const summary = { capacity: 4224, planTokens: 10 * 1000, bins: 10, slowestOverMean: 1.1 };
  const own = { ...request, runner: { ...DEFAULT_RUNNER, backend: 'cuda' as const } };

  await answers(memory);
  assert.equal(await chosenRecompute(own, summary), undefined, 'an older runner does not say');
  const recompute = { layers: 4, mlp: 1, block: 2 };
  await answers({ ...memory, recompute });
  assert.deepEqual(await chosenRecompute(own, summary), recompute);
  assert.deepEqual(await chosenRecompute(own, summary), recompute);
  assert.deepEqual(await asked(), ['1152', '1152'], 'what was no answer is asked again, what was one is not');
  assert.deepEqual(await chosenRecompute(own, { ...summary, planTokens: 1e6 }), recompute);
  assert.deepEqual((await asked()).at(-1), '4224', 'no bin is longer than the capacity');
  assert.equal(await chosenRecompute({ ...own, runner: { ...own.runner, recompute: 'mlp' } }, summary), undefined);
  assert.equal((await asked()).length, 3, 'what is not open is not asked');
});

test('what memory is asked about is one bin, full to the last token', async () => {
  const plan = await fullBin(model, 16896);
  assert.equal(binCount(plan), 1);
  assert.equal(plan.tokens.length, 16896);
  assert.equal(plan.targetRow.length, 11352, 'two thirds are scored');
});

test('which options take no memory is said in their rows, of none but numbers and names that only steer a run', () => {
  const free = OPTION_PATHS.filter((option) => optionRow(option)?.noMemory === true);
  const families =
    /^training\.(learning_rate|beta|lr_|warmup|num_decay|decay|min_lr|weight_decay|adam_(beta|eps)|max_grad|label_|eval_|sample_|save_|early_)/;
  assert.deepEqual(
    OPTION_PATHS.filter((option) => families.test(option) && !free.includes(option)),
    [],
  );
  // What weights, moments and activations are kept of.
  for (const option of ['dtype', 'use_peft', 'lora_r', 'adam_moments', 'loss_type', 'reference_model', 'sharding'])
    assert.ok(!(free as readonly string[]).includes(`training.${option}`), option);
});

// What the runner answers to the question that bins of "auto" are found with.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';

import { fullBin, memoryOf } from '../../src/core/forecast/capacity.js';
import { DEFAULT_RUNNER, DEFAULT_TRAINING } from '../../src/core/options/index.js';

const model = path.resolve(import.meta.dirname, '../../examples/tiny-llama');

test('the runner says what a full bin takes, and longer ones more', async () => {
  const request = { model, training: DEFAULT_TRAINING, runner: { ...DEFAULT_RUNNER, backend: 'cpu' as const } };
  const bytes = async (capacity: number): Promise<number> => (await memoryOf(request, await fullBin(model, capacity))).activations;
  assert.ok((await bytes(4096)) > 1.5 * (await bytes(2048)));
});

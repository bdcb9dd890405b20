import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSafetensors, type SafetensorsFile } from '../../src/core/safetensors.js';
import { floats, relativeDistance } from './numbers.js';
import { exampleData, exampleModel, runnerCommand, temporaryFolder, wishbone } from './support.js';

const options = ['--capacity', '4096', '--batch-size', '12', '--seed', '7'];

async function planExample(folder: string, sharing: 'none' | 'pair' | 'tree', ...more: string[]): Promise<string> {
  const file = join(folder, `${sharing}.safetensors`);
  const plan = await wishbone('plan', exampleData, '--model', exampleModel, '--sharing', sharing, '--out', file,
    '--json', ...options, ...more);
  assert.equal(plan.code, 0, plan.stderr);
  return file;
}

/** Per-response log-probabilities and the gradient of the first step, straight from the runner. */
async function logps(plan: string): Promise<SafetensorsFile> {
  const file = `${plan}.logps`;
  const result = await runnerCommand('logps', exampleModel, plan, '--out', file, '--gradients');
  assert.equal(result.code, 0, result.stderr);
  return readSafetensors(file);
}

for (const sharing of ['pair', 'tree'] as const) {
  test(`the example data: log-probabilities and gradients with sharing ${sharing} equal the naive ones`, async (t) => {
    const folder = await temporaryFolder(t);
    const shared = await logps(await planExample(folder, sharing));
    const naive = await logps(await planExample(folder, 'none'));

    const sharedLogps = floats(shared, 'logps');
    const naiveLogps = floats(naive, 'logps');
    assert.ok(sharedLogps.length >= 192, 'two responses of at least 96 pairs');
    sharedLogps.forEach((logp, sequence) => {
      const expected = naiveLogps[sequence]!;
      assert.ok(Number.isFinite(expected) && expected < 0);
      const difference = Math.abs(logp - expected) / Math.abs(expected);
      assert.ok(difference <= 1e-5, `sequence ${sequence}: ${logp} against ${expected}`);
    });

    const gradients = [...naive.tensors.keys()].filter((name) => name.startsWith('grad.'));
    assert.ok(gradients.length > 30, 'every parameter has a gradient');
    for (const name of gradients) {
      const distance = relativeDistance(floats(shared, name), floats(naive, name));
      assert.ok(distance <= 1e-5, `${name}: relative distance ${distance}`);
    }
  });
}

test('fifty steps of training: the loss curves of shared and naive agree to 1e-4', async (t) => {
  const folder = await temporaryFolder(t);
  const curves: Record<string, number[]> = {};
  for (const sharing of ['pair', 'none']) {
    const result = await wishbone('train', exampleData, '--model', exampleModel, '--preset', 'quick', '--sharing', sharing,
      '--batch-size', '4', '--epochs', '2', '--runs', join(folder, sharing), '--json');
    assert.equal(result.code, 0, result.stderr);
    const run = JSON.parse(result.stdout) as { folder: string };
    curves[sharing] = (await readFile(join(run.folder, 'events.jsonl'), 'utf8')).trim().split('\n')
      .map((line) => JSON.parse(line) as { type: string; loss: number })
      .filter((event) => event.type === 'step').map((event) => event.loss);
  }
  const shared = curves['pair']!.slice(0, 50);
  const naive = curves['none']!.slice(0, 50);
  assert.equal(shared.length, 50);
  assert.equal(naive.length, 50);
  assert.ok(Math.min(...naive) < 0.6, 'the curve goes somewhere');
  shared.forEach((loss, step) => {
    assert.ok(Math.abs(loss - naive[step]!) <= 1e-4, `step ${step + 1}: ${loss} against ${naive[step]}`);
  });
});

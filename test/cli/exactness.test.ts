import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readSafetensors, type SafetensorsFile } from '../../src/core/files/safetensors.js';
import { floats, relativeDistance } from './numbers.js';
import { exampleData, exampleModel, runnerCommand, temporaryFolder, wishbone } from './support.js';

const options = ['--capacity', '4096', '--batch-size', '12', '--seed', '7'];

/** A preference file of one's own, compared in full with `--batch-size 2000 --capacity 8192` (docs/benchmarks.md). */
const ownData = process.env['WISHBONE_TEST_DATA'];

async function planOf(folder: string, sharing: 'none' | 'pair' | 'tree', data: string, more: string[]): Promise<string> {
  const file = join(folder, `${sharing}.safetensors`);
  const plan = await wishbone('plan', data, '--model', exampleModel, '--sharing', sharing, '--out', file, '--json', ...more);
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

/** Mean sigmoid DPO loss over a plan's pairs with beta 0.1 and a reference of 0, as the runner's gradient has it. */
function loss(plan: SafetensorsFile, logps: Float32Array): number {
  const chosen = plan.tensors.get('pair_chosen')!.data as Int32Array;
  const rejected = plan.tensors.get('pair_rejected')!.data as Int32Array;
  const losses = [...chosen].map((id, pair) => Math.log1p(Math.exp(-0.1 * (logps[id]! - logps[rejected[pair]!]!))));
  return losses.reduce((sum, value) => sum + value, 0) / losses.length;
}

/** Compares pair and tree with naive: every response's log-probability, the loss, every gradient of the first step. */
async function compare(t: TestContext, data: string, more: string[]): Promise<void> {
  const folder = await temporaryFolder(t);
  const naivePlan = await planOf(folder, 'none', data, more);
  const naive = await logps(naivePlan);
  const naiveLogps = floats(naive, 'logps');
  const naiveFile = await readSafetensors(naivePlan);
  const naiveTokens = naiveFile.tensors.get('tokens')!.data.length;
  const gradients = [...naive.tensors.keys()].filter((name) => name.startsWith('grad.'));
  assert.ok(gradients.length > 30, 'every parameter has a gradient');
  for (const sharing of ['pair', 'tree'] as const) {
    const plan = await planOf(folder, sharing, data, more);
    const shared = await logps(plan);
    const sharedLogps = floats(shared, 'logps');
    assert.equal(sharedLogps.length, naiveLogps.length);
    let furthest = 0;
    sharedLogps.forEach((logp, sequence) => {
      const expected = naiveLogps[sequence]!;
      assert.ok(Number.isFinite(expected) && expected < 0);
      const difference = Math.abs(logp - expected) / Math.abs(expected);
      furthest = Math.max(furthest, difference);
      assert.ok(difference <= 1e-5, `${sharing}, sequence ${sequence}: ${logp} against ${expected}`);
    });
    const file = await readSafetensors(plan);
    const losses = [loss(file, sharedLogps), loss(naiveFile, naiveLogps)] as const;
    assert.ok(Math.abs(losses[0] - losses[1]) <= 1e-5 * losses[1], `${sharing}: loss ${losses.join(' against ')}`);
    let worst = 0;
    for (const name of gradients) {
      const distance = relativeDistance(floats(shared, name), floats(naive, name));
      worst = Math.max(worst, distance);
      assert.ok(distance <= 1e-5, `${sharing}, ${name}: relative distance ${distance}`);
    }
    const ratio = naiveTokens / file.tensors.get('tokens')!.data.length;
    t.diagnostic(
      `${sharing}: token ratio ${ratio.toFixed(3)}; loss ${losses[0]} against ${losses[1]}; furthest log-probability ` +
        `${furthest.toExponential(1)}, gradient ${worst.toExponential(1)}`,
    );
  }
}

test('the example data: log-probabilities, loss and gradients with sharing pair and tree equal the naive ones', async (t) => {
  await compare(t, exampleData, options);
});

test("data of one's own, in one step: pair and tree equal naive", { skip: ownData === undefined }, async (t) => {
  await compare(t, ownData!, ['--capacity', '8192', '--batch-size', '2000']);
});

test('fifty steps of training: the loss curves of shared and naive agree to 1e-4', async (t) => {
  const folder = await temporaryFolder(t);
  const curves: Record<string, number[]> = {};
  for (const sharing of ['pair', 'none']) {
    const result = await wishbone(
      'train',
      exampleData,
      '--model',
      exampleModel,
      '--preset',
      'quick',
      '--sharing',
      sharing,
      '--batch-size',
      '4',
      '--epochs',
      '2',
      '--max-steps',
      '50',
      '--runs',
      join(folder, sharing),
      '--json',
    );
    assert.equal(result.code, 0, result.stderr);
    const run = JSON.parse(result.stdout) as { folder: string };
    curves[sharing] = (await readFile(join(run.folder, 'events.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; loss: number })
      .filter((event) => event.type === 'step')
      .map((event) => event.loss);
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

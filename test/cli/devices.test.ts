import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { optionProblem } from '../../src/core/options/index.js';
import { readPlan } from '../../src/core/plan/index.js';
import { exampleData, exampleModel, runnerCommand, temporaryFolder, wishbone } from './support.js';

const QUICK = ['--model', exampleModel, '--preset', 'quick', '--batch-size', '8', '--max-steps', '2', '--threads', '1', '--backend', 'cpu'];

async function trained(
  t: Parameters<typeof temporaryFolder>[0],
  ...more: string[]
): Promise<{ folder: string; loss: number; devices: unknown }> {
  const ended = await wishbone('train', exampleData, ...QUICK, '--runs', await temporaryFolder(t), '--json', ...more);
  assert.equal(ended.code, 0, ended.stderr);
  const { folder, loss } = JSON.parse(ended.stdout) as { folder: string; loss: number };
  const { runner } = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as { runner: { devices: unknown } };
  return { folder, loss, devices: runner.devices };
}

test('a run on two parts of the CPU trains what one does, from a plan that gives both as much', async (t) => {
  const one = await trained(t);
  assert.equal(one.devices, 1, 'auto, on a CPU');
  const two = await trained(t, '--devices', '2');
  assert.equal(two.devices, 2);
  assert.ok(Math.abs(two.loss - one.loss) <= 1e-5 * Math.abs(one.loss), `${two.loss} ${one.loss}`);
  const { stepBinStart } = await readPlan(join(two.folder, 'plan.safetensors'));
  for (let step = 1; step < stepBinStart.length; step++) assert.equal((stepBinStart[step]! - stepBinStart[step - 1]!) % 2, 0);
});

test('what cannot be is one error', async (t) => {
  const runs = await temporaryFolder(t);
  const refused = await wishbone('train', exampleData, ...QUICK, '--runs', runs, '--devices', '0,1');
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /^error: GPUs are named for a run on the CPU\n {2}at: runner\.devices\n {2}fix: /);
});

test("the runner's bounds for devices are those of the option", async (t) => {
  const { folder } = await trained(t);
  const file = join(folder, 'run.json');
  const run = JSON.parse(await readFile(file, 'utf8')) as { runner: Record<string, unknown> };
  const list = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i);
  for (const devices of [1, 64, [0], [1023], list(64), 0, 65, 1.5, 'two', [], [0, 0], [-1], [1024], [0.5], ['0'], list(65)]) {
    // Lists are for GPUs; a runner without CUDA says that in other words than that a value is wrong.
    const backend = Array.isArray(devices) ? 'cuda' : 'cpu';
    await writeFile(file, JSON.stringify({ ...run, runner: { ...run.runner, backend, devices } }));
    const said = await runnerCommand('plan-memory', folder, '--json');
    const isRefused = /runner\.devices/.test(said.stderr);
    assert.equal(isRefused, optionProblem('runner.devices', devices) !== undefined, `${JSON.stringify(devices)}: ${said.stderr}`);
  }
});

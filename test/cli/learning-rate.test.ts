import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readRun } from '../../src/core/run/index.js';
import { briefData, exampleModel, temporaryFolder, wishbone } from './support.js';

/** Trains a step. @returns the learning rate of the run, and what was said */
async function trained(context: TestContext, ...flags: string[]): Promise<{ rate: number; stdout: string; stderr: string }> {
  const runs = join(await temporaryFolder(context), 'runs');
  const basics = [
    'train',
    briefData(),
    '--model',
    exampleModel,
    '--runs',
    runs,
    '--max-steps',
    '1',
    '--batch-size',
    '2',
    '--backend',
    'cpu',
  ];
  const { code, stdout, stderr } = await wishbone(...basics, ...flags);
  assert.equal(code, 0, stderr);
  const [, folder] = /^model +(.*)\/export$/m.exec(stdout) ?? [];
  return { rate: (await readRun(folder!)).config.training.learning_rate, stdout, stderr };
}

test('a run begins with the learning rate that suits model and method, and says so', async (context) => {
  const full = await trained(context);
  assert.equal(full.rate, 2e-4);
  assert.match(full.stdout, /^learning rate 2e-4: usual for 1\.0 million parameters, all of them trained$/m);
  assert.equal((await trained(context, '--use-peft')).rate, 1e-3);
  assert.equal((await trained(context, '--preset', 'gentle', '--eval-fraction', '0')).rate, 1e-4);
});

test('one that is given is taken, and warned of when nobody takes it', async (context) => {
  const given = await trained(context, '--learning-rate', '1e-6');
  assert.equal(given.rate, 1e-6);
  assert.match(given.stderr, /^warning: the learning rate 1e-6 is far below what is used for 1\.0 million parameters/m);
  assert.doesNotMatch(given.stdout, /^learning rate/m);
  assert.doesNotMatch((await trained(context, '--learning-rate', '5e-4')).stderr, /warning/);
});

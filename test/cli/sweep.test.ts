import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertOneError } from './one-error.js';
import { cli, exampleData, exampleModel, temporaryFolder, wishbone } from './support.js';

interface Answer {
  readonly left: number;
  readonly record: string;
  readonly trials: readonly { readonly name: string; readonly folder?: string; readonly state: string; readonly skipped?: string }[];
}

async function config(folder: string, sweep: object, more: object = {}): Promise<string> {
  const file = join(folder, 'rates.wishbone.json');
  const plan = { epochs: 1, batch_size: 8, max_steps: 3 };
  const settings = {
    version: 1,
    model: exampleModel,
    dataset: exampleData,
    runs: join(folder, 'runs'),
    plan,
    runner: { backend: 'cpu', threads: 1 },
  };
  await writeFile(file, JSON.stringify({ ...settings, ...more, sweep }));
  return file;
}

const sweep = async (...args: string[]): Promise<{ code: number | null; answer: Answer; stderr: string }> => {
  const { code, stdout, stderr } = await wishbone('sweep', ...args, '--json');
  return { code, answer: JSON.parse(stdout) as Answer, stderr };
};

test('a sweep trains a run of each combination, once', async (t) => {
  const folder = await temporaryFolder(t);
  const file = await config(folder, { values: { 'training.beta': [0.1, 0.3] }, seeds: [1] });
  const dry = await sweep(file, '--dry-run');
  assert.deepEqual(
    dry.answer.trials.map(({ name, state }) => [name, state]),
    [
      ['beta=0.1 seed=1', 'not started'],
      ['beta=0.3 seed=1', 'not started'],
    ],
  );
  const first = await sweep(file);
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.answer.left, 0);
  assert.ok(first.answer.trials.every(({ state }) => state === 'finished'));
  const run = JSON.parse(await readFile(join(first.answer.trials[1]!.folder!, 'run.json'), 'utf8')) as {
    name: string;
    training: { beta: number };
    plan: { seed: number };
  };
  assert.deepEqual([run.name, run.training.beta, run.plan.seed], ['rates beta=0.3 seed=1', 0.3, 1]);
  const again = await sweep(file);
  assert.deepEqual(again.answer.trials, first.answer.trials, 'nothing is done twice');
  const listed = await wishbone(
    'runs',
    '--runs',
    join(folder, 'runs'),
    '--csv',
    '--filter',
    '#rates',
    '--sort',
    'beta',
    '--columns',
    'beta',
  );
  assert.equal(listed.stdout, 'training.beta\n0.1\n0.3');
});

test('a sweep that was interrupted goes on where it was', async (t) => {
  const folder = await temporaryFolder(t);
  const plan = { epochs: 30, batch_size: 8, max_steps: 150 };
  const file = await config(folder, { values: { 'training.beta': [0.1, 0.3] } }, { plan });
  const child = spawn(process.execPath, [cli, 'sweep', file, '--json'], { stdio: 'ignore' });
  const ended = new Promise<number | null>((done) => child.on('exit', done));
  for (;;) {
    const { answer } = await sweep(file, '--dry-run');
    if (answer.trials[0]?.state === 'running') break;
    await sleep(300);
  }
  child.kill('SIGINT');
  assert.equal(await ended, 130);
  const { answer } = await sweep(file, '--dry-run');
  assert.deepEqual(
    answer.trials.map(({ state }) => state),
    ['stopped', 'not started'],
  );
  const whole = await sweep(file, '--skip', 'beta=0.3');
  assert.equal(whole.code, 0, whole.stderr);
  assert.deepEqual(
    whole.answer.trials.map(({ state, skipped }) => [state, skipped]),
    [
      ['finished', undefined],
      ['not started', 'passed over'],
    ],
  );
  assert.equal(whole.answer.trials[0]!.folder, answer.trials[0]!.folder, 'the run that was stopped is resumed');
});

test('a config of several runs is for the sweep alone, and one without is none', async (t) => {
  const folder = await temporaryFolder(t);
  const file = await config(folder, { seeds: [1, 2] });
  const train = await wishbone('train', file);
  assertOneError(train.stderr, [/of several runs/, /field sweep/, /wishbone sweep/]);
  assert.notEqual(train.code, 0);
  const none = await wishbone('sweep', await config(folder, undefined as unknown as object));
  assertOneError(none.stderr, [/has no sweep/]);
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path, { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertOneError } from './one-error.js';
import { briefData, cli, exampleModel, temporaryFolder, wishbone } from './support.js';

interface Answer {
  readonly left: number;
  readonly record: string;
  readonly trials: readonly {
    readonly name: string;
    readonly folder?: string;
    readonly state: string;
    readonly skipped?: string;
    readonly stopped_early?: { readonly rung: number; readonly step: number };
  }[];
}

interface KeptSweep {
  readonly halving: { readonly rungs: readonly { readonly step: number; readonly on: readonly string[] }[] };
}

async function config(folder: string, sweep: object, more: object = {}): Promise<string> {
  const file = join(folder, 'rates.wishbone.json');
  const plan = { epochs: 1, batch_size: 8, max_steps: 3 };
  const settings = {
    version: 1,
    model: exampleModel,
    dataset: briefData(),
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
  const longer = { plan: { epochs: 1, batch_size: 8, max_steps: 4 } };
  await config(folder, { values: { 'training.beta': [0.1, 0.3] }, seeds: [1] }, longer);
  const other = await wishbone('sweep', file, '--dry-run');
  assert.notEqual(other.code, 0);
  assertOneError(other.stderr, [/other settings now .*beta=0\.1 seed=1 and 1 more/]);
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
  const plan = { epochs: 30, batch_size: 4, max_steps: 300 };
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

/** Learning rates of which those that are too small are told after a few steps: two seeds each. */
const HOPELESS = {
  plan: { epochs: 30, batch_size: 4, max_steps: 200, eval_fraction: 0.2 },
  training: { eval_steps: 10 },
};

test('hopeless runs are stopped early, whatever ends the queue meanwhile, and can be resumed', async (t) => {
  const folder = await temporaryFolder(t);
  const block = { values: { 'training.learning_rate': [1e-7, 1e-4] }, seeds: [1, 2], halving: { min_steps: 10, factor: 2 } };
  const file = await config(folder, block, HOPELESS);
  // Killed as soon as it is at work: the run goes on alone, past the rung.
  const child = spawn(process.execPath, [cli, 'sweep', file, '--json'], { stdio: 'ignore' });
  const ended = new Promise((done) => child.on('exit', done));
  for (;;) {
    const { answer } = await sweep(file, '--dry-run');
    if (answer.trials[0]?.state === 'running') break;
    await sleep(100);
  }
  child.kill('SIGKILL');
  await ended;
  const whole = await sweep(file);
  assert.equal(whole.code, 0, whole.stderr);
  assert.equal(whole.answer.left, 0);
  const [first, second, third, fourth] = whole.answer.trials;
  for (const trial of [first, second]) assert.deepEqual(trial!.stopped_early, { rung: 1, step: 10 }, trial!.name);
  for (const trial of [third, fourth]) assert.deepEqual([trial!.state, trial!.stopped_early], ['finished', undefined], trial!.name);
  assert.equal(second!.state, 'stopped');
  const { halving } = JSON.parse(await readFile(whole.answer.record, 'utf8')) as KeptSweep;
  assert.deepEqual(
    halving.rungs.map(({ step, on }) => [step, on]),
    [[10, [third!.name, fourth!.name]]],
  );
  const told = await wishbone('sweep', file, '--dry-run');
  assert.match(told.stdout, /learning_rate=1e-7 seed=2 +stopped early by the sweep: rung 1, step 10/);
  const resumed = await wishbone('train', '--resume', second!.folder!, '--json');
  assert.equal(resumed.code, 0, resumed.stderr);
  const after = await sweep(file);
  assert.equal(after.code, 0);
  assert.deepEqual(
    after.answer.trials.map(({ folder: run }) => run),
    whole.answer.trials.map(({ folder: run }) => run),
    'nothing is done again',
  );
  assert.deepEqual((JSON.parse(await readFile(whole.answer.record, 'utf8')) as KeptSweep).halving, halving, 'what was decided stays');
});

test('early stopping without anything to evaluate on is refused by name', async (t) => {
  const folder = await temporaryFolder(t);
  const { code, stderr } = await wishbone(
    'sweep',
    await config(folder, { values: { 'training.learning_rate': [1e-7, 1e-4] }, halving: { min_steps: 10 } }),
  );
  assertOneError(stderr, [/needs data to evaluate on/, /field sweep\.halving/, /eval_dataset or plan\.eval_fraction/]);
  assert.notEqual(code, 0);
});

test('a sweep at work in a process of its own is told what to do, pauses, and goes on', async (t) => {
  const folder = await temporaryFolder(t);
  const plan = { epochs: 80, batch_size: 4, max_steps: 600 };
  const file = await config(folder, { values: { 'training.beta': [0.1, 0.2, 0.3, 0.4] } }, { plan });
  const nothing = await wishbone('sweep', file, '--pause');
  assertOneError(nothing.stderr, [/no process works on this sweep/]);
  const slip = await wishbone('sweep', file, '--first', 'beta=0.9');
  assertOneError(slip.stderr, [/no run of the sweep has "beta=0\.9" in its name/]);
  const started = await wishbone('sweep', file, '--detach', '--parallel', '2', '--first', 'beta=0.3', '--json');
  assert.equal(started.code, 0, started.stderr);
  const { pid } = JSON.parse(started.stdout) as { readonly pid: number };
  t.after(() => {
    try {
      process.kill(pid);
    } catch {
      // It has ended.
    }
  });
  const states = async (): Promise<string[]> => (await sweep(file, '--dry-run')).answer.trials.map(({ state }) => state);
  const until = async (is: (found: readonly string[]) => boolean): Promise<void> => {
    while (!is(await states())) await sleep(100);
  };
  await until((found) => found[2] === 'running' && found[0] === 'running');
  const second = await wishbone('sweep', file);
  assertOneError(second.stderr, [new RegExp(`a process works on this sweep already: ${pid}`)]);
  // What comes first is said while both are at work: passing over makes room, and another would be begun in it.
  for (const order of [['--first', 'beta=0.4'], ['--skip', 'beta=0.3'], ['--pause']]) {
    assert.equal((await wishbone('sweep', file, ...order)).code, 0, order.join(' '));
  }
  await until((found) => !found.includes('running') && !found.includes('stopping') && !found.includes('starting'));
  while ((await wishbone('sweep', file, '--pause')).code === 0) await sleep(100);
  const paused = (await sweep(file, '--dry-run')).answer;
  assert.equal(paused.trials[2]!.skipped, 'passed over');
  assert.equal(paused.trials[2]!.state, 'stopped');
  assert.ok(paused.trials.every(({ state }) => state !== 'finished'));
  const whole = await sweep(file, '--parallel', 'auto');
  assert.equal(whole.code, 0, whole.stderr);
  assert.deepEqual(
    whole.answer.trials.map(({ state }) => state),
    ['finished', 'finished', 'stopped', 'finished'],
  );
  // The one that was to come first was begun before the one that had not been.
  const created = (at: number): string => path.basename(whole.answer.trials[at]!.folder!);
  assert.ok(created(3) < created(1));
  assert.equal(whole.answer.trials[0]!.folder, paused.trials[0]!.folder);
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

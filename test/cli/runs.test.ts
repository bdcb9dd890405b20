import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertOneError } from './one-error.js';
import { cli, exampleData, exampleModel, outcome, temporaryFolder, wishbone } from './support.js';

const options = ['--model', exampleModel, '--preset', 'quick', '--batch-size', '4', '--save-steps', '5'];

async function trained(runs: string, name: string, ...more: string[]): Promise<string> {
  const { code, stdout, stderr } = await wishbone('train', exampleData, ...options, '--runs', runs, '--name', name, '--json', ...more);
  assert.equal(code, 0, stderr);
  return (JSON.parse(stdout) as { folder: string }).folder;
}

async function stepsDone(run: string, least: number): Promise<void> {
  for (;;) {
    const log = await readFile(join(run, 'events.jsonl'), 'utf8');
    if ((log.match(/"type":"step"/g)?.length ?? 0) >= least) return;
    await sleep(50);
  }
}

test('runs are listed, shown and compared by name, with the figures of their evaluation', async (t) => {
  const runs = join(await temporaryFolder(t), 'runs');
  const evaluated = ['--eval-fraction', '0.2', '--eval-steps', '5', '--max-steps', '10'];
  const first = await trained(runs, 'first', ...evaluated);
  await trained(runs, 'second', ...evaluated, '--beta', '0.3');

  const listed = await wishbone('runs', '--runs', runs);
  assert.match(listed.stdout, /^run +state +steps +loss/);
  assert.match(listed.stdout, /^second .*finished +10\/10 .*evaluation/m);
  assert.equal((await wishbone('runs', '--runs', runs, '--state', 'failed')).stdout.startsWith('none of the 2 runs'), true);
  const { runs: facts } = JSON.parse((await wishbone('runs', '--runs', runs, '--json')).stdout) as {
    runs: { name: string; figures: { of: string; step: number } }[];
  };
  assert.deepEqual(
    facts.map(({ name, figures }) => [name, figures.of, figures.step]),
    [
      ['second', 'evaluation', 10],
      ['first', 'evaluation', 10],
    ],
  );

  const sorted = await wishbone('runs', '--runs', runs, '--csv', '--sort', 'beta', '--columns', 'name,beta,training.learning_rate,step');
  assert.match(sorted.stdout, /^name,training\.beta,training\.learning_rate,step\nfirst,0\.1,[\d.e-]+,10\nsecond,0\.3,[\d.e-]+,10$/);
  const reversed = await wishbone('runs', '--runs', runs, '--csv', '--sort', '-beta', '--columns', 'name');
  assert.equal(reversed.stdout, 'name\nsecond\nfirst');
  assert.match(
    (await wishbone('runs', '--runs', runs, '--csv', '--filter', 'beta>0.1')).stdout,
    /^name,state,.*training\.beta.*\nsecond,finished,/,
  );
  const wrong = await wishbone('runs', '--runs', runs, '--sort', 'bta');
  assert.equal(wrong.code, 2);
  assertOneError(wrong.stderr, [/no column "bta"/, /did you mean "beta"/]);

  const shown = await wishbone('show', 'first', '--runs', runs, '--evals');
  assert.match(shown.stdout, /^state +finished$/m);
  assert.match(shown.stdout, /^loss .*\(evaluation at step 10\)$/m);
  assert.match(shown.stdout, /^ +max_steps +10$/m);
  assert.match(shown.stdout, /^time +\d+:\d\d in all; \d+(\.\d)?% of the time was training$/m);
  assert.match(shown.stdout, /^time went to +.*training [\d.]+ s, evaluation [\d.]+ s/m);
  assert.match(shown.stdout, /^5 +\d/m);
  assert.equal((await wishbone('show', 'latest', '--runs', runs, '--json')).stdout.includes('"name":"second"'), true);
  assert.equal((await wishbone('show', basename(first), '--runs', runs)).code, 0);

  // The second run was started after the first had measured this machine.
  const predicted = await wishbone('show', 'second', '--runs', runs);
  assert.match(predicted.stdout, /^predicted time +\d+:\d\d: .*training [\d.]+ s/m);
  assert.match(predicted.stdout, /^ +steps at the pace of first, /m);
  const planned = await wishbone('plan', exampleData, '--model', exampleModel, '--json');
  const { capacity } = JSON.parse(planned.stdout) as { capacity: number };
  const written = JSON.parse(await readFile(join(first, 'run.json'), 'utf8')) as { plan: { capacity: number } };
  assert.deepEqual([capacity, written.plan.capacity], [2048, 2048]);

  const log = join(first, 'events.jsonl');
  const lines = (await readFile(log, 'utf8')).trimEnd().split('\n');
  const told = { what: 'the checkpoint of step 4 could not be written', where: '/w', advice: 'Free some space.' };
  const warning = JSON.stringify({ seq: 9999, time: '2026-01-02T15:04:05.000Z', type: 'warning', ...told });
  await writeFile(log, `${[...lines.slice(0, -1), warning, lines.at(-1)].join('\n')}\n`);
  const warned = await wishbone('show', 'first', '--runs', runs);
  assert.match(warned.stdout, /^warning: the checkpoint of step 4 could not be written\n {2}at: \/w\n {2}fix: Free some space\.$/m);

  const compared = await wishbone('compare', 'first', 'second', '--runs', runs);
  assert.match(compared.stdout, /^training\.beta +0\.1 +0\.3$/m);
  assert.match(compared.stdout, /^state +finished +finished$/m);
  assert.match(compared.stdout, /^of it training +\d+(\.\d)?% +\d+(\.\d)?%$/m);
  const { runs: timed } = JSON.parse((await wishbone('compare', 'first', 'second', '--runs', runs, '--json')).stdout) as {
    runs: { time: { seconds: { train: number }; total: number; sessions: number; estimated: number } }[];
  };
  for (const { time } of timed) {
    assert.ok(time.seconds.train > 0 && time.seconds.train < time.total);
    assert.deepEqual([time.sessions, time.estimated], [1, 0]);
  }
  assert.doesNotMatch(compared.stdout, /plan\.batch_size/);
});

test('a name that means no run, or several, says so', async (t) => {
  const runs = join(await temporaryFolder(t), 'runs');
  const none = await wishbone('show', 'anything', '--runs', runs);
  assertOneError(none.stderr, [/no runs yet/]);
  await trained(runs, 'twin-a', '--max-steps', '2');
  await trained(runs, 'twin-b', '--max-steps', '2');
  assertOneError((await wishbone('show', 'twin', '--runs', runs)).stderr, [/matches 2 runs/]);
  assertOneError((await wishbone('stop', 'twin-c', '--runs', runs)).stderr, [/no run is called "twin-c"/, /did you mean twin-[ab]/]);
  assertOneError((await wishbone('show', runs, '--runs', runs)).stderr, [/not a run folder/]);
  const strange = await wishbone('runs', '--runs', runs, '--filter', 'bta>0.01');
  assert.equal(strange.code, 2);
  assertOneError(strange.stderr, [/there is no column "bta"/, /did you mean "beta"/]);
  for (const [filter, says, advice] of [
    ['beta>>3', /">>" is no comparison/, /write >, or put text in quotes/],
    ['twin beta>abc', /"abc" is no number, and beta is one/, /write a number behind beta>/],
    ['#', /nothing stands behind "#"/, /write a value/],
  ] as const) {
    const { code, stderr } = await wishbone('runs', '--runs', runs, '--filter', filter);
    assert.equal(code, 2, filter);
    assertOneError(stderr, [says, /--filter/, advice]);
  }
  for (const filter of ['beta>99', '"beta>>3"'])
    assert.match((await wishbone('runs', '--runs', runs, '--filter', filter)).stdout, /none of the 2 runs/);
  assertOneError((await wishbone('stop', 'twin-a', '--runs', runs)).stderr, [/this run is not running.*finished/]);
  assertOneError((await wishbone('compare', 'twin-a', '--runs', runs)).stderr, [/a single run cannot be compared/]);
});

test('stop ends a run cleanly, and it can go on', async (t) => {
  const runs = join(await temporaryFolder(t), 'runs');
  const started = await wishbone(
    'train',
    exampleData,
    ...options,
    '--epochs',
    '50',
    '--runs',
    runs,
    '--name',
    'long',
    '--detach',
    '--json',
  );
  const { folder } = JSON.parse(started.stdout) as { folder: string };
  await stepsDone(folder, 3);
  const stopped = await wishbone('stop', 'long', '--runs', runs, '--json');
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.equal((JSON.parse(stopped.stdout) as { state: string }).state, 'stopped');
  assert.match((await wishbone('show', 'long', '--runs', runs)).stdout, /continue with: wishbone train --resume/);
});

test('what the runner goes on without is said once, and time is that of all starts', async (t) => {
  const runs = join(await temporaryFolder(t), 'runs');
  const started = await wishbone('train', exampleData, ...options, '--max-steps', '40', '--runs', runs, '--detach', '--json');
  const { folder } = JSON.parse(started.stdout) as { folder: string };
  await stepsDone(folder, 1);
  assert.equal((await wishbone('stop', folder)).code, 0);
  // No checkpoint can be written where a file is in the way; there is none to go on from either.
  await rm(join(folder, 'checkpoints'), { recursive: true });
  await writeFile(join(folder, 'checkpoints'), '');
  const resumed = await wishbone('train', '--resume', folder);
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.equal(
    resumed.stderr.match(/^warning: the checkpoint of step 5 could not be written: .*checkpoints\)\. The run goes on/gm)?.length,
    1,
  );
  assert.match(resumed.stdout, /^time +\d+:\d\d in all over 2 starts; \d+(\.\d)?% of the time was training$/m);
  const shown = await wishbone('show', folder);
  assert.match(
    shown.stdout,
    /^warning: the checkpoint of step 5 could not be written.*\n {2}at: .*checkpoints\n {2}fix: The run goes on and tries again\./m,
  );
  // Both starts have said themselves where their time went, the one that was stopped too.
  assert.match(shown.stdout, /^time went to .*training/m);
  assert.doesNotMatch(shown.stdout, /by the times of its events/);
  const { time } = JSON.parse((await wishbone('show', folder, '--json')).stdout) as { time: { sessions: number; estimated: number } };
  assert.deepEqual([time.sessions, time.estimated], [2, 0]);
});

test('Ctrl-C ends with 130 when the run is not done, and without a terminal progress is lines', async (t) => {
  const runs = join(await temporaryFolder(t), 'runs');
  const { execa } = await import('execa');
  const child = execa(process.execPath, [cli, 'train', exampleData, ...options, '--epochs', '400', '--runs', runs], {
    reject: false,
    stdin: 'ignore',
    env: { WISHBONE_PROGRESS_SECONDS: '0.3' },
  });
  let said = '';
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (text: Buffer) => {
      said += text.toString('utf8');
      if (/^step \d+\/\d+ .*loss/m.test(said)) resolve();
    });
    void child.then(() => resolve());
  });
  assert.match(said, /^step \d+\/\d+ {2}loss \d/m);
  assert.doesNotMatch(said, /\x1b|\r/);
  child.kill('SIGINT');
  const { exitCode, stdout } = await child;
  assert.equal(exitCode, 130);
  assert.match(stdout, /^stopped +continue with: wishbone train --resume/m);
});

test('the shell is told of commands, options, choices and runs', async (t) => {
  const script = await wishbone('completion', 'bash');
  assert.equal(script.code, 0, script.stderr);
  assert.match(script.stdout, /complete .*wishbone/);
  const suggested = async (...words: string[]): Promise<string> => (await wishbone('complete', '--', ...words)).stdout;
  assert.match(await suggested(''), /^train\t/m);
  assert.match(await suggested('train', '--sha'), /^--sharing/m);
  assert.match(await suggested('train', '--sharing', ''), /^pair/m);
  // Runs are those below the folder that the shell is in.
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, '.wishbone/runs/20260102-150405-harbor'), { recursive: true });
  for (const words of ["show ''", "sample ''", "train --resume ''"]) {
    const { stdout } = await outcome('bash', [
      '-c',
      `cd "$1" && exec "$2" "$3" complete -- ${words}`,
      'bash',
      folder,
      process.execPath,
      cli,
    ]);
    assert.match(stdout, /^20260102-150405-harbor/m, words);
  }
});

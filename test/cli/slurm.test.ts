import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { stopJob } from '../../src/core/slurm/index.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { SlurmCluster, whyNoSlurm } from '../support/slurm.js';
import { cli, exampleData, exampleModel, type Outcome, outcome } from './support.js';

const skip = whyNoSlurm() ?? false;
let cluster: SlurmCluster;

before(async () => {
  if (skip !== false) return;
  cluster = await SlurmCluster.start();
  Object.assign(process.env, cluster.env, { WISHBONE_SLURM_SECONDS: '1' });
});
after(() => (skip === false ? cluster.stop() : undefined));

const TARGETS = {
  one: { timeLimit: '60', options: ['--job-name=of-the-target'] },
  short: { timeLimit: '1' },
  both: { nodes: 2 },
  none: { partition: 'nowhere' },
};
const QUICK = ['--model', exampleModel, '--preset', 'quick', '--batch-size', '4', '--threads', '1'];
/** A run that only ends when it is told to. */
const ENDLESS = [...QUICK, '--epochs', '1000', '--save-steps', '0'];

/** A folder with targets, in which runs are started. */
async function workspace(t: TestContext): Promise<(...args: string[]) => Promise<Outcome>> {
  const folder = await mkdtemp(join(tmpdir(), 'wishbone-cli-'));
  t.after(async () => {
    // Jobs write there as long as they are.
    for (const deadline = Date.now() + 30_000; cluster.says('squeue', '-h').trim() !== '' && Date.now() < deadline; await sleep(200))
      cluster.says('scancel', '--user=root');
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  });
  await mkdir(join(folder, '.vscode'));
  await writeFile(join(folder, '.vscode/settings.json'), `{\n  // Clusters\n  "wishbone.targets": ${JSON.stringify(TARGETS)},\n}\n`);
  return (...args) => outcome('env', ['-C', folder, process.execPath, cli, ...args]);
}

interface Facts {
  readonly folder: string;
  readonly state: string;
  readonly step: number;
  readonly job?: { readonly id: string; readonly state: string; readonly reason: string; readonly requeued: boolean };
  readonly checkpoints: readonly { readonly step: number }[];
}

interface Step {
  readonly type: string;
  readonly loss: number;
  readonly rank_seconds?: readonly number[];
}

async function factsOf(run: string): Promise<Facts> {
  const shown = await outcome(process.execPath, [cli, 'show', run, '--json']);
  assert.equal(shown.code, 0, shown.stderr);
  return JSON.parse(shown.stdout) as Facts;
}

async function until(run: string, what: string, isSo: (facts: Facts) => boolean, seconds = 90): Promise<Facts> {
  let facts = await factsOf(run);
  for (const deadline = Date.now() + 1000 * seconds; !isSo(facts); facts = await factsOf(run)) {
    if (Date.now() > deadline) {
      const log = await readFile(join(run, 'runner.log'), 'utf8').catch(() => 'no log');
      assert.fail(`${what}: ${JSON.stringify({ ...facts, config: undefined })}\n${cluster.says('squeue', '-t', 'all')}\n${log}`);
    }
    await sleep(300);
  }
  return facts;
}

async function submitted(started: Outcome): Promise<string> {
  assert.equal(started.code, 0, started.stderr);
  return (JSON.parse(started.stdout) as { folder: string }).folder;
}

async function starts(run: string): Promise<{ readonly resumedFrom: number | null }[]> {
  const lines = (await readFile(join(run, 'events.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line) as { type: string; resumedFrom: number | null }).filter(({ type }) => type === 'start');
}

test('a run is submitted, followed through the queue, and ends', { skip }, async (t) => {
  const wishbone = await workspace(t);
  const ended = await wishbone('train', exampleData, ...QUICK, '--max-steps', '4', '--target', 'one', '--json');
  assert.equal(ended.code, 0, ended.stderr);
  const { folder, state, step } = JSON.parse(ended.stdout) as Facts;
  assert.equal(state, 'finished');
  assert.equal(step, 4);
  assert.ok(existsSync(join(folder, 'export/model.safetensors')));
  assert.equal((await factsOf(folder)).state, 'finished');
  const script = await readFile(join(folder, 'job.sh'), 'utf8');
  assert.match(script, /^#SBATCH --signal=TERM@120$/m);
  assert.match(script, /^#SBATCH --requeue$/m);
});

test('a job that waits shows its reason, and one taken out of the queue is as it was', { skip }, async (t) => {
  const wishbone = await workspace(t);
  for (const _ of SlurmCluster.NODES) {
    const other = await submitted(await wishbone('train', exampleData, ...ENDLESS, '--target', 'one', '--detach', '--json'));
    await until(other, 'others run', ({ state, step }) => state === 'running' && step > 0);
  }
  const second = await submitted(await wishbone('train', exampleData, ...QUICK, '--target', 'one', '--detach', '--json'));
  const waiting = await until(second, 'the second waits', ({ job }) => /Resources|Priority/.test(job?.reason ?? ''));
  assert.equal(waiting.state, 'queued');
  const listed = await wishbone('runs');
  assert.match(listed.stdout, /queued \((Resources|Priority)\)/);
  const stopped = await wishbone('stop', second, '--json');
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.equal((JSON.parse(stopped.stdout) as Facts).state, 'planned');
  assert.equal((await factsOf(second)).state, 'planned');
  // And it can be given to it again.
  const again = await wishbone('train', '--resume', second, '--target', 'one', '--detach');
  assert.equal(again.code, 0, again.stderr);
  assert.equal((await factsOf(second)).state, 'queued');
});

test('stopping a job saves a checkpoint, and it goes on from there', { skip }, async (t) => {
  const wishbone = await workspace(t);
  const run = await submitted(await wishbone('train', exampleData, ...ENDLESS, '--target', 'one', '--detach', '--json'));
  await until(run, 'it runs', ({ state, step }) => state === 'running' && step >= 3);
  const refused = await wishbone('train', '--resume', run);
  assert.match(refused.stderr, /already running/);
  assert.equal((await wishbone('stop', run, '--json')).code, 0);
  const stopped = await until(run, 'it stopped', ({ state }) => state === 'stopped');
  assert.equal(stopped.checkpoints.at(-1)?.step, stopped.step);
  await sleep(3000);
  assert.equal((await factsOf(run)).state, 'stopped', 'what was stopped does not go on by itself');
  await wishbone('train', '--resume', run, '--target', 'one', '--detach');
  await until(run, 'it goes on', ({ state, step }) => state === 'running' && step > stopped.step);
  assert.equal((await starts(run)).at(-1)?.resumedFrom, stopped.step);
  assert.equal((await wishbone('stop', run, '--now')).code, 0);
  await until(run, 'it ended', ({ state }) => state === 'stopped' || state === 'crashed');
});

test('a run folder that names a job of another name cannot end it', { skip }, async (t) => {
  const wishbone = await workspace(t);
  const run = await submitted(await wishbone('train', exampleData, ...ENDLESS, '--target', 'one', '--detach', '--json'));
  const other = cluster.says('sbatch', '--parsable', '--job-name=mine', '--output=/dev/null', '--wrap=sleep 600').trim();
  const stateOf = (id: string): string => cluster.says('squeue', '-h', '-j', id, '-o', '%T').trim();
  for (const deadline = Date.now() + 30_000; stateOf(other) !== 'RUNNING'; await sleep(200))
    assert.ok(Date.now() < deadline, `the other job begins: ${stateOf(other)}`);
  for (const force of [false, true]) await stopJob(run, { target: 'one', id: other }, { force }).catch(() => undefined);
  await sleep(2000);
  assert.equal(stateOf(other), 'RUNNING');
});

test('before the time limit a run saves, goes back into the queue, and goes on', { skip }, async (t) => {
  const wishbone = await workspace(t);
  const run = await submitted(await wishbone('train', exampleData, ...ENDLESS, '--target', 'short', '--detach', '--json'));
  await until(run, 'it runs', ({ state, step }) => state === 'running' && step > 0);
  const queued = await until(run, 'it is queued again', ({ state }) => state === 'queued', 120);
  assert.equal(queued.job?.requeued, true);
  const resumed = await until(run, 'it goes on', ({ state, step }) => state === 'running' && step > queued.step, 120);
  assert.ok(resumed.step > queued.step);
  const { resumedFrom } = (await starts(run)).at(-1)!;
  assert.ok((resumedFrom ?? 0) > 0 && (resumedFrom ?? 0) >= queued.step, 'it goes on from where it was');
});

test('a node that goes down: the run waits for another and goes on', { skip }, async (t) => {
  const wishbone = await workspace(t);
  const saving = [...ENDLESS.slice(0, -1), '5'];
  const run = await submitted(await wishbone('train', exampleData, ...saving, '--target', 'one', '--detach', '--json'));
  await until(run, 'it runs', ({ state, checkpoints }) => state === 'running' && checkpoints.length > 0);
  const node = cluster.says('squeue', '-h', '-o', '%N').trim() as 'n1' | 'n2';
  await cluster.loseNode(node);
  await until(run, 'it goes on elsewhere', () => existsSync(join(run, 'events.jsonl')), 1);
  for (const deadline = Date.now() + 120_000; (await starts(run)).length < 2; await sleep(300))
    assert.ok(Date.now() < deadline, cluster.says('squeue', '-t', 'all'));
  assert.ok(((await starts(run)).at(-1)?.resumedFrom ?? 0) >= 5);
  await until(run, 'it runs again', ({ state }) => state === 'running');
  cluster.startNode(node);
});

test('what Slurm refuses is said in its words, and nothing is half written', { skip }, async (t) => {
  const wishbone = await workspace(t);
  const refused = await wishbone('train', exampleData, ...QUICK, '--target', 'none', '--json');
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /error: Slurm refuses the job: .*[Ii]nvalid partition/);
  assert.doesNotMatch(refused.stderr, /at .*\.js:\d/);
  const listed = await wishbone('runs', '--json');
  const [run] = (JSON.parse(listed.stdout) as { runs: Facts[] }).runs;
  assert.equal(run?.state, 'planned');
  const names = await readdir(run.folder);
  assert.ok(!names.includes('job.sh') && !names.includes('events.jsonl'), names.join());
  const unknown = await wishbone('train', exampleData, ...QUICK, '--target', 'nothing');
  assert.match(unknown.stderr, /there is no target "nothing"[\s\S]*there are: one, short, both, none/);
});

test('two machines work on one run together', { skip }, async (t) => {
  const wishbone = await workspace(t);
  const quick = ['--max-steps', '6', '--seed', '7', '--json'];
  const ended = await wishbone('train', exampleData, ...QUICK, ...quick, '--target', 'both');
  assert.equal(ended.code, 0, ended.stderr);
  const { folder, state, step } = JSON.parse(ended.stdout) as Facts;
  assert.deepEqual([state, step], ['finished', 6]);
  const events = (await readFile(join(folder, 'events.jsonl'), 'utf8')).trim().split('\n');
  const steps = events.map((line) => JSON.parse(line) as Step).filter(({ type }) => type === 'step');
  assert.deepEqual(
    steps.map(({ rank_seconds }) => rank_seconds?.length),
    Array.from(steps, () => 2),
    'a rank on each',
  );
  assert.match(await readFile(join(folder, 'job.sh'), 'utf8'), /^#SBATCH --nodes=2$/m);
  // What one machine makes of it.
  const alone = await wishbone('train', exampleData, ...QUICK, ...quick);
  assert.equal(alone.code, 0, alone.stderr);
  const other = (await readFile(join((JSON.parse(alone.stdout) as Facts).folder, 'events.jsonl'), 'utf8')).trim().split('\n');
  const losses = other.map((line) => JSON.parse(line) as Step).filter(({ type }) => type === 'step');
  steps.forEach(({ loss }, i) => assert.ok(Math.abs(loss / losses[i]!.loss - 1) < 1e-5, `step ${i + 1}: ${loss} and ${losses[i]!.loss}`));
});

test('a batch script that was changed by hand is kept', { skip }, async (t) => {
  const wishbone = await workspace(t);
  const run = await submitted(await wishbone('train', exampleData, ...ENDLESS, '--target', 'one', '--detach', '--json'));
  await until(run, 'it runs', ({ state, step }) => state === 'running' && step > 0);
  assert.equal((await wishbone('stop', run)).code, 0);
  await until(run, 'it stopped', ({ state }) => state === 'stopped');
  const script = join(run, 'job.sh');
  const written = await readFile(script, 'utf8');
  const mine = written.replace('\ncd ', '\ntouch "$run/mine"\ncd ').replace(/^#SBATCH --job-name=.*$/m, '#SBATCH --job-name=mine');
  await writeFile(script, mine);
  const refused = await wishbone('train', '--resume', run, '--target', 'short', '--detach');
  assert.match(refused.stderr, /changed by hand, and is for the target one[\s\S]*job\.sh[\s\S]*remove the file/);
  const again = await wishbone('train', '--resume', run, '--target', 'one', '--detach');
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stderr, /job\.sh was changed by hand and is submitted as it is/);
  assert.equal(await readFile(script, 'utf8'), mine);
  await until(run, 'it runs', ({ state }) => state === 'running');
  assert.ok(existsSync(join(run, 'mine')));
  // It is still ours to stop, whatever the script calls it.
  assert.equal((await wishbone('stop', run)).code, 0);
  await until(run, 'it stopped', ({ state }) => state === 'stopped');
  await rm(script);
  const anew = await wishbone('train', '--resume', run, '--target', 'one', '--detach');
  assert.equal(anew.code, 0, anew.stderr);
  assert.equal(await readFile(script, 'utf8'), written);
});

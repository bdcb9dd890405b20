import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { DEFAULT_RUNNER } from '../../../src/core/options/index.js';
import { decideTargetDevices } from '../../../src/core/runner/index.js';
import { batchScript, changedScript, findTarget, parseTargets, targetsOfFolder } from '../../../src/core/slurm/index.js';
import { temporaryFolder } from '../run/support.js';

const WHOLE = {
  partition: 'gpu',
  nodes: 2,
  gpusPerNode: 4,
  cpusPerTask: 32,
  memory: '200G',
  timeLimit: '1-12:00:00',
  account: 'lab',
  qos: 'high',
  options: ['--constraint=h100'],
  setup: ['module load cuda/13', 'export NCCL_DEBUG=WARN'],
  runner: '/shared/wishbone-runner',
};

test('targets are read, and what is wrong in one is said with its place', () => {
  assert.deepEqual(parseTargets({ big: WHOLE }, 's'), [{ ...WHOLE, name: 'big' }]);
  assert.deepEqual(parseTargets({ small: {} }, 's'), [{ name: 'small', nodes: 1, gpusPerNode: 0, options: [], setup: [] }]);
  assert.deepEqual(parseTargets(undefined, 's'), []);
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [[], /no object/],
    [{ 'a b': {} }, /name of a target/],
    [{ a: 3 }, /is an object/],
    [{ a: { node: 2 } }, /no field "node"/],
    [{ a: { nodes: 0 } }, /at least 1/],
    [{ a: { partition: 'gpu\n#SBATCH --wrap=x' } }, /name of a partition/],
    [{ a: { timeLimit: 'a day' } }, /a time as sbatch/],
    [{ a: { options: ['rm -rf'] } }, /an option of sbatch/],
    [{ a: { setup: ['one\ntwo'] } }, /a line of text/],
    [{ a: { runner: 'bin/runner' } }, /absolute path/],
  ];
  for (const [value, what] of wrong)
    assert.throws(
      () => parseTargets(value, 'settings.json'),
      (error) => error instanceof WishboneError && what.test(error.what),
      String(what),
    );
  assert.throws(() => findTarget(parseTargets({ big: {} }, 's'), 'bigg', 's'), /there is no target "bigg"/);
});

test('the setting in the manifest has the same fields', () => {
  const manifest = JSON.parse(readFileSync(path.resolve('package.json'), 'utf8')) as {
    contributes: { configuration: { properties: Record<string, { additionalProperties: { properties: object } }> }[] };
  };
  const all = [manifest.contributes.configuration]
    .flat()
    .map(({ properties }) => properties['wishbone.targets'])
    .find(Boolean)!;
  assert.deepEqual(Object.keys(all.additionalProperties.properties).sort(), Object.keys(WHOLE).sort());
});

test('targets of a folder are those of the nearest settings above it', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(path.join(folder, '.vscode'));
  await mkdir(path.join(folder, 'a/b'), { recursive: true });
  const file = path.join(folder, '.vscode/settings.json');
  await writeFile(file, '{ // c\n "wishbone.targets": { "big": { "nodes": 3, } } }');
  const { targets, where } = await targetsOfFolder(path.join(folder, 'a/b'));
  assert.equal(targets[0]?.nodes, 3);
  assert.equal(where, file);
  await writeFile(file, '{ "wishbone');
  await assert.rejects(targetsOfFolder(folder), /not valid JSON/);
});

test('devices of a run are those that its target asks for', () => {
  const devices = (runner: object, gpusPerNode: number): unknown =>
    decideTargetDevices({ ...DEFAULT_RUNNER, ...runner }, { name: 'big', gpusPerNode }).devices;
  assert.equal(devices({}, 4), 4);
  assert.equal(devices({}, 0), 1);
  assert.equal(devices({ devices: 2 }, 4), 2);
  assert.equal(devices({ backend: 'cpu' }, 4), 1);
  assert.throws(() => devices({ devices: 8 }, 4), /8 devices are asked for/);
  assert.throws(() => devices({ devices: [0, 1] }, 4), /Slurm decides which/);
});

/** Runs a batch script with an `srun` and a `scontrol` that note what they were called with. */
async function ran(folder: string, script: string, event: string): Promise<{ readonly calls: string; readonly code: number }> {
  const bin = path.join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  const log = path.join(folder, 'calls');
  await writeFile(log, '');
  const note = `echo "$(basename "$0") $*" >> "${log}"`;
  await writeFile(path.join(bin, 'srun'), `#!/bin/sh\n${note}\nprintf '%s\\n' '${event}' >> events.jsonl\n`);
  await writeFile(path.join(bin, 'scontrol'), `#!/bin/sh\n${note}\n`);
  for (const name of ['srun', 'scontrol']) await chmod(path.join(bin, name), 0o755);
  await writeFile(path.join(folder, 'job.sh'), script);
  const env = { PATH: `${bin}:${process.env['PATH']}`, SLURM_JOB_ID: '7' };
  execFileSync('bash', [path.join(folder, 'job.sh')], { env, stdio: 'ignore' });
  return { calls: await readFile(log, 'utf8'), code: 0 };
}

test('the batch script starts, goes on, and gives itself back to the queue only when it was interrupted', async (t) => {
  const folder = path.join(await temporaryFolder(t), "it's a run");
  await mkdir(folder);
  const [target] = parseTargets({ big: WHOLE }, 's');
  const script = batchScript({ target: { ...target!, setup: [] }, folder, id: 'run-1', runner: '/bin/runner' });
  for (const line of [
    '--nodes=2',
    '--gpus-per-node=4',
    '--constraint=h100',
    '--requeue',
    '--signal=TERM@120',
    '--qos=high',
    '--time=1-12:00:00',
  ])
    assert.ok(script.includes(`#SBATCH ${line}\n`), line);
  const first = await ran(folder, script, '{"seq":1,"type":"stopped","step":4}');
  assert.equal(first.calls, `srun --kill-on-bad-exit=1 /shared/wishbone-runner train ${folder}\nscontrol requeue 7\n`);
  assert.equal(JSON.parse(await readFile(path.join(folder, 'job.json'), 'utf8')).id, '7');
  assert.ok(await readFile(path.join(folder, 'job.requeued')));
  const second = await ran(folder, script, '{"seq":2,"type":"finished"}');
  assert.equal(second.calls, `srun --kill-on-bad-exit=1 /shared/wishbone-runner train ${folder} --resume\n`);
  await assert.rejects(readFile(path.join(folder, 'job.requeued')));
  // Whoever has asked it to stop does not want it to go on.
  await writeFile(path.join(folder, 'job.stop'), '');
  assert.equal((await ran(folder, script, '{"type":"stopped"}')).calls, '');
  assert.throws(() => batchScript({ target: target!, folder: '/a"b', id: 'r', runner: '/r' }), /batch script/);
  const withSetup = batchScript({ target: target!, folder, id: 'run-1', runner: '/bin/runner' });
  assert.ok(withSetup.includes('\nmodule load cuda/13\nexport NCCL_DEBUG=WARN\n'));
});

test('a batch script that was changed by hand is known by that, whatever was changed', async (t) => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'job.sh');
  const [target] = parseTargets({ big: WHOLE }, 's');
  const script = batchScript({ target: target!, folder, id: 'run-1', runner: '/bin/runner' });
  assert.equal(await changedScript(folder), undefined, 'there is none');
  await writeFile(file, script);
  assert.equal(await changedScript(folder), undefined);
  const changes: readonly (readonly [string, string, string | undefined])[] = [
    ['a line more', script.replace('\ncd ', '\nexport X=1\ncd '), 'big'],
    ['an option less', script.replace('#SBATCH --qos=high\n', ''), 'big'],
    ['a blank at the end', `${script} `, 'big'],
    ['without the line that says so', script.replace(/^# As Wishbone.*\n/m, ''), 'big'],
    ['another file', '#!/bin/sh\nexit 0\n', undefined],
    ['nothing', '', undefined],
  ];
  for (const [what, text, of] of changes) {
    assert.notEqual(text, script, what);
    await writeFile(file, text);
    assert.deepEqual(await changedScript(folder), { file, target: of }, what);
  }
});

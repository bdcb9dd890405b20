// Interrupts real runs in every way a machine can, and sees whether each goes on to the very bytes of one that was left
// alone.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../shell.mjs';
import { Random } from './random.mjs';

const runner = path.join(root, 'dist/bin/wishbone-runner');
const atSyscall = path.join(root, 'build/native/test/at_syscall');
const errors = {
  ENOSPC: os.constants.errno.ENOSPC,
  EIO: os.constants.errno.EIO,
  EDQUOT: os.constants.errno.EDQUOT,
  EACCES: os.constants.errno.EACCES,
};

const hash = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');

/** What a run is judged by: the trained weights, what it recorded of its pairs, and that nothing half-made lies about. */
function resultOf(folder) {
  const model = path.join(folder, 'export/model.safetensors');
  if (!existsSync(model)) return 'there is no export';
  const names = [folder, path.join(folder, 'checkpoints')].flatMap((each) => (existsSync(each) ? readdirSync(each) : []));
  const left = names.filter((name) => name.startsWith('.wishbone-tmp-'));
  return left.length > 0 ? `left behind: ${left.join(', ')}` : `${hash(model)} ${hash(path.join(folder, 'pairs.bin'))}`;
}

/** @returns how often what was done, faults and losses */
export async function killRuns({ base, scratch, seed, until, failing }) {
  const random = new Random(seed, 'kills');
  const rows = {};
  const count = (name) => (rows[name] = (rows[name] ?? 0) + 1);
  let [kills, faults, lost] = [0, 0, 0];
  mkdirSync(scratch, { recursive: true });
  const cache = path.join(scratch, 'cache');
  const env = { ...process.env, WISHBONE_CACHE: cache };
  const laidOut = (name) => {
    const folder = path.join(scratch, name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    for (const file of ['run.json', 'plan.safetensors', 'eval-plan.safetensors'])
      cpSync(path.join(base, 'run', file), path.join(folder, file));
    return folder;
  };
  const train = (folder, more = [], [program, ...before] = [runner]) =>
    spawnSync(program, [...before, ...(program === runner ? [] : [runner]), 'train', folder, ...more], {
      env,
      encoding: 'utf8',
      timeout: 60_000,
    });
  const fault = (what, folder, isLoss = false) => {
    faults++;
    if (isLoss) lost++;
    const kept = path.join(failing, `run-${seed}-${kills}`);
    cpSync(folder, kept, { recursive: true });
    console.log(`${isLoss ? 'data lost' : 'fault'}: ${what}\n  kept as ${kept}`);
  };
  const whole = laidOut('whole');
  const first = train(whole);
  if (first.status !== 0) throw new Error(`the run that is left alone fails: ${first.stderr}`);
  const expected = resultOf(whole);
  /** Goes on with a run that was interrupted. */
  const resume = (folder, how) => {
    const { status, stderr } = train(folder, ['--resume']);
    if (status !== 0)
      return fault(`${how}: it does not go on (${status}): ${stderr.trim().split('\n').slice(-3).join(' | ')}`, folder, true);
    const result = resultOf(folder);
    if (result !== expected)
      fault(`${how}: ${/^[0-9a-f]{64} /.test(result) ? 'it goes on to other weights, or records other pairs' : result}`, folder, true);
  };
  const canTrace = existsSync(atSyscall) && spawnSync(atSyscall, ['count', '/bin/true']).status === 0;
  if (!canTrace)
    console.log(
      'kills at single system calls and injected errors: skipped, at_syscall is not built or this system lets nobody follow a program',
    );
  let calls = 0;
  if (canTrace) calls = Number(train(laidOut('counted'), [], [atSyscall, 'count']).stdout.trim().split('\n').at(-1));
  // Every system call once, in an order that covers all of the run however little time there is.
  const order = Array.from({ length: calls }, (_, i) => i + 1)
    .map((n) => [random.share(), n])
    .sort((a, b) => a[0] - b[0])
    .map(([, n]) => n);
  const fails = order.flatMap((n) => [[random.share(), n, random.of(Object.keys(errors))]]).sort((a, b) => a[0] - b[0]);

  const kinds = [
    async () => {
      const folder = laidOut('killed');
      for (let times = 1 + random.below(3); times > 0; times--) {
        const child = spawn(runner, ['train', folder, ...(existsSync(path.join(folder, 'events.jsonl')) ? ['--resume'] : [])], {
          env,
          stdio: 'ignore',
        });
        const ended = new Promise((done) => child.once('exit', done));
        await Promise.race([ended, sleep(random.below(700))]);
        child.kill('SIGKILL');
        await ended;
        kills++;
        count('killed at a random time');
      }
      resume(folder, 'killed at a random time');
    },
    async () => {
      if (order.length === 0) return false;
      const n = order.pop();
      const folder = laidOut('at-call');
      train(folder, [], [atSyscall, 'kill', String(n)]);
      kills++;
      count('killed at a system call');
      resume(folder, `killed at system call ${n} of ${calls}`);
    },
    async () => {
      if (fails.length === 0) return false;
      const [, n, name] = fails.pop();
      const folder = laidOut('failed-call');
      const { status, stderr } = train(folder, [], [atSyscall, 'fail', String(n), String(errors[name])]);
      kills++;
      count(`${name} injected`);
      const how = `${name} at system call ${n} of ${calls}`;
      // What is only kept for later may fail without harm; all else is said.
      if (status !== 0 && !/^error: .+\n {2}at: .+\n {2}fix: .+$/m.test(stderr))
        fault(`${how}: ends without words (${status}): ${stderr.slice(-300)}`, folder);
      if (status !== 0) resume(folder, how);
      else if (resultOf(folder) !== expected) fault(`${how}: ${resultOf(folder)}`, folder, true);
    },
    async () => {
      // A file may grow to so many blocks of 1 KiB, as on a disk that is full.
      const folder = laidOut('full');
      const blocks = 1 + random.below(random.of([20, 300, 700]));
      const { status, stderr } = spawnSync('bash', ['-c', `ulimit -f ${blocks}; exec "$0" train "$1"`, runner, folder], {
        env,
        encoding: 'utf8',
        timeout: 60_000,
      });
      kills++;
      count('full disks (limit of a file)');
      if (status !== 0 && !/^error: .+\n {2}at: .+\n {2}fix: .+$/m.test(stderr))
        fault(`no room beyond ${blocks} KiB: ends without words (${status}): ${stderr.slice(-300)}`, folder);
      resume(folder, `no room beyond ${blocks} KiB`);
    },
    async () => {
      const folder = laidOut('twice');
      const child = spawn(runner, ['train', folder], { env, stdio: 'ignore' });
      await sleep(100 + random.below(300));
      child.kill('SIGKILL');
      await new Promise((done) => child.once('exit', done));
      const both = [0, 1].map(() => spawn(runner, ['train', folder, '--resume'], { env, stdio: 'ignore' }));
      const codes = await Promise.all(both.map((each) => new Promise((done) => each.once('exit', done))));
      kills++;
      count('resumed twice at once');
      if (codes.some((code) => code !== 0 && code !== 3)) fault(`resumed twice at once: exit codes ${codes.join(' and ')}`, folder);
      if (!codes.includes(0)) resume(folder, 'resumed twice at once');
      else if (resultOf(folder) !== expected) fault(`resumed twice at once: ${resultOf(folder)}`, folder, true);
    },
    tmpfs(
      scratch,
      env,
      laidOut,
      (...all) => fault(...all),
      resume,
      () => {
        kills++;
        count('full disks (tmpfs)');
      },
      random,
    ),
  ];
  for (let turn = 0; Date.now() < until; turn++) await kinds[turn % kinds.length]();
  if (canTrace) rows[`system calls of one run`] = calls;
  return { kills, rows, faults, lost };
}

/** Runs on a disk that is really full, where one can be mounted: as root, that is. */
function tmpfs(scratch, env, laidOut, fault, resume, done, random) {
  const disk = path.join(scratch, 'disk');
  mkdirSync(disk, { recursive: true });
  const mount = (kib) => spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', disk], { stdio: 'ignore' }).status === 0;
  if (!mount(64)) {
    console.log('full disks of their own: skipped, no tmpfs can be mounted here (needs root)');
    return async () => false;
  }
  spawnSync('umount', [disk]);
  return async () => {
    const from = laidOut('on-disk');
    const kib = 900 + random.below(4000);
    if (!mount(kib)) return;
    try {
      const folder = path.join(disk, 'run');
      cpSync(from, folder, { recursive: true });
      const { status, stderr } = spawnSync(runner, ['train', folder], { env, encoding: 'utf8', timeout: 60_000 });
      done();
      if (status !== 0 && !/^error: .+\n {2}at: .+\n {2}fix: .+$/m.test(stderr))
        fault(`a disk of ${kib} KiB: ends without words (${status}): ${stderr.slice(-300)}`, folder);
      // Elsewhere there is room.
      rmSync(from, { recursive: true, force: true });
      cpSync(folder, from, { recursive: true });
      resume(from, `a disk of ${kib} KiB`);
    } catch (error) {
      if (error.code !== 'ENOSPC') throw error;
    } finally {
      spawnSync('umount', [disk]);
    }
  };
}

// What following a long run costs: `npm run bench:follow [-- --steps 200000 --rate 10 --seconds 30]`. `wishbone train --resume`
// follows a run whose log holds that many steps and grows by `rate` a second; a program that only writes events stands for the
// runner. Prints the share of a core that the command takes, and that of the part of the extension that follows runs.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { LiveRun } from '../src/extension/runs/live-run.ts';
import { makeRun } from '../test/e2e/support/made-runs.ts';
import { startLine, stepLine } from '../test/unit/run/support.ts';
import { Failure, main, root } from './shell.mjs';

/** Steps of a log are written, and the command has read them, before anything is measured. */
const SETTLING_SECONDS = 10;
/** A second of the clock that the kernel counts processes' time with. */
const TICKS = 100;

/** What the runner would be: appends a start and then steps, until it is told to end. */
const stand = (steps, rate) => `#!${process.execPath}
const { appendFileSync, readFileSync } = require('node:fs');
const line = (seq, fields) => appendFileSync('events.jsonl', JSON.stringify({ ...fields, seq, time: new Date().toISOString() }) + '\\n');
const start = ${startLine({ steps: 2 * steps, resumedFrom: steps }).trim()};
const step = ${stepLine(steps, { steps: 2 * steps }).trim()};
const pidStart = Number(readFileSync('/proc/self/stat', 'latin1').split(') ').at(-1).split(' ')[19]);
const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
let seq = ${steps + 1};
line(seq++, { ...start, pid: process.pid, pidStart, bootId });
let at = ${steps};
setInterval(() => line(seq++, { ...step, step: ++at }), ${1000 / rate});
process.on('SIGTERM', () => {
  line(seq++, { type: 'finished', step: at, seconds: 1 });
  process.exit(0);
});
`;

/** Seconds of a core that a process has taken, all threads together. */
async function coreSeconds(pid) {
  const fields = (await readFile(`/proc/${pid}/stat`, 'latin1')).split(') ').at(-1).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

async function benchFollow({ steps, rate, seconds }) {
  const folder = await mkdtemp(join(tmpdir(), 'wishbone-follow-'));
  try {
    const lines = Array.from({ length: steps }, (_, i) => stepLine(i + 1, { steps: 2 * steps }));
    const run = await makeRun(folder, 'a long run', { events: startLine({ steps: 2 * steps }) + lines.join('') });
    const runner = join(folder, 'runner');
    await writeFile(runner, stand(steps, rate), { mode: 0o700 });
    const cli = spawn(process.execPath, [join(root, 'dist/cli.js'), 'train', '--resume', run], {
      env: { ...process.env, WISHBONE_RUNNER: runner },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    cli.stderr.on('data', (text) => (said += text));
    const ended = new Promise((done) => cli.once('exit', done));
    await Promise.race([ended, sleep(1000 * SETTLING_SECONDS)]);
    if (cli.exitCode !== null) throw new Failure(`bench:follow: the command ended: ${said}`);
    const live = await LiveRun.open(run);
    await sleep(1000);
    const [before, own, begin] = [await coreSeconds(cli.pid), process.cpuUsage(), performance.now()];
    const first = live.history.step;
    await sleep(1000 * seconds);
    const [command, { user, system }] = [(await coreSeconds(cli.pid)) - before, process.cpuUsage(own)];
    const took = (performance.now() - begin) / 1000;
    const [seen, { state }] = [live.history.step - first, live];
    live.dispose();
    cli.kill('SIGINT');
    await ended;
    const share = (used) => `${((100 * used) / took).toFixed(1)} % of a core`;
    console.log(`following ${steps} steps, ${seen} more in ${took.toFixed(1)} s (the run is ${state})`);
    console.log(`wishbone train: ${share(command)}\nthe extension's: ${share((user + system) / 1e6)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main(() => {
  const number = (value) => ({ type: 'string', default: String(value) });
  const { values } = parseArgs({ options: { steps: number(200_000), rate: number(10), seconds: number(30) } });
  return benchFollow(Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)])));
});

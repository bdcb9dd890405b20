// `npm run campaign -- [--minutes N] [--seed S] [--only readers,native,kills] [--sanitize]`: hostile and damaged inputs for
// every reader on both sides, kills, full disks and injected errors for runs. Ends with what was done, and with exit code 1
// when anything was taken down or lost. Inputs that did harm are kept in test-results/campaign.
import { execFile, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { nativeProgram } from './campaign/native-campaign.mjs';
import { Failure, isScript, main, root } from './shell.mjs';

const run = promisify(execFile);

/** What a campaign is made of: they run side by side, each for the whole time. */
const PARTS = ['readers', 'native', 'kills'];

/** @returns what the part's function returns (part.mjs) */
function carriedOut(name, options) {
  return new Promise((done, failed) => {
    const child = fork(path.join(import.meta.dirname, 'campaign/part.mjs'), [JSON.stringify({ name, options })]);
    child.once('message', ({ report, failed: why }) =>
      why === undefined ? done(report) : failed(new Failure(`campaign: ${name}: ${why}`)),
    );
    child.once('exit', (code, signal) => failed(new Failure(`campaign: ${name} ended without a report (${signal ?? code})`)));
  });
}

/** What the campaign changes: a plan, a finished run, an adapter. */
async function makeBase(base) {
  const cli = (...args) =>
    run(process.execPath, [path.join(root, 'dist/cli.js'), ...args], {
      cwd: root,
      env: { ...process.env, WISHBONE_CACHE: path.join(base, 'cache') },
    });
  const [data, model] = [path.join(root, 'examples/preferences.jsonl'), path.join(root, 'examples/tiny-llama')];
  const small = [
    '--model',
    model,
    '--batch-size',
    '1',
    '--max-length',
    '512',
    '--capacity',
    '1024',
    '--max-steps',
    '4',
    '--backend',
    'cpu',
    '--threads',
    '1',
  ];
  const parts = ['--eval-fraction', '0.02'];
  await cli('plan', data, ...small.slice(0, -4), '--out', path.join(base, 'plan.safetensors'));
  const { stdout } = await cli(
    'train',
    data,
    ...small,
    ...parts,
    '--eval-steps',
    '2',
    '--save-steps',
    '2',
    '--runs',
    path.join(base, 'runs'),
    '--name',
    'base',
    '--json',
  );
  const { folder } = JSON.parse(stdout.trim().split('\n').at(-1));
  await cp(folder, path.join(base, 'run'), { recursive: true });
  const adapter = await cli('train', data, ...small, '--use-peft', '--runs', path.join(base, 'runs'), '--json');
  await cp(path.join(JSON.parse(adapter.stdout.trim().split('\n').at(-1)).folder, 'export'), path.join(base, 'adapter'), {
    recursive: true,
  });
}

export async function campaign({ minutes, seed, only = PARTS, sanitize = false }) {
  const begin = Date.now();
  // In memory, where there is such a place: inputs are written by the thousand.
  const folder = await mkdtemp(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'wishbone-campaign-'));
  const failing = path.join(root, 'test-results/campaign');
  const total = { executions: 0, kills: 0, faults: 0, lost: 0 };
  try {
    const base = path.join(folder, 'base');
    await mkdir(base, { recursive: true });
    await makeBase(base);
    const chosen = PARTS.filter((name) => only.includes(name));
    if (sanitize && chosen.includes('native')) nativeProgram(sanitize);
    const until = Date.now() + minutes * 60_000;
    const reports = await Promise.all(
      chosen.map((name) => carriedOut(name, { base, scratch: path.join(folder, name), failing, seed, until, sanitize })),
    );
    for (const [i, name] of chosen.entries()) {
      if (name === 'kills') addKills(total, reports[i]);
      else add(total, name === 'native' ? 'native readers' : name, reports[i]);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const seconds = Math.round((Date.now() - begin) / 1000);
  console.log(
    `\nseed ${seed}, ${seconds} s: ${total.executions} executions, ${total.kills} interrupted runs, ${total.faults} faults, ${total.lost} times data lost`,
  );
  return total;
}

function addKills(total, { kills, rows, faults, lost }) {
  console.log(`\nkills, full disks, injected errors`);
  for (const [name, count] of Object.entries(rows)) console.log(`  ${name.padEnd(36)} ${count}`);
  total.kills += kills;
  total.faults += faults;
  total.lost += lost;
}

function add(total, title, report) {
  console.log(`\n${title.padEnd(22)} executions   refused  a second of CPU   slowest    memory   faults`);
  for (const [name, { executions, refused, faults, slowest, most, cpu }] of report) {
    console.log(
      `  ${name.padEnd(20)} ${String(executions).padStart(10)} ${String(refused).padStart(9)} ${String(cpu > 0 ? Math.round(executions / cpu) : '').padStart(16)} ${`${Math.round(slowest)} ms`.padStart(9)} ${(most ? `${Math.round(most / 1e6)} MB` : '').padStart(9)} ${String(faults.length).padStart(8)}`,
    );
    total.executions += executions;
    total.faults += faults.length;
  }
}

if (isScript(import.meta.url)) {
  await main(async () => {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '5' },
        seed: { type: 'string', default: '1' },
        only: { type: 'string' },
        sanitize: { type: 'boolean', default: false },
      },
    });
    const { faults, lost } = await campaign({
      minutes: Number(values.minutes),
      seed: Number(values.seed),
      only: values.only?.split(','),
      sanitize: values.sanitize,
    });
    if (faults > 0 || lost > 0) process.exitCode = 1;
  });
}

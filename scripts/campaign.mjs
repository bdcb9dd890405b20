// `npm run campaign -- [--minutes N] [--seed S] [--only readers,native,kills] [--sanitize]`: hostile and damaged inputs for
// every reader on both sides, kills, full disks and injected errors for runs. Ends with what was done, and with exit code 1
// when anything was taken down or lost. Inputs that did harm are kept in test-results/campaign.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { fuzzNative } from './campaign/native-campaign.mjs';
import { fuzzReaders } from './campaign/readers-campaign.mjs';
import { killRuns } from './campaign/kills-campaign.mjs';
import { isScript, main, root } from './shell.mjs';

const run = promisify(execFile);

/** Shares of the time: a kill takes half a second, an input a millisecond. */
const shares = { readers: 0.35, native: 0.2, kills: 0.45 };

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

export async function campaign({ minutes, seed, only = Object.keys(shares), sanitize = false }) {
  const begin = Date.now();
  // In memory, where there is such a place: inputs are written by the thousand.
  const folder = await mkdtemp(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'wishbone-campaign-'));
  const failing = path.join(root, 'test-results/campaign');
  const total = { executions: 0, kills: 0, faults: 0, lost: 0 };
  try {
    const base = path.join(folder, 'base');
    await mkdir(base, { recursive: true });
    await makeBase(base);
    const left = minutes * 60_000;
    const chosen = Object.keys(shares).filter((name) => only.includes(name));
    const whole = chosen.reduce((sum, name) => sum + shares[name], 0);
    const until = (name) => Date.now() + (left * shares[name]) / whole;
    if (chosen.includes('readers')) {
      const report = await fuzzReaders({ base, scratch: path.join(folder, 'readers'), failing, seed, until: until('readers') });
      add(total, 'readers', report);
    }
    if (chosen.includes('native')) {
      const report = await fuzzNative({ base, scratch: path.join(folder, 'native'), failing, seed, until: until('native'), sanitize });
      add(total, 'native readers', report);
    }
    if (chosen.includes('kills')) {
      const { kills, rows, faults, lost } = await killRuns({
        base,
        scratch: path.join(folder, 'kills'),
        seed,
        until: until('kills'),
        failing,
      });
      console.log(`\nkills, full disks, injected errors`);
      for (const [name, count] of Object.entries(rows)) console.log(`  ${name.padEnd(36)} ${count}`);
      total.kills += kills;
      total.faults += faults;
      total.lost += lost;
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

function add(total, title, report) {
  console.log(`\n${title.padEnd(22)} executions   refused   slowest    memory   faults`);
  for (const [name, { executions, refused, faults, slowest, most }] of report) {
    console.log(
      `  ${name.padEnd(20)} ${String(executions).padStart(10)} ${String(refused).padStart(9)} ${`${Math.round(slowest)} ms`.padStart(9)} ${(most ? `${Math.round(most / 1e6)} MB` : '').padStart(9)} ${String(faults.length).padStart(8)}`,
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

// Trains the same rows with TRL and with Wishbone, and compares: `npm run compare:trl [-- --only <text> --keep <folder>]`.
// Each case is a tiny model, a few dozen rows and a TRL config, which `wishbone convert` reads too; Wishbone then runs by its
// command line with the built runner, and TRL's own trainer gets the rows in the same order (scripts/compare-trl.py). Losses,
// log-probabilities (beside float64) and what training changed in the weights are held against each other, in one table.
// Needs the packages of scripts/requirements.txt in $WISHBONE_PYTHON or python3; without them it says so and is skipped.
// Exit code 1 when anything is off. `--only` takes the cases whose names hold the text, `--keep` leaves all that was made.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Failure, main, root, run, which } from './shell.mjs';

const script = join(root, 'scripts/compare-trl.py');
const cli = join(root, 'dist/cli.js');
const environment = { ...process.env, TRL_EXPERIMENTAL_SILENCE: '1', TOKENIZERS_PARALLELISM: 'false' };

/** The interpreter and what it has, or undefined with a line that says why the comparison is skipped. */
function interpreter() {
  const python = process.env.WISHBONE_PYTHON ?? which('python3');
  const skip = (why) => void console.log(`skipped: ${why}; python -m pip install -r scripts/requirements.txt, or set WISHBONE_PYTHON`);
  if (python === undefined) return skip('there is no python3');
  const checked = spawnSync(python, [script, 'check'], { encoding: 'utf8', env: environment });
  if (checked.error !== undefined) return skip(`${python} cannot be started`);
  if (checked.status !== 0) return skip(checked.stderr.trim().split('\n').at(-1));
  console.log(`${checked.stdout.trim()} (${python})`);
  return python;
}

/** Converts a case's TRL config and carries it out. */
async function train(folder, { folder: name, trainer, flags, adapter }) {
  const here = join(folder, name);
  const config = join(here, 'trl.wishbone.json');
  await run(process.execPath, [cli, 'convert', join(here, 'trl.yaml'), '--from', `trl-${trainer}`, '--out', config, '--force'], {
    quiet: true,
  });
  // Both sides begin with the same adapter, which decides its layers itself.
  const begin = adapter ? ['--adapter-name-or-path', join(here, 'adapter'), '--lora-target-modules', 'all-linear', '--no-use-rslora'] : [];
  const runs = join(here, 'runs');
  await mkdir(runs, { recursive: true });
  await run(process.execPath, [cli, 'train', ...flags, ...begin, '--runs', runs, '--json', config], { quiet: true });
  const [made] = (await readdir(runs, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  await rename(join(runs, made.name), join(here, 'run'));
}

/** One line that is written over, where someone looks. */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

const columns = [
  ['case', 28],
  ['steps', 6],
  ['loss, first to last', 22],
  ['loss off', 10],
  ['logp off', 10],
  ['fp32 off', 10],
  ['update off', 11],
  ['', 6],
];
const row = (cells) =>
  console.log(
    cells
      .map((cell, index) => String(cell).padEnd(columns[index][1]))
      .join('')
      .trimEnd(),
  );
const small = (value) => value.toExponential(1);

/** Prints a row as Python finishes a case; the number of cases that are off. */
async function compare(python, folder) {
  const child = spawn(python, [script, 'compare', folder], { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
  let said = '';
  child.stderr.on('data', (text) => (said += text));
  const ended = new Promise((done) => child.on('close', done));
  let off = 0;
  let compared = 0;
  row(columns.map(([title]) => title));
  for await (const line of createInterface({ input: child.stdout })) {
    // TRL prints what it logs, too.
    if (!line.startsWith('{"name"')) continue;
    const result = JSON.parse(line);
    compared++;
    if (result.good !== true) off++;
    if (result.error !== undefined) row([result.name, '', result.error]);
    else {
      const { name, steps, first, last, loss, logps, logps_fp32: single, update, good } = result;
      row([
        name,
        steps,
        `${first.toFixed(5)} to ${last.toFixed(5)}`,
        small(loss),
        small(logps),
        small(single),
        small(update),
        good ? '' : 'OFF',
      ]);
    }
  }
  const code = await ended;
  if (code !== 0) throw new Failure(`${said.trim()}\n${python} ${script} compare: exit code ${code}`);
  return { off, compared };
}

await main(async () => {
  const { values } = parseArgs({ options: { keep: { type: 'string' }, only: { type: 'string', default: '' } } });
  for (const needed of [cli, join(root, 'dist/bin/wishbone-runner')])
    if (!existsSync(needed)) throw new Failure(`${needed} is not there: npm run build and npm run build:native make it`);
  const python = interpreter();
  if (python === undefined) return;
  const folder = values.keep === undefined ? await mkdtemp(join(tmpdir(), 'wishbone-trl-')) : resolve(values.keep);
  if (values.keep !== undefined && existsSync(folder)) throw new Failure(`${folder} is there already`);
  try {
    await mkdir(folder, { recursive: true });
    await run(python, [script, 'prepare', folder, values.only], { quiet: true, env: environment });
    const cases = JSON.parse(await readFile(join(folder, 'cases.json'), 'utf8'));
    if (cases.length === 0) throw new Failure(`no case's name holds "${values.only}"`);
    for (const [index, one] of cases.entries()) {
      progress(`training ${index + 1} of ${cases.length}: ${one.name}`);
      await train(folder, one);
    }
    progress('');
    console.log(`${cases.length} cases, ${availableParallelism()} threads`);
    const { off, compared } = await compare(python, folder);
    if (compared !== cases.length) throw new Failure(`${cases.length - compared} cases were not compared`);
    if (off > 0) throw new Failure(`${off} of ${cases.length} cases are off: limits are 1e-5 (loss, log-probabilities) and 5e-4 (update)`);
    console.log(`all ${cases.length} cases agree with TRL: losses and log-probabilities to 1e-5, weights to 5e-4 of their update`);
  } finally {
    if (values.keep === undefined) await rm(folder, { recursive: true, force: true });
  }
});

// Installs what is missing, builds, and runs the tests: `npm test [types] [lint] [unit] [native] [campaign] [cuda] [cli] [e2e]`, all by default.
// Ends with one line, `N passed, N failed, N skipped`, summed over the suites; exit code 1 when anything failed.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { build } from './build.mjs';
import { builtBackend } from './build-native.mjs';
import { clangFormat, formatNative } from './format-native.mjs';
import { pack } from './package.mjs';
import { setup } from './setup.mjs';
import { Failure, headline, isScript, main, root, run } from './shell.mjs';
import { trlTemplates } from './trl-templates.mjs';
import { installServer } from './vscode-server.mjs';

const results = join(root, 'test-results');

/** Runs a program with its output shown and kept; never rejects for an exit code. */
function tee(program, args, env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (from, to) =>
      from.on('data', (text) => {
        output += text;
        to.write(text);
      });
    child.stdout.setEncoding('utf8');
    child.stderr.setEncoding('utf8');
    keep(child.stdout, process.stdout);
    keep(child.stderr, process.stderr);
    child.on('error', (error) => reject(new Failure(`cannot start ${program}: ${error.message}`)));
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });
}

/**
 * A suite that failed as a whole, or ran nothing, is a failed test: silence must not pass. `maySkip`: one that skipped
 * everything has not been silent.
 */
function judged({ passed, failed, skipped }, ok, what, { maySkip = false } = {}) {
  if (failed === 0 && (!ok || (passed === 0 && !(maySkip && skipped > 0)))) {
    console.log(`${what}: ${ok ? 'no test ran' : 'ended with an error of its own'}`);
    failed = 1;
  }
  return { passed, failed, skipped };
}

/** Counts in the closing lines of a TAP report by node:test. */
export function countTap(tap) {
  const count = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(tap)?.[1] ?? 0);
  return { passed: count('pass'), failed: count('fail') + count('cancelled'), skipped: count('skipped') + count('todo') };
}

/** Test cases in the closing lines of every doctest program that `ctest -V` ran, plus programs that never got there. */
export function countDoctest(output) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const [, passed, failed, skipped] of output.matchAll(
    /\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed \|\s*(\d+) skipped/g,
  )) {
    total.passed += Number(passed);
    total.failed += Number(failed);
    total.skipped += Number(skipped);
  }
  // A program that crashed has no closing lines; ctest still lists it.
  const failedPrograms = Number(/(\d+) tests? failed out of/.exec(output)?.[1] ?? 0);
  total.failed = Math.max(total.failed, failedPrograms);
  return total;
}

function testFiles(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => join(folder, name));
}

/** node:test over every *.test.ts in a folder; one file after another when `serial`. */
async function nodeTests(name, folder, { serial = false, env = {}, files = testFiles(folder) } = {}) {
  const tap = join(results, `${name}.tap`);
  const args = [
    ...['--import', 'tsx', '--test', `--test-concurrency=${serial ? 1 : availableParallelism()}`],
    ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
    ...['--test-reporter=tap', `--test-reporter-destination=${tap}`],
    ...files,
  ];
  const { ok } = await tee(process.execPath, args, { ...process.env, ...env });
  return judged(countTap(existsSync(tap) ? await readFile(tap, 'utf8') : ''), ok, name);
}

/**
 * The same, a file at a time in a window of its own. A real window on a loaded machine loses a key now and then: a file that failed is
 * tried once more, and named at the end, so that one that often needs it is seen.
 */
async function windowTests(name, folder) {
  const counts = [];
  const again = [];
  for (const file of testFiles(folder)) {
    const once = (tap) => nodeTests(tap, folder, { serial: true, files: [file] });
    const first = await once(`${name}-${basename(file, '.test.ts')}`);
    if (first.failed > 0) again.push(file);
    counts.push(first.failed > 0 ? await once(`${name}-${basename(file, '.test.ts')}-again`) : first);
  }
  if (again.length > 0) console.log(`${name}: failed at first and tried again: ${again.join(', ')}`);
  return { ...sum(counts), again: again.length };
}

/** Counts of several suites as one. */
function sum(counts) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const count of counts) for (const key of Object.keys(total)) total[key] += count[key];
  return total;
}

let bundled;
let native;
const needBundles = () => (bundled ??= build());
// Tests want the same runner everywhere, so they build the one without CUDA, whatever dist/bin holds.
const buildNative = (...args) => run(process.execPath, ['scripts/build-native.mjs', ...args]);
const needRunner = () => (native ??= buildNative('--cpu'));

const suites = {
  async types() {
    const { ok } = await tee(process.execPath, ['node_modules/typescript/bin/tsc', '--build']);
    return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
  },
  async lint() {
    const { ok } = await tee(process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.']);
    const native = await clangFormat().catch((error) => console.log(error instanceof Failure ? error.message : error));
    const counts = { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
    // Without it (no network) the C++ is not checked.
    if (native === undefined) return sum([counts, { passed: 0, failed: 0, skipped: 1 }]);
    const formatted = await formatNative({ check: true }).then(
      () => true,
      (error) => console.log(error.message),
    );
    return sum([counts, { passed: formatted ? 1 : 0, failed: formatted ? 0 : 1, skipped: 0 }]);
  },
  async unit() {
    // Without them (no network), one test compares less, and says so.
    await trlTemplates().catch((error) => console.log(error instanceof Failure ? error.message : error));
    return nodeTests('unit', 'test/unit');
  },
  async native() {
    await (native = buildNative('--cpu', '--tests'));
    const { ok, output } = await tee('ctest', ['--test-dir', 'build/native', '-V']);
    return judged(countDoctest(output), ok, 'native');
  },
  async campaign() {
    await needBundles();
    await (native = buildNative('--cpu', '--tests'));
    // Two minutes of it, and on request more: what it finds depends on the seed alone, how much of it on the machine.
    const { campaign } = await import('./campaign.mjs');
    const { executions, kills, faults, lost } = await campaign({ minutes: Number(process.env.WISHBONE_CAMPAIGN_MINUTES ?? 2), seed: 1 });
    return judged({ passed: faults + lost === 0 && executions + kills > 0 ? 1 : 0, failed: faults + lost, skipped: 0 }, true, 'campaign');
  },
  async cuda() {
    await needBundles();
    // Where nothing runs it, the oldest and the newest card stand for those between; Hopper's own files are always compiled.
    const cards = existsSync('/dev/nvidiactl') ? [] : ['--architectures', '80;120'];
    await buildNative('--cuda', '--tests', '--in-place', ...cards);
    // Without a GPU the tests of kernels are skipped and counted as such; that the code compiles has been seen.
    const { ok, output } = await tee('ctest', ['--test-dir', 'build/native', '-R', '^cuda$', '--no-tests=error', '-V']);
    const kernels = judged(countDoctest(output), ok, 'cuda kernels', { maySkip: true });
    const env = { WISHBONE_RUNNER: join(root, 'build/native/wishbone-runner-cuda') };
    return sum([kernels, await nodeTests('cuda', 'test/cuda', { serial: true, env })]);
  },
  async cli() {
    await needBundles();
    await needRunner();
    return nodeTests('cli', 'test/cli', { serial: true });
  },
  async e2e() {
    await needBundles();
    await needRunner();
    await pack();
    await installServer();
    return windowTests('e2e', 'test/e2e');
  },
};

async function testAll(names) {
  const wanted = names.length > 0 ? names : Object.keys(suites);
  for (const name of wanted) {
    if (!(name in suites)) throw new Failure(`${name}: no such suite. There are: ${Object.keys(suites).join(', ')}.`);
  }
  await mkdir(results, { recursive: true });
  // Runs of tests share no reference log-probabilities with earlier ones, nor with the user's own.
  process.env.WISHBONE_CACHE = join(results, 'cache');
  await rm(process.env.WISHBONE_CACHE, { recursive: true, force: true });
  const e2e = wanted.includes('e2e');
  const runner = wanted.some((name) => !['types', 'lint', 'unit'].includes(name));
  const slurm = e2e || wanted.includes('cli');
  await setup({ runner, cuda: wanted.includes('cuda'), server: e2e, browser: e2e, slurm });
  const before = builtBackend();
  const all = [];
  const lines = [];
  for (const name of wanted) {
    headline(name);
    const begin = performance.now();
    const counts = await suites[name]().catch((error) => {
      // A suite that cannot be built fails; the others still run.
      if (!(error instanceof Failure)) throw error;
      process.stderr.write(`${error.message}\n`);
      return { passed: 0, failed: 1, skipped: 0 };
    });
    all.push(counts);
    const seconds = ((performance.now() - begin) / 1000).toFixed(0);
    lines.push(
      `${name.padEnd(7)} ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped${counts.again ? `, ${counts.again} files tried twice` : ''} (${seconds} s)`,
    );
  }
  // Whoever built the runner with CUDA gets it back.
  if (before === 'cuda' && builtBackend() !== before) await buildNative('--cuda');
  const total = sum(all);
  headline('summary');
  console.log(lines.join('\n'));
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  if (total.failed > 0) process.exitCode = 1;
}

if (isScript(import.meta.url)) await main(() => testAll(process.argv.slice(2)));

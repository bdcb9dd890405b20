// Installs what is missing, builds, and runs the tests: `npm test [types] [lint] [unit] [native] [campaign] [cuda] [cli] [e2e]`, all by default.
// Ends with one line, `N passed, N failed, N skipped`, summed over the suites; exit code 1 when anything failed.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, relative, sep } from 'node:path';
import { build } from './build.mjs';
import { builtBackend } from './build-native.mjs';
import { clangFormat, formatNative } from './format-native.mjs';
import { pack } from './package.mjs';
import { setup } from './setup.mjs';
import { Failure, headline, isScript, main, read, root, run } from './shell.mjs';
import { trlTemplates } from './trl-templates.mjs';
import { installServer } from './vscode-server.mjs';

const results = join(root, 'test-results');

/** Runs a program with its output kept, and shown unless it `isHeld` back; never rejects for an exit code. */
function tee(program, args, env = process.env, isHeld = false) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (from, to) =>
      from.on('data', (text) => {
        output += text;
        if (!isHeld) to.write(text);
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
    /\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed \|(?:\s*(\d+) skipped)?/g,
  )) {
    total.passed += Number(passed);
    total.failed += Number(failed);
    total.skipped += Number(skipped ?? 0);
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

/**
 * node:test over every *.test.ts in a folder, or over these `files`; one after another when `serial`.
 *
 * @param isHeld the output is kept back
 * @param maySkip all of it may be skipped
 */
async function nodeTests(name, { serial = false, env = {}, files, isHeld = false, maySkip = false }) {
  const tap = join(results, `${name}.tap`);
  await rm(tap, { force: true });
  const args = [
    ...['--import', 'tsx', '--test', `--test-concurrency=${serial ? 1 : availableParallelism()}`],
    ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
    ...['--test-reporter=tap', `--test-reporter-destination=${tap}`],
    ...files,
  ];
  const { ok, output } = await tee(process.execPath, args, { ...process.env, ...env }, isHeld);
  return { counts: judged(countTap(existsSync(tap) ? await readFile(tap, 'utf8') : ''), ok, name, { maySkip }), output };
}

/** Test files that one process runs. */
const TOGETHER = 8;

/**
 * Files that import neighbours, one file for up to eight of them: Node, the compiler and what they share are then loaded once for all of
 * these. Those of large folders come first, so that none is waited for at the end.
 */
async function together(name, files) {
  const folder = join(results, `${name}-together`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const byFolder = new Map();
  for (const file of files) byFolder.set(dirname(file), [...(byFolder.get(dirname(file)) ?? []), file]);
  const groups = [...byFolder].sort(([, one], [, other]) => other.length - one.length);
  const written = groups.flatMap(([from, all]) =>
    Array.from({ length: Math.ceil(all.length / TOGETHER) }, (_, at) => ({
      file: join(folder, `${relative('test', from).replaceAll(sep, '-')}-${at + 1}.test.ts`),
      imports: all.slice(at * TOGETHER, (at + 1) * TOGETHER).map((each) => `import ${JSON.stringify(join(root, each))};\n`),
    })),
  );
  for (const { file, imports } of written) await writeFile(file, imports.join(''));
  return written.map(({ file }) => file);
}

/** Suites of files that mostly wait, for a window, a server or one thread: two of them go on side by side, each in a process of its own. */
const BESIDE = { e2e: 'test/e2e', cli: 'test/cli' };

/**
 * The files of these suites. Each suite has a lane of its own, which takes files of the other once its own are done; where there is one core,
 * there is one lane. What a file says is shown when it has ended.
 *
 * A window loses a key now and then, and a file that another one keeps waiting may wait in vain: one that failed is tried once more when
 * nothing else is at work, and named at the end, so that one that often needs it is seen.
 *
 * @param quiet resolves once nothing else is at work
 * @returns for each suite its counts, how many files were tried again, and the seconds until its last file had ended
 */
async function sideBySide(names, quiet) {
  const begin = performance.now();
  const left = new Map(names.map((name) => [name, testFiles(BESIDE[name])]));
  const found = new Map(names.map((name) => [name, { all: [], again: [], seconds: 0 }]));
  const carryOut = async (name, file, label) => {
    const from = performance.now();
    const { counts, output } = await nodeTests(label, { serial: true, files: [file], isHeld: true, maySkip: true });
    headline(`${file}, ${((performance.now() - from) / 1000).toFixed(0)} s`);
    process.stdout.write(output);
    found.get(name).seconds = (performance.now() - begin) / 1000;
    return counts;
  };
  const labelOf = (name, file) => `${name}-${basename(file, '.test.ts')}`;
  const lane = async (own) => {
    for (;;) {
      const name = [own, ...names].find((each) => left.get(each).length > 0);
      if (name === undefined) return;
      const file = left.get(name).shift();
      const counts = await carryOut(name, file, labelOf(name, file));
      if (counts.failed > 0) found.get(name).again.push(file);
      else found.get(name).all.push(counts);
    }
  };
  const lanes = Math.min(2, availableParallelism());
  await Promise.all(Array.from({ length: lanes }, (_, at) => lane(names[at % names.length])));
  await quiet;
  for (const [name, { all, again }] of found)
    for (const file of again) all.push(await carryOut(name, file, `${labelOf(name, file)}-again`));
  return new Map(
    [...found].map(([name, { all, again, seconds }]) => {
      if (again.length > 0) console.log(`${name}: failed at first and tried again: ${again.join(', ')}`);
      return [name, { ...judged(sum(all), true, name), again: again.length, seconds }];
    }),
  );
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

let compiled;
/** Compiles what the suite `cuda` tests. @param beside with what time other tests leave over, and told of at the end */
function needCuda({ beside = false } = {}) {
  // Where nothing runs it, the oldest and the newest card stand for those between; Hopper's own files are always compiled.
  const cards = existsSync('/dev/nvidiactl') ? [] : ['--architectures', '80;120'];
  const args = ['scripts/build-native.mjs', '--cuda', '--tests', '--in-place', ...cards];
  const mayIdle = () => read('chrt', ['--idle', '0', 'true']) !== undefined;
  const idly = !beside ? [] : mayIdle() ? ['chrt', '--idle', '0'] : ['nice', '-n', '19'];
  const [program, ...rest] = [...idly, process.execPath, ...args];
  compiled ??= tee(program, rest, process.env, beside).then(({ ok, output }) => {
    if (beside) process.stdout.write(output);
    if (!ok) throw new Failure('the CUDA backend does not compile');
  });
  return compiled;
}

/** What each suite counts; those in BESIDE get ready, and go on together. */
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
    return (await nodeTests('unit', { files: await together('unit', testFiles('test/unit')) })).counts;
  },
  async native() {
    await (native = buildNative('--cpu', '--tests'));
    const { ok, output } = await tee('ctest', ['--test-dir', 'build/native', '-V', '-j', String(Math.min(4, availableParallelism()))]);
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
    await needCuda();
    // Without a GPU the tests of kernels are skipped and counted as such; that the code compiles has been seen.
    const { ok, output } = await tee('ctest', ['--test-dir', 'build/native', '-R', '^cuda$', '--no-tests=error', '-V']);
    const kernels = judged(countDoctest(output), ok, 'cuda kernels', { maySkip: true });
    const env = { WISHBONE_RUNNER: join(root, 'build/native/wishbone-runner-cuda') };
    return sum([kernels, (await nodeTests('cuda', { serial: true, env, files: testFiles('test/cuda') })).counts]);
  },
  async cli() {
    await needBundles();
    await needRunner();
  },
  async e2e() {
    await needBundles();
    await needRunner();
    await pack();
    await installServer();
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
  const note = (name, counts, seconds) => {
    all.push(counts);
    lines.push(
      `${name.padEnd(8)} ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped${counts.again ? `, ${counts.again} files tried twice` : ''} (${seconds.toFixed(0)} s)`,
    );
  };
  const ready = [];
  const one = async (name) => {
    headline(name);
    const begin = performance.now();
    const counts = await suites[name]().catch((error) => {
      // A suite that cannot be built fails; the others still run.
      if (!(error instanceof Failure)) throw error;
      process.stderr.write(`${error.message}\n`);
      return { passed: 0, failed: 1, skipped: 0 };
    });
    if (counts === undefined) ready.push(name);
    else note(name, counts, (performance.now() - begin) / 1000);
  };
  // Tests of CUDA come last: it is compiled beside the others, which leave time over.
  for (const name of wanted) if (name !== 'cuda') await one(name);
  if (ready.length > 0) {
    headline(ready.join(' and '));
    const quiet = wanted.includes('cuda') ? needCuda({ beside: true }).catch(() => undefined) : undefined;
    for (const [name, { seconds, ...counts }] of await sideBySide(ready, quiet)) note(name, counts, seconds);
  }
  if (wanted.includes('cuda')) await one('cuda');
  // Whoever built the runner with CUDA gets it back.
  if (before === 'cuda' && builtBackend() !== before) await buildNative('--cuda');
  const total = sum(all);
  headline('summary');
  console.log(lines.join('\n'));
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  if (total.failed > 0) process.exitCode = 1;
}

if (isScript(import.meta.url)) await main(() => testAll(process.argv.slice(2)));

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { build } from 'esbuild';
import { readPlan } from '../../../src/core/plan/index.js';
import { modelFolder } from '../model/support.js';

const repository = path.resolve(import.meta.dirname, '../../..');
let folder: string;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wishbone-command-line-'));
  await build({
    entryPoints: [
      { in: path.join(repository, 'src/cli/main.ts'), out: 'cli' },
      // What reads datasets runs in a process of its own.
      ...['prepare', 'clean-dataset'].map((name) => ({ in: path.join(repository, `src/workers/${name}.ts`), out: `workers/${name}` })),
    ],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outdir: folder,
    logLevel: 'error',
    mainFields: ['module', 'main'],
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  });
  const rows = Array.from({ length: 20 }, (_, i) => ({
    prompt: `How do I keep bread ${i} fresh? `,
    chosen: 'Freeze it.',
    rejected: 'No.',
  }));
  await writeFile(path.join(folder, 'pairs.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
});
after(() => rm(folder, { recursive: true }));

async function wishbone(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['cli.js', ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return {
    code: child.exitCode ?? (await new Promise((done) => child.on('exit', done))),
    stdout: stdout.trimEnd(),
    stderr: stderr.trimEnd(),
  };
}

function oneError(stderr: string): void {
  assert.match(stderr, /^error: .+\n {2}at: .+\n {2}fix: .+$/);
}

test('--version and --help', async () => {
  const { version } = JSON.parse(await readFile(path.join(repository, 'package.json'), 'utf8')) as { version: string };
  assert.deepEqual(await wishbone('--version'), { code: 0, stdout: version, stderr: '' });
  for (const args of [['--help'], []]) {
    const help = await wishbone(...args);
    assert.equal(help.code, 0);
    for (const command of ['plan', 'train', 'speedup', 'convert']) assert.match(help.stdout, new RegExp(`^  ${command} `, 'm'));
  }
  assert.match((await wishbone('train', '--help')).stdout, /--learning-rate/);
});

test('plan --json prints one object and writes a plan that agrees', async (t) => {
  const model = await modelFolder(t);
  await cp(path.join(repository, 'test/unit/tokenizer/fixture/gpt2-like'), model, { recursive: true });
  const result = await wishbone(
    'plan',
    'pairs.jsonl',
    '--model',
    model,
    '--batch-size',
    '8',
    '--max-length',
    '256',
    '--out',
    'p.safetensors',
    '--json',
  );
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stderr, '', 'no progress where there is no terminal');
  const said = JSON.parse(result.stdout) as Record<string, number>;
  const plan = await readPlan(path.join(folder, 'p.safetensors'));
  assert.equal(said['pairs'], 20);
  assert.equal(said['steps'], 3);
  assert.equal(said['bins'], plan.binStart.length - 1);
  assert.equal(said['planTokens'], plan.tokens.length);
  assert.equal(said['naiveTokens'], plan.metadata.counts.naive_tokens);
  assert.equal(said['tokenRatio'], said['naiveTokens']! / said['planTokens']!);
  assert.equal(said['fill'], said['planTokens']! / (said['bins']! * 2048));
  assert.ok(said['flopsRatio']! > 1);
  assert.ok(said['predictedSpeedup']! > 0 && said['predictedSpeedupUnpacked']! > 0);
  assert.ok(said['binsLowerBound']! >= said['steps']! && said['binsLowerBound']! <= said['bins']!);
  assert.ok(said['slowestOverMean']! >= 1);
  assert.equal(said['skipped'], 0);
  assert.equal(said['truncated'], 0);

  const words = await wishbone('plan', 'pairs.jsonl', '--model', model, '--max-length', '256', '--out', 'p.safetensors');
  assert.match(words.stdout, /^token ratio +1\.\d\d/m);
  const refused = await wishbone('plan', 'pairs.jsonl', '--model', model, '--out', 'pairs.jsonl');
  assert.equal(refused.code, 5);
  oneError(refused.stderr);
  assert.match(refused.stderr, /not a plan/);
});

test('errors are three lines and have their exit codes', async (t) => {
  const model = await modelFolder(t);
  const cases: readonly [number, RegExp, ...string[]][] = [
    [3, /no such file/, 'plan', 'gone.jsonl', '--model', model],
    [3, /no such model folder/, 'plan', 'pairs.jsonl', '--model', 'gone'],
    [2, /shairng/, 'plan', 'pairs.jsonl', '--model', model, '--shairng', 'pair'],
    [2, /'--capacity <number>' argument '3\.5' is invalid: expected/, 'plan', 'pairs.jsonl', '--model', model, '--capacity', '3.5'],
    [2, /--batch-size.*many/, 'plan', 'pairs.jsonl', '--model', model, '--batch-size', 'many'],
    [2, /--loss-type <list>' argument 'sigmod' is invalid: .*did you mean "sigmoid"\?/, 'train', 'pairs.jsonl', '--loss-type', 'sigmod'],
    [2, /value 'tcsh' for argument 'shell' is invalid: allowed choices/, 'completion', 'tcsh'],
    [3, /not a run folder.*\n.*pairs\.jsonl/, 'show', 'pairs.jsonl'],
    [3, /not a run folder.*\n.*gone\/run/, 'show', 'gone/run'],
    [3, /the folder of runs is a file/, 'runs', '--runs', 'pairs.jsonl'],
    [2, /sharing.*forest/, 'plan', 'pairs.jsonl', '--model', model, '--sharing', 'forest'],
    [2, /backend.*tpu/, 'train', 'pairs.jsonl', '--model', model, '--backend', 'tpu'],
    [2, /recompute.*all/, 'train', 'pairs.jsonl', '--model', model, '--recompute', 'all'],
    [2, /device.*whole number/, 'train', 'pairs.jsonl', '--model', model, '--device', 'first'],
    [2, /preset/, 'train', 'pairs.jsonl', '--model', model, '--preset', 'x'],
    [2, /no dataset/, 'train', '--model', model],
    [2, /no model/, 'train', 'pairs.jsonl'],
    [2, /--resume cannot be combined with --beta/, 'train', '--resume', 'x', '--beta', '0.1'],
    [3, /there are no runs yet/, 'train', '--resume', 'gone'],
    [3, /run\.json/, 'train', '--resume', 'gone/run'],
    [3, /there are no runs yet/, 'sample', 'latest', '--prompt', 'hi'],
    [
      2,
      /unknown option '--per_device_train_batch_size'\n.*\n.*it is --batch-size here/,
      'train',
      'a',
      '--per_device_train_batch_size',
      '4',
    ],
    [2, /unknown option '--num-train-epochs=3'\n.*\n.*it is --epochs here/, 'train', 'a', '--num-train-epochs=3'],
    [2, /it is an argument without a name here/, 'train', '--dataset_name', 'a'],
    [2, /takes no value: write --use-peft, or --no-use-peft/, 'train', 'a', '--use-peft=false'],
    [2, /unknown option '--frobnicate'\n.*\n.*see `wishbone train --help`/, 'train', 'a', '--frobnicate'],
    [2, /unknown command 'lpan'/, 'lpan'],
    [2, /rounds/, 'speedup', 'pairs.jsonl', '--model', model, '--rounds', '0'],
  ];
  for (const [code, pattern, ...args] of cases) {
    const result = await wishbone(...args);
    assert.equal(result.code, code, `${args.join(' ')}: ${result.stderr}`);
    oneError(result.stderr);
    assert.match(result.stderr, pattern);
    assert.equal(result.stdout, '');
  }
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('.')),
    [],
  );
});

test('convert writes a run config, says what was not carried over, and replaces nothing unasked', async () => {
  await writeFile(path.join(folder, 'dpo.yaml'), 'dataset_name: pairs.jsonl\nbeta: 0.2\noptim: sgd\nlearning_rat: 1\n');
  const first = await wishbone('convert', 'dpo.yaml');
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /^2 settings of dpo.yaml \(TRL\) carried over unchanged$/m);
  assert.match(
    first.stdout,
    /^not carried over:\n {2}line 3, optim: "sgd": the optimizer is AdamW.*\n {2}line 4, learning_rat: 1: .*did you mean "learning_rate"/m,
  );
  const out = path.join(folder, 'dpo.wishbone.json');
  assert.match(await readFile(out, 'utf8'), /"beta": 0.2/);

  await writeFile(out, 'mine');
  const second = await wishbone('convert', 'dpo.yaml');
  assert.equal(second.code, 5);
  oneError(second.stderr);
  assert.equal(await readFile(out, 'utf8'), 'mine');
  const forced = await wishbone('convert', 'dpo.yaml', '--force', '--devices', '4', '--json');
  assert.equal(forced.code, 0, forced.stderr);
  const { from, carried, notes } = JSON.parse(forced.stdout) as { from: string; carried: number; notes: { name: string; kind: string }[] };
  assert.deepEqual([from, carried], ['TRL', 2]);
  assert.deepEqual(
    notes.filter(({ kind }) => kind === 'lost').map(({ name }) => name),
    ['optim', 'learning_rat'],
  );
  assert.match(await readFile(out, 'utf8'), /"batch_size": 32/);
  const config = await wishbone('plan', 'dpo.wishbone.json', '--model', 'nowhere');
  oneError(config.stderr);
  assert.match(config.stderr, /nowhere/);

  await writeFile(path.join(folder, 'few.yaml'), 'beta: 0.2\nmax_length: 256\n');
  const assumed = await wishbone('convert', 'few.yaml');
  assert.match(assumed.stdout, /^assumed:\n {2}trainer: nothing in the file says .*--from/m);
  const told = await wishbone('convert', 'few.yaml', '--from', 'trl-orpo', '--force');
  assert.match(told.stdout, /few.yaml \(TRL, ORPO\)/);
  assert.doesNotMatch(told.stdout, /assumed/);
  await writeFile(path.join(folder, 'grpo.yaml'), 'num_generations: 8\n');

  for (const [args, code] of [
    [['none.yaml'], 3],
    [['grpo.yaml'], 3],
    [['few.yaml', '--from', 'trl'], 2],
    [['dpo.yaml', '--out', 'x.json'], 2],
    [['pairs.jsonl'], 3],
  ] as const) {
    const refused = await wishbone('convert', ...args);
    assert.equal(refused.code, code, refused.stderr);
    oneError(refused.stderr);
  }
});

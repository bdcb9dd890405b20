import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { Command, Option } from 'commander';
import { addOptions, optionDescription, readInput, runnerOptionNames, trainingOptionNames } from '../../../src/cli/options.js';
import { checkRunConfig } from '../../../src/core/run/index.js';
import { DEFAULT_RUNNER, type RunnerOptions } from '../../../src/core/options/index.js';
import { runnerFlags } from '../../../src/core/runner/runner-flags.js';
import { exampleConfig } from '../run/support.js';

async function runnerOptions(...args: string[]): Promise<RunnerOptions> {
  const command = new Command().exitOverride();
  addOptions(command, 'runner', runnerOptionNames, false);
  command.parse(args, { from: 'user' });
  return (await readInput([], command.opts())).runner;
}

test('runner options: what is not given is the default', async () => {
  assert.deepEqual(await runnerOptions(), DEFAULT_RUNNER);
  assert.equal(DEFAULT_RUNNER.backend, 'auto');
});

test('runner options: choices, numbers, flags and paths', async () => {
  const given = ['--backend', 'cuda', '--threads', '4', '--recompute', 'block', '--devices', '2', '--device', '1'];
  const options = await runnerOptions(...given, '--deterministic', '--cublaslt', 'lib/libcublasLt.so.13');
  assert.deepEqual(options, {
    backend: 'cuda',
    threads: 4,
    recompute: 'block',
    precision: 'bf16',
    deterministic: true,
    device: 1,
    devices: 2,
    shard: 'auto',
    offload: 'none',
    // The runner works in another folder.
    cublaslt: path.resolve('lib/libcublasLt.so.13'),
  });
  checkRunConfig({ ...exampleConfig(), runner: { ...options, devices: 2 } });
});

test('the help lists choices once', () => {
  const command = new Command().configureHelp({ optionDescription, helpWidth: 1000 });
  addOptions(command, 'training', trainingOptionNames, false);
  command.addOption(new Option('--of <pairs>', 'which pairs').choices(['train', 'evaluation']).default('train'));
  const help = command.helpInformation();
  assert.equal(help.match(/constant, linear, cosine|"cosine"/g)?.length, 1, help);
  assert.doesNotMatch(help, /choices: "precompute"/);
  assert.match(help, /which pairs \(choices: "train", "evaluation", default:\s+"train"\)/);
});

test('what the runner is told to run on', () => {
  assert.deepEqual(runnerFlags(DEFAULT_RUNNER), ['--backend', 'auto', '--threads', '0', '--device', '0']);
  assert.deepEqual(runnerFlags({ ...DEFAULT_RUNNER, backend: 'cuda', device: 1, deterministic: true, cublaslt: '/l' }), [
    ...['--backend', 'cuda', '--threads', '0', '--device', '1'],
    ...['--deterministic', '--cublaslt', '/l'],
  ]);
});

test('devices: auto, how many, or which', async () => {
  for (const [text, devices] of [
    ['auto', 'auto'],
    ['4', 4],
    ['0,2', [0, 2]],
    ['[3]', [3]],
  ] as const)
    assert.deepEqual((await runnerOptions('--devices', text)).devices, devices, text);
  for (const text of ['', '0', '65', '1.5', 'all', '0,0', '0,1024', '-1,2', '[]', '0,x'])
    await assert.rejects(runnerOptions('--devices', text), /devices/, text);
});

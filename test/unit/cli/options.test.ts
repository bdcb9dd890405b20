import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { addOptions, resolveRunner, runnerOptionNames } from '../../../src/cli/options.js';
import { checkRunConfig, DEFAULT_RUNNER, type RunnerOptions } from '../../../src/core/run/index.js';
import { runnerFlags } from '../../../src/core/speedup/index.js';
import { exampleConfig } from '../run/support.js';

function runnerOptions(...args: string[]): RunnerOptions {
  const command = new Command().exitOverride();
  addOptions(command, 'runner', runnerOptionNames, false);
  command.parse(args, { from: 'user' });
  return resolveRunner(command.opts());
}

test('runner options: what is not given is the default', () => {
  assert.deepEqual(runnerOptions(), DEFAULT_RUNNER);
  assert.equal(DEFAULT_RUNNER.backend, 'auto');
});

test('runner options: choices, numbers, flags and paths', () => {
  const given = ['--backend', 'cuda', '--threads', '4', '--recompute', 'block', '--device', '1'];
  const options = runnerOptions(...given, '--deterministic', '--cublaslt', 'lib/libcublasLt.so.13');
  assert.deepEqual(options, {
    backend: 'cuda',
    threads: 4,
    recompute: 'block',
    deterministic: true,
    device: 1,
    // The runner works in another folder.
    cublaslt: path.resolve('lib/libcublasLt.so.13'),
  });
  checkRunConfig({ ...exampleConfig(), runner: options });
});

test('what the runner is told to run on', () => {
  assert.deepEqual(runnerFlags(DEFAULT_RUNNER), ['--backend', 'auto', '--threads', '0', '--device', '0']);
  assert.deepEqual(runnerFlags({ ...DEFAULT_RUNNER, backend: 'cuda', device: 1, deterministic: true, cublaslt: '/l' }), [
    ...['--backend', 'cuda', '--threads', '0', '--device', '1'],
    ...['--deterministic', '--cublaslt', '/l'],
  ]);
});

import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';

import { DEFAULT_TRAINING, type DecidedRunner } from '../../../src/core/options/index.js';
import { createRunFolder, LOG_FILE, runState } from '../../../src/core/run/index.js';
import { identify } from '../../../src/core/run/process-identity.js';
import { RunnerAhead, startRunner, useRunner } from '../../../src/core/runner/index.js';
import { exampleConfig, fakeRunner, STEADY, temporaryFolder, until } from '../run/support.js';

const RUNNER: DecidedRunner = { ...exampleConfig().runner, devices: 1 };

interface Tools {
  readonly folder: string;
  /** What the runner was asked, a line each. */
  asked(): Promise<string[]>;
}

/** A runner that can get ready, and a run; `ahead`: what it does then instead. */
async function tools(context: TestContext, ahead?: string): Promise<Tools> {
  const own = await temporaryFolder(context);
  const trains = await fakeRunner(own, STEADY);
  const program = path.join(own, 'runner');
  const log = path.join(own, 'asked');
  const waits = `read -r run || exit 0\n  exec '${trains}' train "$run" >> "$run/${LOG_FILE}" 2>&1`;
  await writeFile(
    program,
    `#!/bin/sh\necho "$$ $@" >> '${log}'\nif [ "$1" = ahead ]; then\n  ${ahead ?? waits}\nfi\nexec '${trains}' "$@"\n`,
  );
  await chmod(program, 0o755);
  useRunner(program);
  context.after(() => useRunner(''));
  const folder = await createRunFolder(path.join(own, 'runs'), exampleConfig(), (file) => writeFile(file, 'plan'));
  return { folder, asked: async () => (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '') };
}

function endWithTest(context: TestContext, pid: number): void {
  context.after(() => {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It is gone already.
    }
  });
}

function start(fields: Partial<DecidedRunner> = {}, use_peft = false): Promise<RunnerAhead | undefined> {
  return RunnerAhead.start({ model: '/models/a model', training: { ...DEFAULT_TRAINING, use_peft }, runner: { ...RUNNER, ...fields } });
}

test('a runner that got ready carries out the run, and is the only one', async (context) => {
  const { folder, asked } = await tools(context);
  const ahead = await start({ backend: 'cuda', devices: [3], precision: 'fp8', deterministic: true }, true);
  await until(async () => (await asked()).length === 1, 'it is asked to get ready');
  assert.equal(await runState(folder), 'planned');
  const pid = await startRunner(folder, { ahead });
  endWithTest(context, pid);
  assert.equal(await runState(folder), 'running');
  assert.deepEqual(await asked(), [`${pid} ahead /models/a model --backend cuda --threads 0 --device 3 --deterministic --fp8 --adapter`]);
  await until(async () => (await readFile(path.join(folder, LOG_FILE), 'utf8')).includes('at work'), 'the log has its output');
  ahead?.dismiss();
  assert.equal(await runState(folder), 'running');
});

test('one that is let go ends', async (context) => {
  const { asked } = await tools(context);
  const ahead = await start();
  await until(async () => (await asked()).length === 1, 'it is asked to get ready');
  const pid = Number.parseInt((await asked())[0]!, 10);
  assert.notEqual(await identify(pid), undefined);
  ahead?.dismiss();
  await until(async () => (await identify(pid)) === undefined, 'it has ended');
});

test('where it has gone, the run has a runner of its own', async (context) => {
  const { folder, asked } = await tools(context, 'exit 2');
  const ahead = await start();
  await until(async () => (await asked()).length === 1, 'it is asked to get ready');
  await until(async () => (await identify(Number.parseInt((await asked())[0]!, 10))) === undefined, 'it has ended');
  const pid = await startRunner(folder, { ahead });
  endWithTest(context, pid);
  assert.equal(await runState(folder), 'running');
  assert.match((await asked())[1]!, /^\d+ train /);
});

test('several devices, and a runner that is not there, are left to the run', async (context) => {
  const { asked } = await tools(context);
  assert.equal(await start({ devices: 2 }), undefined);
  assert.equal(await start({ devices: [0, 1] }), undefined);
  assert.deepEqual(await asked(), []);
  useRunner('/nowhere/runner');
  assert.equal(await start(), undefined);
});

import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';

import { autoBackend, parseBackends, runnerBackends } from '../../../src/core/runner/index.js';
import { temporaryFolder } from '../run/support.js';

const cpu = { name: 'cpu', available: true, devices: [{ name: 'a processor', threads: 2 }] };
const gpu = { name: 'cuda', available: true, devices: [{ name: 'a GPU', capability: '9.0', memory: 85e9 }] };
const none = { name: 'cuda', available: false, devices: [], problem: 'no driver' };

async function answering(context: TestContext, script: string): Promise<string> {
  const file = path.join(await temporaryFolder(context), 'runner');
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

test('auto is the GPU where there is one', () => {
  assert.equal(autoBackend([cpu, gpu]), 'cuda');
  assert.equal(autoBackend([cpu, none]), 'cpu');
  assert.equal(autoBackend([cpu]), 'cpu');
  assert.equal(autoBackend([]), 'cpu');
});

test('what is no backend is left out', () => {
  const odd = [7, null, { name: 'x' }, { ...cpu, devices: [null] }, { ...gpu, available: 1 }, { ...gpu, apart: 1 }];
  assert.deepEqual(parseBackends(JSON.stringify({ version: '1', backends: [cpu, ...odd, none] })), [cpu, none]);
  assert.deepEqual(parseBackends('{}'), []);
});

test('the runner is asked; one that does not answer has none', async (context) => {
  const info = JSON.stringify({ version: '1', backends: [cpu, gpu] });
  assert.deepEqual(await runnerBackends(await answering(context, `echo '${info}'`)), [cpu, gpu]);
  assert.deepEqual(await runnerBackends(await answering(context, 'echo nonsense')), []);
  assert.deepEqual(await runnerBackends(await answering(context, 'exit 70')), []);
  assert.deepEqual(await runnerBackends('/nowhere/runner'), []);
});

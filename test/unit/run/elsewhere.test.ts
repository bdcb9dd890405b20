import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import path from 'node:path';
import { rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { activeRuns, createRunFolder, isAtWork, PLAN_FILE, runState } from '../../../src/core/run/index.js';
import { startRunner, stopRunner } from '../../../src/core/runner/index.js';
import { eventLine, exampleConfig, startLine, stepLine, temporaryFolder } from './support.js';

const THERE = { pid: 4242, pidStart: 99, bootId: 'the boot of another machine' };

test('a run whose process is on another machine is not taken for dead, nor touched from here', async (t) => {
  const runs = await temporaryFolder(t);
  const folder = await createRunFolder(runs, exampleConfig(), (file) => writeFile(file, path.basename(file) === PLAN_FILE ? 'plan' : ''));
  const record = (fields: object): Promise<void> => writeFile(path.join(folder, 'process.json'), JSON.stringify({ ...THERE, ...fields }));
  const log = (text: string): Promise<void> => writeFile(path.join(folder, 'events.jsonl'), text);
  await record({ host: 'some-other-machine' });
  assert.equal(await runState(folder), 'starting');
  await log(startLine(THERE) + stepLine(1));
  assert.equal(await runState(folder), 'running');
  assert.equal(await isAtWork(folder), true);
  assert.deepEqual(await activeRuns(runs), [folder]);
  const elsewhere = /at work on another machine, some-other-machine/;
  await assert.rejects(stopRunner(folder), elsewhere);
  await assert.rejects(startRunner(folder, { resume: true, runner: '/bin/true' }), elsewhere);
  // It says itself that it is done, or whoever started it has seen its end.
  await record({ host: 'some-other-machine', ended: { exitCode: null, signal: 'SIGKILL' } });
  assert.equal(await runState(folder), 'crashed');
  await record({ host: 'some-other-machine' });
  await log(startLine(THERE) + stepLine(1) + eventLine('finished', { steps: 1, seconds: 1 }));
  assert.equal(await runState(folder), 'finished');
  assert.equal(await isAtWork(folder), false);
  // An earlier boot of this machine is nobody else's, nor is what says nothing.
  await log(startLine(THERE) + stepLine(1));
  for (const host of [hostname(), undefined]) {
    await record({ host });
    assert.equal(await runState(folder), 'crashed', host);
  }
  await rm(path.join(folder, 'process.json'));
  assert.equal(await runState(folder), 'crashed');
});

import assert from 'node:assert/strict';
import { appendFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';

import { WishboneError } from '../../../src/core/errors.js';
import { createRunFolder, LOG_FILE, writeLabels } from '../../../src/core/run/index.js';
import { EVENTS_FILE } from '../../../src/core/events/index.js';
import { startRunner, stopRunner } from '../../../src/core/runner/index.js';
import { identify } from '../../../src/core/run/process-identity.js';
import { writeProcessRecord } from '../../../src/core/run/process-record.js';
import { LiveRun, type RunChange } from '../../../src/extension/runs/live-run.js';
import { eventLine, exampleConfig, fakeRunner, LAST_STEP, startLine, STEADY, stepLine, temporaryFolder, until } from '../run/support.js';

async function newRun(context: TestContext): Promise<{ folder: string; tools: string }> {
  const tools = await temporaryFolder(context);
  return {
    folder: await createRunFolder(path.join(tools, 'runs'), exampleConfig(), (file) => writeFile(file, 'plan')),
    tools,
  };
}

async function watched(context: TestContext, folder: string): Promise<{ run: LiveRun; changes: RunChange[] }> {
  const run = await LiveRun.open(folder);
  context.after(() => run.dispose());
  const changes: RunChange[] = [];
  run.onChange((change) => changes.push(change));
  return { run, changes };
}

test('a finished run is read whole when it is opened', async (context) => {
  const { folder } = await newRun(context);
  await writeFile(
    path.join(folder, EVENTS_FILE),
    startLine() + Array.from({ length: 3000 }, (_, i) => stepLine(i + 1)).join('') + eventLine('finished', { steps: 3000, seconds: 9 }),
  );
  const { run } = await watched(context, folder);
  assert.equal(run.state, 'finished');
  assert.equal(run.history.steps.length, 3000);
});

test('what the runner wrote into run.json is read when the run gets on', async (context) => {
  const { folder } = await newRun(context);
  const { run } = await watched(context, folder);
  assert.equal(run.config.runner.threads, 0);
  const file = path.join(folder, 'run.json');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/"threads": 0/, '"threads": 3'));
  await writeFile(path.join(folder, EVENTS_FILE), startLine() + stepLine(1) + eventLine('finished', { steps: 1, seconds: 9 }));
  await until(() => run.state === 'finished', 'it has finished');
  assert.equal(run.config.runner.threads, 3);
  assert.equal(run.config.name, (JSON.parse(text) as { name: string }).name);
});

test('what is no run cannot be opened', async (context) => {
  await assert.rejects(LiveRun.open(await temporaryFolder(context)), WishboneError);
});

test('a run is watched from start to end', async (context) => {
  const { folder, tools } = await newRun(context);
  const { run, changes } = await watched(context, folder);
  assert.equal(run.state, 'planned');
  const pid = await startRunner(folder, { runner: await fakeRunner(tools, STEADY) });
  context.after(() => {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It is gone already.
    }
  });
  await until(() => run.state === 'running', 'it runs');

  const log = path.join(folder, EVENTS_FILE);
  const delays: number[] = [];
  for (const step of [1, 2, 3, 4, 5]) {
    const before = changes.length;
    const began = performance.now();
    await appendFile(log, stepLine(step));
    await until(() => changes.slice(before).some(({ changedFrom }) => changedFrom === step - 1), 'the step is told');
    assert.equal(run.history.step, step);
    delays.push(performance.now() - began);
  }
  context.diagnostic(`a step is told after ${delays.map((delay) => delay.toFixed()).join(', ')} ms`);

  const lastStep = path.join(folder, LAST_STEP);
  await writeFile(lastStep, '');
  await stopRunner(folder);
  await run.refresh();
  assert.equal(run.state, 'stopping');
  await rm(lastStep);
  await until(() => run.state === 'stopped', 'it has stopped');
  const states = changes.flatMap(({ previous }) => (previous === undefined ? [] : [previous]));
  assert.deepEqual(
    states.filter((state) => state !== 'starting'),
    ['planned', 'running', 'stopping'],
  );
});

test('a burst of events is told in few changes, without losing a row', async (context) => {
  const { folder } = await newRun(context);
  const me = (await identify(process.pid))!;
  const log = path.join(folder, EVENTS_FILE);
  await writeFile(log, startLine({ ...me }));
  const { run, changes } = await watched(context, folder);
  const began = performance.now();
  for (let step = 1; step <= 200; step++) await appendFile(log, stepLine(step));
  await until(() => run.history.steps.length === 200, 'all steps are there');
  await run.refresh();
  // One each 40 ms, when events come; one each second anyway; and the one that was asked for.
  const elapsed = performance.now() - began;
  assert.ok(changes.length <= elapsed / 35 + elapsed / 1000 + 2, `${changes.length} changes in ${elapsed} ms`);
  // Each change begins where the one before ended.
  let known = 0;
  for (const { changedFrom } of changes) {
    assert.ok(changedFrom <= known || changedFrom <= run.history.steps.length);
    known = Math.max(known, changedFrom);
  }
});

test('a killed run is seen to have crashed, with how it ended and its last words', async (context) => {
  const { folder, tools } = await newRun(context);
  const runner = await fakeRunner(tools, `start(); console.error('memory is short'); setInterval(() => {}, 1000);`);
  const pid = await startRunner(folder, { runner });
  const { run } = await watched(context, folder);
  assert.equal(run.state, 'running');
  await until(async () => (await readFile(path.join(folder, LOG_FILE), 'utf8')) !== '', 'it has said something');
  process.kill(pid, 'SIGKILL');
  // How it ended is noted by whoever started it, which may be after the crash is seen.
  await until(() => run.crash?.exit.includes('killed') === true, 'it has crashed, and how is known');
  assert.equal(run.state, 'crashed');
  const { advice, ...crash } = run.crash!;
  assert.deepEqual(crash, { exit: 'killed by SIGKILL', log: ['memory is short'] });
  assert.match(advice.join(' '), /memory/);
});

test('how a run ended is taken over when it is noted after the crash is seen', async (context) => {
  const { folder } = await newRun(context);
  const process = { pid: 1, pidStart: 1, bootId: 'another boot' };
  await writeFile(path.join(folder, EVENTS_FILE), startLine(process) + stepLine(1));
  await writeProcessRecord(folder, process);
  const { run, changes } = await watched(context, folder);
  assert.equal(run.crash?.exit, 'it ended without an error message');
  const told = changes.length;
  await run.refresh();
  assert.equal(changes.length, told, 'nothing is told when nothing changed');
  await writeProcessRecord(folder, { ...process, ended: { exitCode: null, signal: 'SIGKILL' } });
  await run.refresh();
  assert.equal(run.crash?.exit, 'killed by SIGKILL');
  assert.equal(changes.length, told + 1);
});

test('a crash that nobody saw is still a crash', async (context) => {
  const { folder } = await newRun(context);
  await writeFile(path.join(folder, EVENTS_FILE), startLine() + stepLine(1));
  await writeFile(path.join(folder, LOG_FILE), 'one\ntwo\n');
  const { run } = await watched(context, folder);
  assert.equal(run.state, 'crashed');
  const { advice, ...crash } = run.crash!;
  assert.deepEqual(crash, { exit: 'it ended without an error message', log: ['one', 'two'] });
  assert.match(advice.join(' '), /Resume/);
});

test('a removed folder is noticed', async (context) => {
  const { folder } = await newRun(context);
  await writeFile(path.join(folder, EVENTS_FILE), startLine() + stepLine(1));
  const { run, changes } = await watched(context, folder);
  assert.equal(run.gone, false);
  await rename(folder, `${folder}.away`);
  await rm(`${folder}.away`, { recursive: true });
  await until(() => run.gone && changes.length > 0, 'it is gone');
  assert.deepEqual(run.history.steps, []);
});

test('a name and tags that are given to a run are taken over', async (context) => {
  const { folder } = await newRun(context);
  const { run, changes } = await watched(context, folder);
  await writeLabels(folder, { name: 'renamed', tags: ['a'] });
  await run.relabel();
  assert.deepEqual([run.config.name, run.tags, changes.length], ['renamed', ['a'], 1]);
  await run.relabel();
  assert.equal(changes.length, 1, 'nothing is told when nothing changed');
});

test('a log that ends in the middle of a line is read up to there', async (context) => {
  const { folder } = await newRun(context);
  await writeFile(path.join(folder, EVENTS_FILE), `${startLine()}{"seq": 3, "ti\n${stepLine(1)}{"seq": 9, "ty`);
  const { run } = await watched(context, folder);
  assert.equal(run.history.step, 1);
  assert.deepEqual(run.log, { more: false, skipped: 1, unfinished: true });
});

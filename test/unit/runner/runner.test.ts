import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';

import { ExitCode, WishboneError } from '../../../src/core/errors.js';
import { createRunFolder, LOG_FILE, readProcessRecord, runState } from '../../../src/core/run/index.js';
import { EVENTS_FILE, readEvents } from '../../../src/core/events/index.js';
import { lastLogLines, locateRunner, parseRunnerError, startRunner, stopRunner } from '../../../src/core/runner/index.js';
import { identify, isAlive } from '../../../src/core/run/process-identity.js';
import { writeProcessRecord } from '../../../src/core/run/process-record.js';
import { eventLine, exampleConfig, fakeRunner, LAST_STEP, startLine, STEADY, stepLine, temporaryFolder, until } from '../run/support.js';

async function newRun(context: TestContext): Promise<{ folder: string; tools: string }> {
  const tools = await temporaryFolder(context);
  const runs = path.join(tools, 'runs');
  return { folder: await createRunFolder(runs, exampleConfig(), (file) => writeFile(file, 'plan')), tools };
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

test('a process is told from another with its number', async () => {
  const me = (await identify(process.pid))!;
  assert.equal(await isAlive(me), true);
  assert.equal(await isAlive({ ...me, pidStart: me.pidStart + 1 }), false);
  assert.equal(await isAlive({ ...me, bootId: 'another' }), false);
  const child = spawnSync('true');
  assert.equal(await identify(child.pid), undefined);
});

test('a process whose name holds parentheses and spaces is identified', async (context) => {
  const folder = await temporaryFolder(context);
  const odd = path.join(folder, 'a) R (b 1');
  await writeFile(odd, '#!/bin/sh\nread line\n');
  await chmod(odd, 0o755);
  const child = spawn(odd, { stdio: ['pipe', 'ignore', 'ignore'] });
  await once(child, 'spawn');
  const identity = (await identify(child.pid!))!;
  const mine = (await identify(process.pid))!;
  assert.ok(identity.pidStart >= mine.pidStart);
  assert.equal(await isAlive(identity), true);
  child.stdin.end();
  await once(child, 'exit');
  assert.equal(await isAlive(identity), false);
});

test('a run is started, seen running, stopped and resumed', async (context) => {
  const { folder, tools } = await newRun(context);
  const runner = await fakeRunner(tools, STEADY);
  assert.equal(await runState(folder), 'planned');
  const pid = await startRunner(folder, { runner });
  endWithTest(context, pid);
  assert.equal(await runState(folder), 'running');
  await until(async () => (await readFile(path.join(folder, LOG_FILE), 'utf8')).includes('at work'), 'the log has its output');
  await assert.rejects(startRunner(folder, { runner }), /this run is already running/);

  const lastStep = path.join(folder, LAST_STEP);
  await writeFile(lastStep, '');
  assert.equal(await stopRunner(folder), true);
  assert.equal(await runState(folder), 'stopping');
  await rm(lastStep);
  await until(async () => (await runState(folder)) === 'stopped', 'it has stopped');
  await until(async () => (await readProcessRecord(folder))?.ended?.exitCode === 0, 'its exit is on record');
  assert.equal(await stopRunner(folder), false);

  const again = await startRunner(folder, { resume: true, runner });
  endWithTest(context, again);
  assert.equal(await runState(folder), 'running');
  const starts = (await readEvents(folder)).filter((event) => event.type === 'start');
  assert.deepEqual(
    starts.map((event) => event.type === 'start' && event.resumedFrom),
    [null, 3],
  );
  await writeFile(lastStep, '');
  const { length } = await readFile(path.join(folder, LOG_FILE));
  await stopRunner(folder);
  // Two signals that come before the first is heard are one.
  await until(
    async () => (await readFile(path.join(folder, LOG_FILE))).includes('asked to stop', length),
    'it has heard that it should stop',
  );
  assert.equal(await stopRunner(folder, { force: true }), true);
  await until(async () => (await runState(folder)) === 'crashed', 'it has ended');
  await until(async () => (await readProcessRecord(folder))?.ended?.exitCode === 130, 'its exit is on record');
});

test('a run that has said its last word is resumed when its process is gone', async (context) => {
  const { folder, tools } = await newRun(context);
  const lingers = await fakeRunner(
    tools,
    `start(); process.on('SIGTERM', () => { event('stopped', { step: 3, seconds: 1 }); setTimeout(() => process.exit(0), 2000); }); setInterval(() => {}, 1000);`,
  );
  const first = await startRunner(folder, { runner: lingers });
  endWithTest(context, first);
  await stopRunner(folder);
  await until(async () => (await readEvents(folder)).at(-1)?.type === 'stopped', 'it has stopped');
  const identity = (await identify(first))!;
  assert.equal(await isAlive(identity), true, 'and is still there');
  const again = await startRunner(folder, { resume: true, runner: lingers });
  endWithTest(context, again);
  assert.equal(await isAlive(identity), false);
  await assert.rejects(startRunner(folder, { runner: lingers }), /this run is already running/);
});

test('force ends a process that does not listen', async (context) => {
  const { folder, tools } = await newRun(context);
  const runner = await fakeRunner(tools, `start(); process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);`);
  const pid = await startRunner(folder, { runner });
  endWithTest(context, pid);
  assert.equal(await stopRunner(folder, { force: true }), true);
  assert.equal(await identify(pid), undefined);
  await until(async () => (await readProcessRecord(folder))?.ended?.signal === 'SIGKILL', 'its end is on record');
});

test('a process killed from outside has crashed', async (context) => {
  const { folder, tools } = await newRun(context);
  const pid = await startRunner(folder, { runner: await fakeRunner(tools, STEADY) });
  process.kill(pid, 'SIGKILL');
  await until(async () => (await runState(folder)) === 'crashed', 'it has crashed');
});

test('the runner outlives the process that started it', async (context) => {
  const { folder, tools } = await newRun(context);
  const runner = await fakeRunner(tools, `start(); setInterval(() => console.log('still here'), 50);`);
  const starter = path.join(tools, 'starter.ts');
  await writeFile(
    starter,
    `import { startRunner } from ${JSON.stringify(path.resolve('src/core/runner/index.ts'))};
     void startRunner(${JSON.stringify(folder)}, { runner: ${JSON.stringify(runner)} }).then((pid) => console.log(pid));`,
  );
  // No exit call in it: that it ends shows that the runner does not hold it.
  const starting = spawnSync(process.execPath, ['--import', 'tsx', starter], { encoding: 'utf8', timeout: 20_000 });
  assert.equal(starting.status, 0, starting.stderr);
  const pid = Number(starting.stdout);
  endWithTest(context, pid);
  assert.equal(await runState(folder), 'running');
  const { length } = await readFile(path.join(folder, LOG_FILE));
  await until(async () => (await readFile(path.join(folder, LOG_FILE))).length > length, 'it still writes its log');
});

test('an early exit becomes an error with what the runner said', async (context) => {
  const { folder, tools } = await newRun(context);
  await writeFile(path.join(folder, LOG_FILE), 'error: an old one\n  at: long ago\n  fix: none\n');
  const said = await fakeRunner(
    tools,
    `console.error('loading'); console.error('error: tensor too short\\n  at: model.safetensors, tensor x\\n  fix: get it again'); process.exit(3);`,
  );
  await assert.rejects(
    startRunner(folder, { runner: said }),
    (error) =>
      error instanceof WishboneError &&
      error.format() === 'error: tensor too short\n  at: model.safetensors, tensor x\n  fix: get it again' &&
      error.exitCode === ExitCode.badInput,
  );
  assert.equal(await runState(folder), 'crashed');

  const silent = await fakeRunner(tools, `console.error('one'); console.error('two'); process.kill(process.pid, 'SIGKILL');`);
  await assert.rejects(
    startRunner(folder, { runner: silent }),
    (error) => error instanceof WishboneError && /killed by SIGKILL; it said: one \/ two/.test(error.what),
  );

  const event = await fakeRunner(tools, `event('failed', { what: 'w', where: 'x', advice: 'a', exitCode: 4 }); process.exit(4);`);
  await assert.rejects(
    startRunner(folder, { runner: event }),
    (error) => error instanceof WishboneError && error.what === 'w' && error.exitCode === ExitCode.outOfMemory,
  );
  assert.equal(await runState(folder), 'failed');
});

test('a program that cannot be started is a clear error', async (context) => {
  const { folder, tools } = await newRun(context);
  const broken = path.join(tools, 'broken');
  await writeFile(broken, '#!/no/such/interpreter\n');
  await chmod(broken, 0o755);
  await assert.rejects(
    startRunner(folder, { runner: broken }),
    (error) => error instanceof WishboneError && /could not be started/.test(error.what) && error.where === broken,
  );
});

test('a run that ends before it is looked at counts as started', async (context) => {
  const { folder, tools } = await newRun(context);
  const pid = await startRunner(folder, {
    runner: await fakeRunner(tools, `start(); event('finished', { steps: 10, seconds: 1 });`),
  });
  assert.ok(pid > 0);
  await until(async () => (await runState(folder)) === 'finished', 'it has finished');
});

test('state of a log alone: another process that got the number does not count', async (context) => {
  const { folder } = await newRun(context);
  const log = path.join(folder, EVENTS_FILE);
  const me = (await identify(process.pid))!;
  await writeFile(log, startLine({ ...me }));
  assert.equal(await runState(folder), 'running');
  await writeFile(log, startLine({ ...me, pidStart: me.pidStart - 1 }) + stepLine(1));
  assert.equal(await runState(folder), 'crashed');
  assert.equal(await stopRunner(folder), false);
  await appendFile(log, eventLine('failed', { what: 'w', where: 'x', advice: 'a', exitCode: 3 }));
  assert.equal(await runState(folder), 'failed');
  await appendFile(log, startLine({ ...me, resumedFrom: 1 }));
  assert.equal(await runState(folder), 'running');
  await appendFile(log, eventLine('finished', { steps: 10, seconds: 1 }));
  assert.equal(await runState(folder), 'finished');
});

test('a process on record that has not begun its log is starting', async (context) => {
  const { folder } = await newRun(context);
  const me = (await identify(process.pid))!;
  await writeFile(path.join(folder, EVENTS_FILE), startLine() + eventLine('stopped', { step: 1 }));
  await writeProcessRecord(folder, me);
  assert.equal(await runState(folder), 'starting');
  await writeProcessRecord(folder, { ...me, pidStart: me.pidStart - 1 });
  assert.equal(await runState(folder), 'stopped');
  await writeFile(path.join(folder, 'process.json'), '{"pid":-1}');
  assert.equal(await runState(folder), 'stopped');
});

test('the runner is named by the environment or found beside the code', async (context) => {
  const folder = await temporaryFolder(context);
  const before = process.env['WISHBONE_RUNNER'];
  context.after(() => {
    if (before === undefined) delete process.env['WISHBONE_RUNNER'];
    else process.env['WISHBONE_RUNNER'] = before;
  });
  const file = path.join(folder, 'runner');
  process.env['WISHBONE_RUNNER'] = file;
  await assert.rejects(locateRunner(), (error) => error instanceof WishboneError && error.where === file);
  await mkdir(file);
  await assert.rejects(locateRunner(), /does not exist/);
  process.env['WISHBONE_RUNNER'] = `${file}2`;
  await writeFile(`${file}2`, '', { mode: 0o644 });
  await assert.rejects(locateRunner(), /not executable/);
  await chmod(`${file}2`, 0o755);
  assert.equal(await locateRunner(), `${file}2`);
});

test('the last lines of a log, and the error in them', async (context) => {
  const file = path.join(await temporaryFolder(context), 'log');
  assert.deepEqual(await lastLogLines(file), []);
  await writeFile(file, `${'x'.repeat(40_000)}\none\n\ntwo\r\nthree\n`);
  assert.deepEqual(await lastLogLines(file), ['one', 'two', 'three']);
  assert.deepEqual(await lastLogLines(file, { count: 1 }), ['three']);
  assert.equal(parseRunnerError(['error: a', 'error: b']), undefined);
  assert.deepEqual(parseRunnerError(['error: a', '  at: b', '  fix: c', 'bye']), {
    what: 'a',
    where: 'b',
    advice: 'c',
  });
});

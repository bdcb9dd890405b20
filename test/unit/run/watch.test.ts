import assert from 'node:assert/strict';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { type RunsChange, RunsWatcher } from '../../../src/core/run/watch.js';
import { temporaryFolder } from './support.js';

/** Long enough that a test that needs a poll would fail for its time. */
const NEVER = 1e8;

async function watched(context: TestContext, poll = NEVER): Promise<{ workspace: string; told: RunsChange[]; watcher: RunsWatcher }> {
  const workspace = await temporaryFolder(context);
  const told: RunsChange[] = [];
  const watcher = new RunsWatcher(workspace, (change) => told.push(change), poll);
  context.after(() => watcher.dispose());
  return { workspace, told, watcher };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (isSo()) return;
    await sleep(25);
  }
  assert.fail(`waited in vain: ${what}`);
}

/** A run as the command line makes one: under a temporary name, renamed, and its process noted at once. */
async function makeRun(workspace: string, name: string): Promise<string> {
  const runs = path.join(workspace, '.wishbone', 'runs');
  await mkdir(runs, { recursive: true });
  const building = path.join(runs, `.new-${name}`);
  await mkdir(building);
  await writeFile(path.join(building, 'run.json'), '{}');
  const folder = path.join(runs, name);
  await rename(building, folder);
  await writeFile(path.join(folder, 'process.json'), '{}');
  return folder;
}

const ofFile = (told: readonly RunsChange[], folder: string, file: string): boolean =>
  told.some((change) => change.kind === 'file' && change.folder === folder && change.file === file);

test('a run in a folder that was not there is told of, however fast it was made, every time', async (context) => {
  const { workspace, told, watcher } = await watched(context);
  await watcher.look();
  for (let round = 0; round < 25; round++) {
    told.length = 0;
    // All levels at once: the time between them is too short for a watch to be put on each.
    const folder = await makeRun(workspace, `run-${round}`);
    await until(`round ${round}`, () => told.some(({ kind }) => kind === 'runs') && ofFile(told, folder, 'process.json'));
    told.length = 0;
    await rm(path.join(workspace, '.wishbone'), { recursive: true });
    await until(`round ${round}, removed`, () => told.some(({ kind }) => kind === 'runs'));
  }
});

test('runs that come while it looks are told of', async (context) => {
  const { workspace, told, watcher } = await watched(context);
  await watcher.look();
  const made: string[] = [];
  for (let i = 0; i < 20; i++) {
    made.push(await makeRun(workspace, `run-${i}`));
    if (i % 3 === 0) void watcher.look();
    if (i % 4 === 0) await sleep(i);
  }
  await until('each of them', () => made.every((folder) => ofFile(told, folder, 'process.json')));
});

test('labels and processes of runs that were there are told of, what was there before is not', async (context) => {
  const { workspace, told, watcher } = await watched(context);
  const folder = await makeRun(workspace, 'old');
  await watcher.look();
  await sleep(50);
  assert.equal(told.length, 0);
  await writeFile(path.join(folder, 'labels.json'), '{}');
  await until('the labels', () => ofFile(told, folder, 'labels.json'));
  await writeFile(path.join(folder, 'events.jsonl'), 'x');
  await writeFile(path.join(folder, 'process.json'), '{ }');
  await until('the process', () => ofFile(told, folder, 'process.json'));
  assert.ok(told.every((change) => change.kind === 'file' && ['labels.json', 'process.json'].includes(change.file)));
});

test('a look tells of all there is when it resolves; one that is over tells nothing', async (context) => {
  const { workspace, told, watcher } = await watched(context);
  await watcher.look();
  const folder = await makeRun(workspace, 'new');
  await Promise.all([watcher.look(), watcher.look()]);
  assert.ok(told.some(({ kind }) => kind === 'runs'));
  watcher.dispose();
  told.length = 0;
  await rm(folder, { recursive: true });
  await watcher.look();
  await sleep(50);
  assert.equal(told.length, 0);
});

test('by itself it looks every so often', async (context) => {
  const { workspace, told } = await watched(context, 20);
  await sleep(60);
  await makeRun(workspace, 'new');
  await until('the run', () => told.some(({ kind }) => kind === 'runs'));
});

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { becomeSender, endSender, senderOf } from '../../../src/core/trackers/lock.js';
import { nextPart } from '../../../src/core/trackers/spool.js';
import { eventLine, stepLine, temporaryFolder } from '../run/support.js';
import { append } from './support.js';

const NOTHING = { bytes: 0, seq: -1 };
const steps = (part: Awaited<ReturnType<typeof nextPart>>): unknown[] => (part?.events ?? []).map((event) => 'step' in event && event.step);

test('parts of a log, from where a tracker is', async (t) => {
  const folder = await temporaryFolder(t);
  assert.equal(await nextPart(folder, NOTHING), undefined);
  await append(folder, stepLine(1), stepLine(2));
  const first = await nextPart(folder, NOTHING);
  assert.deepEqual(steps(first), [1, 2]);
  assert.equal(first?.more, false);
  assert.equal(await nextPart(folder, first!.cursor), undefined);
  const half = stepLine(3);
  await append(folder, half.slice(0, 20));
  assert.equal(await nextPart(folder, first!.cursor), undefined, 'half a line is none');
  await append(folder, half.slice(20));
  assert.deepEqual(steps(await nextPart(folder, first!.cursor)), [3]);
});

test('a long log comes in parts, a long event whole', async (t) => {
  const folder = await temporaryFolder(t);
  const prompt = Array.from({ length: 200_000 }, (_, index) => index);
  await append(folder, ...Array.from({ length: 3000 }, (_, index) => stepLine(index + 1)));
  await append(folder, eventLine('sample', { step: 1, model: 'policy', prompts: [prompt], completions: [[1]] }), stepLine(3001));
  const seen: string[] = [];
  let parts = 0;
  for (let part = await nextPart(folder, NOTHING); part !== undefined; part = await nextPart(folder, part.cursor)) {
    seen.push(...part.events.map((event) => (event.type === 'step' ? String(event.step) : event.type)));
    parts++;
  }
  assert.deepEqual(seen, [...Array.from({ length: 3000 }, (_, index) => String(index + 1)), 'sample', '3001']);
  assert.ok(parts > 3 && parts < 12, `${parts} parts`);
});

test('a log that was cut off or replaced: what a tracker has is passed over', async (t) => {
  const folder = await temporaryFolder(t);
  const lines = [1, 2, 3].map((step) => stepLine(step));
  await append(folder, ...lines);
  const { cursor } = (await nextPart(folder, NOTHING))!;
  await writeFile(path.join(folder, 'events.jsonl'), lines.slice(0, 2).join(''));
  assert.deepEqual(steps(await nextPart(folder, cursor)), []);
  await append(folder, stepLine(4));
  assert.deepEqual(steps(await nextPart(folder, cursor)), [4]);
});

test('one process sends a run; what a process that is gone left is taken over', async (t) => {
  const folder = await temporaryFolder(t);
  const giveUp = await becomeSender(folder);
  assert.ok(giveUp);
  assert.equal((await senderOf(folder))?.pid, process.pid);
  assert.equal(await becomeSender(folder), undefined);
  await giveUp();
  assert.equal(await senderOf(folder), undefined);
  const file = path.join(folder, 'trackers', 'process.json');
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify({ pid: process.pid, host: hostname(), pidStart: 1, bootId: 'another boot' }));
  const all = await Promise.all(Array.from({ length: 8 }, () => becomeSender(folder)));
  assert.equal(all.filter((each) => each !== undefined).length, 1);
  await writeFile(file, JSON.stringify({ pid: 1, host: 'elsewhere' }));
  assert.equal(await becomeSender(folder), undefined, 'of another machine nothing can be told');
  assert.equal((await senderOf(folder))?.isHere, false);
});

test('a folder that names a process which cannot be told from others ends none, and a pipe holds nobody up', async (t) => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'trackers', 'process.json');
  await mkdir(path.dirname(file), { recursive: true });
  const child = spawn('sleep', ['60']);
  t.after(() => child.kill('SIGKILL'));
  await writeFile(file, JSON.stringify({ pid: child.pid, host: hostname() }));
  const { platform } = process;
  Object.defineProperty(process, 'platform', { value: 'darwin' });
  try {
    await assert.rejects(endSender(folder), /may be another by now/);
  } finally {
    Object.defineProperty(process, 'platform', { value: platform });
  }
  assert.equal(child.exitCode ?? child.signalCode, null);
  await rm(file);
  execFileSync('mkfifo', [file]);
  assert.equal(await senderOf(folder), undefined);
  assert.ok(await becomeSender(folder));
});

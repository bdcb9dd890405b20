import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { exampleData, exampleModel, temporaryFolder, wishbone } from './support.js';

const options = ['--model', exampleModel, '--preset', 'quick', '--batch-size', '4', '--epochs', '1', '--save-steps', '5'];

interface Event {
  readonly type: string;
  readonly step: number;
  readonly pid: number;
}

async function events(run: string): Promise<Event[]> {
  const lines = (await readFile(join(run, 'events.jsonl'), 'utf8')).split('\n');
  return lines.slice(0, -1).flatMap((line) => {
    try {
      return [JSON.parse(line) as Event];
    } catch {
      return []; // cut off by the kill
    }
  });
}

async function weightsHash(run: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(join(run, 'export/model.safetensors')))
    .digest('hex');
}

test('kill -9 in mid-run, then resume: the same weights as an uninterrupted run', async (t) => {
  const folder = await temporaryFolder(t);
  const whole = await wishbone('train', exampleData, ...options, '--runs', join(folder, 'whole'), '--json');
  assert.equal(whole.code, 0, whole.stderr);
  const wholeRun = (JSON.parse(whole.stdout) as { folder: string }).folder;

  const started = await wishbone('train', exampleData, ...options, '--runs', join(folder, 'cut'), '--detach', '--json');
  assert.equal(started.code, 0, started.stderr);
  const run = (JSON.parse(started.stdout) as { folder: string }).folder;
  let log = await events(run);
  while (!log.some((event) => event.type === 'step' && event.step === 12)) {
    assert.ok(!log.some((event) => event.type === 'finished'), 'killed before the end');
    await sleep(50);
    log = await events(run);
  }
  process.kill(log.find((event) => event.type === 'start')!.pid, 'SIGKILL');
  await sleep(200);

  // By what every command calls a run, not by its folder alone.
  const resumed = await wishbone('train', '--resume', 'latest', '--runs', join(folder, 'cut'), '--json');
  assert.equal(resumed.code, 0, resumed.stderr);
  const steps = (await events(run)).filter((event) => event.type === 'step').map((event) => event.step);
  assert.ok(new Set(steps).size < steps.length, 'some steps were done again');
  assert.equal(await weightsHash(run), await weightsHash(wholeRun));
  // The record is of the plan's pairs, and both plans are the same file.
  assert.ok((await readFile(join(run, 'pairs.bin'))).equals(await readFile(join(wholeRun, 'pairs.bin'))), 'each step recorded once');
});

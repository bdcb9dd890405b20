import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import { decidedPlan, obtainPlan } from '../../../src/core/prepare/index.js';
import { DEFAULT_PLAN, LEAST_CAPACITY } from '../../../src/core/options/index.js';
import { scratchFolder, tokenizedModel } from './support.js';

const ids = (length: number, first: number): Int32Array => Int32Array.from({ length }, (_, i) => (i < 100 ? i : i + first));
/** A pair of sequences of so many tokens, the first hundred in common. */
const pair = (chosen: number, rejected: number) => ({
  chosen: ids(chosen, 0),
  rejected: ids(rejected, 1),
  promptLength: 100,
  row: 0,
  line: 1,
});

test('a number that is asked for holds; what is left to be decided is what the device has room for, but no less than a pair needs', () => {
  const dataset = { pairs: [pair(200, 300)], evalPairs: [] };
  assert.equal(decidedPlan(dataset, { ...DEFAULT_PLAN, capacity: 64 }, 16384).capacity, 64);
  assert.equal(decidedPlan(dataset, DEFAULT_PLAN).capacity, LEAST_CAPACITY);
  assert.equal(decidedPlan(dataset, DEFAULT_PLAN, 16384).capacity, 16384);
  const long = { pairs: [pair(200, 300), pair(2000, 1500)], evalPairs: [] };
  // 3,400 tokens with the prompt once, 3,500 with it twice, 2,000 of the longer sequence.
  assert.equal(decidedPlan(long, DEFAULT_PLAN).capacity, 3584);
  assert.equal(decidedPlan(long, { ...DEFAULT_PLAN, sharing: 'none' }, 4096).capacity, 4096);
  assert.equal(decidedPlan(long, { ...DEFAULT_PLAN, sharing: 'tree' }).capacity, LEAST_CAPACITY);
  const held = { pairs: [pair(200, 300)], evalPairs: [pair(4000, 4100)] };
  assert.equal(decidedPlan(held, DEFAULT_PLAN, 4096).capacity, 8192, 'those held out count too');
});

test('a plan whose capacity was decided is the one of that number, and is found again in the cache', async (t) => {
  const folder = await scratchFolder(t);
  const model = await tokenizedModel(t);
  const dataset = path.join(folder, 'pairs.jsonl');
  const long = 'word '.repeat(60);
  await writeFile(dataset, `${JSON.stringify({ prompt: 'Say. ', chosen: `a ${long}`, rejected: `b ${long}` })}\n`);
  const plan = { ...DEFAULT_PLAN, max_length: 256 };
  // A device with room for less than the pair takes.
  const request = { dataset, model, plan, autoCapacity: 64, cacheFolder: path.join(folder, 'cache') };
  const made = await obtainPlan(request, {}, { files: true });
  const { capacity } = made.options;
  assert.ok(capacity === 256 || capacity === 512, String(capacity));
  assert.equal(capacity, made.summary.capacity);
  assert.equal((await made.plan()).metadata.capacity, capacity);
  const again = await obtainPlan(request, {}, { files: true });
  assert.deepEqual(await again.plan(), await made.plan());
  const asked = await obtainPlan({ ...request, plan: { ...plan, capacity } }, {}, { files: true });
  assert.deepEqual(await asked.plan(), await made.plan());
});

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { listPairs, PAIR_RECORD_FILE, placeOf } from '../../../src/core/pairs/index.js';
import { writePlan } from '../../../src/core/plan/index.js';
import { exampleConfig, temporaryFolder } from '../run/support.js';
import { planOf, tokenPairs, valuesOf, writeRecord } from './support.js';

const PAIRS = 40;
const BATCH = 8;

/** A run of two epochs whose pairs' margins rise with time, those of every fifth row fall. */
async function run(folder: string): Promise<{ readonly rowsOfStep: (step: number) => number[] }> {
  const plan = await planOf(tokenPairs(Array.from({ length: PAIRS }, () => [4, 4])), { epochs: 2, batch_size: BATCH });
  await mkdir(folder, { recursive: true });
  const { dataset, ...rest } = exampleConfig();
  const files = [
    { path: '/data/a.jsonl', sha256: 'a'.repeat(64), format: 'trl-explicit', rows: 25, weight: 1 },
    { path: '/data/b.jsonl', sha256: 'b'.repeat(64), format: 'trl-explicit', rows: 15, weight: 1 },
  ];
  await writeFile(path.join(folder, 'run.json'), JSON.stringify({ ...rest, dataset: { ...dataset, files } }));
  await writePlan(path.join(folder, 'plan.safetensors'), plan);
  const blocks = Array.from({ length: plan.stepPairStart.length - 1 }, (_, at) => {
    const [first, end] = [plan.stepPairStart[at]!, plan.stepPairStart[at + 1]!];
    const values = [...plan.pairRow.subarray(first, end)].map((row) => valuesOf((row % 5 === 0 ? -1 : 1) * (at + 1) + row / 1000));
    return { kind: 1, step: at + 1, first, values };
  });
  await writeRecord(path.join(folder, PAIR_RECORD_FILE), blocks);
  return { rowsOfStep: (step) => [...plan.pairRow.subarray(plan.stepPairStart[step - 1], plan.stepPairStart[step])] };
}

test('the pairs of a view, with where they lie, as many as asked for', async (t) => {
  const folder = path.join(await temporaryFolder(t), 'run');
  await run(folder);
  const { seen, found, pairs } = await listPairs({ folder, of: 'train', view: 'worse', most: 3 });
  assert.deepEqual([seen, found, pairs.length], [PAIRS, PAIRS / 5, 3]);
  assert.ok(pairs.every(({ row, change, start, seen: times }) => row % 5 === 0 && change! < -5 && start === 0 && times === 2));
  assert.ok(pairs[0]!.change! <= pairs[1]!.change!);
  const all = await listPairs({ folder, of: 'train', most: 100 });
  assert.deepEqual([all.found, all.pairs.length], [PAIRS, PAIRS]);
  const last = all.pairs.find(({ row }) => row === 39)!;
  assert.deepEqual([last.file, last.fileRow, last.atStep], ['/data/b.jsonl', 15, undefined]);
});

test('the pairs of a step, of a later epoch too, with their margins then', async (t) => {
  const folder = path.join(await temporaryFolder(t), 'run');
  const { rowsOfStep } = await run(folder);
  for (const step of [2, 7]) {
    const { found, pairs } = await listPairs({ folder, of: 'train', step, most: 100 });
    assert.equal(found, BATCH);
    assert.deepEqual(pairs.map(({ row }) => row).sort(), rowsOfStep(step).sort());
    for (const { row, atStep } of pairs) assert.ok(Math.abs(atStep! - ((row % 5 === 0 ? -1 : 1) * step + row / 1000)) < 1e-5);
  }
  const worse = await listPairs({ folder, of: 'train', view: 'worse', step: 7, most: 100 });
  assert.deepEqual(
    worse.pairs.map(({ row }) => row).sort(),
    rowsOfStep(7)
      .filter((row) => row % 5 === 0)
      .sort(),
  );
  await assert.rejects(
    listPairs({ folder, of: 'train', step: 99, most: 100 }),
    (error) => error instanceof WishboneError && error.what === 'nothing was recorded of step 99',
  );
});

test('a row is told by its file, or where there is one alone by that', () => {
  const dataset = { path: '/data/pairs.jsonl', sha256: 'a'.repeat(64), format: 'trl-explicit', pairs: 9 };
  assert.deepEqual(placeOf(dataset, 3), { file: '/data/pairs.jsonl', fileRow: 4 });
  assert.deepEqual(placeOf(undefined, 3), { file: undefined, fileRow: 4 });
});

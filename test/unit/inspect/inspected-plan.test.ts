import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';

import { InspectedPlan } from '../../../src/core/inspect/inspected-plan.js';
import { readPlanSource, sourceKey } from '../../../src/core/inspect/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { prepareRun } from '../../../src/core/prepare/index.js';
import { writeLabels } from '../../../src/core/run/index.js';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING } from '../../../src/core/options/index.js';

const examples = resolve(import.meta.dirname, '../../../examples');
const model = join(examples, 'tiny-llama');
const options = { ...DEFAULT_PLAN, batch_size: 8 };

type Row = Record<'prompt' | 'chosen' | 'rejected', { readonly content: string }[]>;

let folder: string;
let dataset: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wishbone-inspect-'));
  dataset = join(folder, 'pairs.jsonl');
  await cp(join(examples, 'preferences.jsonl'), dataset);
});

after(() => rm(folder, { recursive: true, force: true }));

const open = (): Promise<InspectedPlan> => InspectedPlan.open({ kind: 'dataset', dataset, model, plan: options });

test('a plan made for a dataset shows its bins with texts, paths, rows and lines', async () => {
  const plan = await open();
  const rows = (await readFile(dataset, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
  const said = (part: keyof Row): string => rows[7]![part].at(-1)!.content;
  assert.equal(plan.info.pairs, rows.length);
  assert.equal(plan.info.noText, null);
  const bin = plan.binOfRow(7);
  const { shared, cost } = await plan.bin(bin);
  assert.ok(cost !== null && cost.naive.flops > cost.shared.flops && cost.naive.seconds > cost.shared.seconds);
  const segment = shared.segmentRow.findIndex((row, index) => row === 7 && shared.segmentRole[index] === 1);
  const row = shared.segmentBegin[segment]!;
  const pieces = await plan.path(bin, 'shared', row);
  const text = pieces.map((piece) => piece.text).join('');
  assert.equal(pieces.filter(({ part }) => part === 'token').length, 1);
  assert.ok(text.includes(said('prompt')), text);
  assert.ok(text.includes(said('chosen')), text);
  assert.ok(!text.includes(said('rejected')), text);
  // Texts of single tokens, one after the other, are the text of the whole.
  const end = shared.segmentEnd[segment]!;
  const tokens = (await plan.texts(bin, 'shared', row, end)).join('');
  assert.ok(tokens.trim().startsWith(said('chosen').slice(0, 20)), tokens);
  assert.equal(await plan.lineOfRow(7), 8);
  assert.equal(plan.binOfRow(100_000), -1);
  assert.equal(await plan.lineOfRow(100_000), null);
});

test('packing covers every bin, and slices say whose pairs they hold', async () => {
  const plan = await open();
  const { shared, naive } = await plan.packing();
  assert.equal(
    shared.roleTokens.reduce((a, b) => a + b, 0),
    plan.info.planTokens,
  );
  assert.equal(
    naive.roleTokens.reduce((a, b) => a + b, 0),
    plan.info.naiveTokens,
  );
  const slice = await plan.packed('naive', 1, 3);
  assert.equal(slice.segmentStart.length, 3);
  assert.ok(slice.segmentRow.every((row) => row >= 0 && row < plan.info.pairs));
  assert.equal((await plan.packed('shared', 10_000, 20_000)).segmentLength.length, 0);
});

test('a run shows its own plan; what became of dataset and model is told', async () => {
  const runModel = join(folder, 'model');
  await cp(model, runModel, { recursive: true });
  const { folder: run } = await prepareRun({
    dataset,
    model: runModel,
    name: 'tried',
    plan: options,
    training: DEFAULT_TRAINING,
    runner: DEFAULT_RUNNER,
    runsFolder: join(folder, 'runs'),
  });
  const plan = await InspectedPlan.open({ kind: 'run', folder: run });
  assert.equal(plan.info.name, 'tried');
  assert.deepEqual((await plan.bin(0)).shared, (await (await open()).bin(0)).shared);
  assert.equal(await plan.datasetState(), 'same');
  await writeFile(dataset, `${await readFile(dataset, 'utf8')}\n`);
  assert.equal(await plan.datasetState(), 'changed');
  await rm(dataset);
  assert.equal(await plan.datasetState(), 'missing');
  await assert.rejects(plan.lineOfRow(1), WishboneError);

  await rm(runModel, { recursive: true });
  const bare = await InspectedPlan.open({ kind: 'run', folder: run });
  assert.match(bare.info.noText ?? '', /tokenizer/);
  assert.equal((await bare.bin(0)).cost, null);
  assert.deepEqual(await bare.texts(0, 'shared', 0, 5), []);

  // The file may be the cache's too: another one takes its place.
  await rm(join(run, 'plan.safetensors'));
  await writeFile(join(run, 'plan.safetensors'), 'short');
  await assert.rejects(InspectedPlan.open({ kind: 'run', folder: run }), WishboneError);
  await rm(run, { recursive: true });
  await assert.rejects(InspectedPlan.open({ kind: 'run', folder: run }), WishboneError);
});

test('a plan is called as people call the run, or the folder that its dataset is in', async () => {
  const saved = resolve(import.meta.dirname, '../dataset/arrow/shards');
  const { info } = await InspectedPlan.open({ kind: 'dataset', dataset: saved, model, plan: options });
  assert.deepEqual([info.name, info.datasetName], ['shards', 'shards']);
  assert.match(info.dataset, /data-00000-of-00003\.arrow$/);
  const { folder: run } = await prepareRun({
    ...{ dataset: saved, model, name: 'planned', plan: options, training: DEFAULT_TRAINING, runner: DEFAULT_RUNNER },
    runsFolder: join(folder, 'runs'),
  });
  await writeLabels(run, { name: 'renamed', tags: [] });
  const ofRun = (await InspectedPlan.open({ kind: 'run', folder: run })).info;
  assert.deepEqual([ofRun.name, ofRun.datasetName], ['renamed', 'shards']);
});

test('a source survives JSON, and nothing else is taken for one', () => {
  for (const source of [
    { kind: 'run', folder: '/runs/a' } as const,
    { kind: 'dataset', dataset: '/a.jsonl', model: '/m', plan: options } as const,
  ]) {
    assert.deepEqual(readPlanSource(JSON.parse(JSON.stringify(source))), source);
    assert.equal(sourceKey(readPlanSource({ ...source, more: 1 })!), sourceKey(source));
  }
  for (const value of [
    undefined,
    'run',
    { kind: 'run', folder: 'relative' },
    { kind: 'dataset', dataset: '/a', model: '/m' },
    { kind: 'dataset', dataset: '/a', model: '/m', plan: { ...options, capacity: -1 } },
    { kind: 'other', folder: '/a' },
  ]) {
    assert.equal(readPlanSource(value), undefined);
  }
});

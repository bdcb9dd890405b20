import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { readPlan } from '../../../src/core/plan/index.js';
import { obtainPlan } from '../../../src/core/prepare/index.js';
import { DEFAULT_PLAN } from '../../../src/core/options/index.js';
import { tokeniseDataset, type DatasetRequest, type TokenisedDataset } from '../../../src/core/tokenise/index.js';
import { tokenizedModel } from './support.js';

/** Two files: ten rows and four, the second with sources of its own in two rows. */
async function twoFiles(t: TestContext): Promise<{ folder: string; request: (...names: string[]) => DatasetRequest }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-mixture-'));
  t.after(() => rm(folder, { recursive: true }));
  const rows = (name: string, count: number, source: (row: number) => object): string =>
    Array.from({ length: count }, (_, row) =>
      JSON.stringify({ prompt: `${name} question ${row}?`, chosen: ' quiet', rejected: ' storm', ...source(row) }),
    ).join('\n');
  await writeFile(
    path.join(folder, 'ten.jsonl'),
    rows('ten', 10, () => ({})),
  );
  await writeFile(
    path.join(folder, 'four.jsonl'),
    rows('four', 4, (row) => (row < 2 ? { source: 'web' } : {})),
  );
  const model = await tokenizedModel(t);
  const request = (...names: string[]): DatasetRequest => ({
    dataset: names.map((name) => path.join(folder, name)),
    model,
    plan: { ...DEFAULT_PLAN, max_length: 512, batch_size: 4, capacity: 512 },
    cacheFolder: path.join(folder, 'cache'),
  });
  return { folder, request };
}

function times({ pairs }: TokenisedDataset): number[] {
  const counts = new Map<number, number>();
  for (const { row } of pairs) counts.set(row, (counts.get(row) ?? 0) + 1);
  return Array.from({ length: 14 }, (_, row) => counts.get(row) ?? 0);
}

test('weights: whole times each pair, then a part of them by seed; rows are counted through the files', async (t) => {
  const { folder, request } = await twoFiles(t);
  const plain = await tokeniseDataset(request('ten.jsonl', 'four.jsonl'));
  assert.deepEqual(times(plain), new Array(14).fill(1));
  const { row, rowInFile, file, line } = plain.pairs[11] ?? assert.fail();
  assert.deepEqual({ row, rowInFile, file, line }, { row: 11, rowInFile: 1, file: path.join(folder, 'four.jsonl'), line: 2 });

  const asked = request('ten.jsonl:0.5', 'four.jsonl:2.25');
  const mixed = await tokeniseDataset(asked);
  const counts = times(mixed);
  assert.deepEqual(counts.slice(0, 10).sort(), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
  assert.deepEqual(counts.slice(10).sort(), [2, 2, 2, 3]);
  assert.deepEqual(times(await tokeniseDataset(asked)), counts);
  const other = await tokeniseDataset({ ...asked, plan: { ...asked.plan, seed: 7 } });
  assert.notDeepEqual(times(other), counts);
  assert.notEqual(mixed.sha256.dataset, plain.sha256.dataset);
});

test('num_samples takes so many pairs, whatever there are', async (t) => {
  const { folder, request } = await twoFiles(t);
  const columns = { prompt: 'prompt', chosen: 'chosen', rejected: 'rejected' };
  const entry = { file_name: 'four.jsonl', ranking: true, columns, num_samples: 6 };
  await writeFile(path.join(folder, 'dataset_info.json'), JSON.stringify({ six: entry }));
  const model = await tokenizedModel(t);
  await writeFile(path.join(model, 'chat_template.jinja'), '{% for m in messages %}{{ m.content }}{% endfor %}');
  const dataset = await tokeniseDataset({ ...request('dataset_info.json#six'), model });
  assert.equal(dataset.form, 'alpaca');
  assert.deepEqual(times(dataset).slice(0, 4).sort(), [1, 1, 2, 2]);
  assert.equal(dataset.files[0]?.weight, 1.5);
});

test('a chat template by name decides tokens, so they are not found under another', async (t) => {
  const { folder, request } = await twoFiles(t);
  const [user, say] = [{ role: 'user', content: 'Hi' }, (content: string) => [{ role: 'assistant', content }]];
  await writeFile(path.join(folder, 'chat.jsonl'), JSON.stringify({ prompt: [user], chosen: say('A'), rejected: say('B') }));
  const asked = request('chat.jsonl');
  const lengths = async (name: 'chatml' | 'zephyr' | 'plain'): Promise<number | undefined> =>
    (await tokeniseDataset({ ...asked, plan: { ...asked.plan, chat_template: name } })).pairs[0]?.chosen.length;
  const all = [await lengths('chatml'), await lengths('zephyr'), await lengths('plain')];
  assert.equal(new Set(all).size, 3, String(all));
});

test('held-out pairs are held out once, whatever the weights', async (t) => {
  const { request } = await twoFiles(t);
  const asked = request('ten.jsonl:3', 'four.jsonl');
  const { pairs, evalPairs } = await tokeniseDataset({ ...asked, plan: { ...asked.plan, eval_fraction: 0.3 } });
  assert.equal(evalPairs.length, 4);
  assert.equal(new Set(evalPairs.map(({ row }) => row)).size, 4);
  const held = new Set(evalPairs.map(({ row }) => row));
  assert.ok(pairs.every(({ row }) => !held.has(row)));
  const rows = new Set(pairs.map(({ row }) => row));
  assert.equal(rows.size, 10);
});

test('the plan says where pairs come from: what rows say, else the file; run.json lists the files', async (t) => {
  const { folder, request } = await twoFiles(t);
  const asked = { ...request('ten.jsonl', 'four.jsonl:2') };
  const out = path.join(folder, 'plan.safetensors');
  for (const round of ['made', 'cached']) {
    const planned = await obtainPlan(asked, {}, { files: true });
    await planned.write(out);
    const { metadata, pairSource, pairRow } = await readPlan(out);
    assert.deepEqual([...(metadata.sources ?? [])].sort(), ['four.jsonl', 'ten.jsonl', 'web'], round);
    const names = [...pairRow].map((row) => (row < 10 ? 'ten.jsonl' : row < 12 ? 'web' : 'four.jsonl'));
    assert.deepEqual(
      [...(pairSource ?? [])].map((source) => metadata.sources?.[source]),
      names,
    );
    assert.equal(pairRow.length, 18);
    assert.equal(planned.reference.pairs, 18);
    assert.deepEqual(Object.fromEntries(planned.summary.sources.map(({ name, pairs }) => [name, pairs])), {
      'ten.jsonl': 10,
      'four.jsonl': 4,
      web: 4,
    });
    const files = planned.reference.files?.map(({ path: file, rows, weight }) => [path.basename(file), rows, weight]);
    assert.deepEqual(files, [
      ['ten.jsonl', 10, 1],
      ['four.jsonl', 4, 2],
    ]);
    assert.deepEqual(planned.reference.names, [path.join(folder, 'ten.jsonl'), path.join(folder, 'four.jsonl:2')]);
  }
  const ids = Array.from({ length: 70 }, (_, row) => ({ prompt: `Q ${row}?`, chosen: ' a', rejected: ' b', source: `id ${row}` }));
  await writeFile(path.join(folder, 'ids.jsonl'), ids.map((row) => JSON.stringify(row)).join('\n'));
  const withIds = (await obtainPlan(request('ids.jsonl', 'four.jsonl'), {}, { files: false })).summary.sources;
  assert.deepEqual(withIds.map(({ name, pairs }) => [name, pairs]).sort(), [
    ['four.jsonl', 2],
    ['ids.jsonl', 70],
    ['web', 2],
  ]);
  const alone = await obtainPlan(request('ten.jsonl'), {}, { files: true });
  await alone.write(out);
  const plan = await readPlan(out);
  assert.equal(plan.metadata.sources, undefined);
  assert.equal(plan.pairSource, undefined);
  assert.equal(alone.reference.files, undefined);
  assert.equal(alone.reference.names, undefined);
});

test('a dataset to evaluate on has a plan and a place in run.json of its own', async (t) => {
  const { folder, request } = await twoFiles(t);
  const asked = { ...request('ten.jsonl'), evalDataset: path.join(folder, 'four.jsonl') };
  const out = path.join(folder, 'eval.safetensors');
  for (const round of ['made', 'cached']) {
    const planned = await obtainPlan(asked, {}, { files: true });
    await planned.writeEval(out);
    const { metadata, pairRow } = await readPlan(out);
    assert.deepEqual([...pairRow].sort(), [0, 1, 2, 3], round);
    const { evalReference } = planned;
    assert.equal(evalReference?.path, path.join(folder, 'four.jsonl'));
    assert.equal(evalReference?.pairs, 4);
    assert.equal(evalReference?.sha256, metadata.sha256.dataset);
    assert.notEqual(evalReference?.sha256, planned.reference.sha256);
  }
  const held = request('ten.jsonl');
  const planned = await obtainPlan({ ...held, plan: { ...held.plan, eval_fraction: 0.2 } }, {}, { files: true });
  assert.equal(planned.evalReference?.path, path.join(folder, 'ten.jsonl'));
  assert.deepEqual([planned.reference.pairs, planned.evalReference?.pairs], [8, 2]);
  const both = { ...asked, plan: { ...asked.plan, eval_fraction: 0.2 } };
  await assert.rejects(tokeniseDataset(both), (error) => error instanceof WishboneError && /held-out/.test(error.what));
});

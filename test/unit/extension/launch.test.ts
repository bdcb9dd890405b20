import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { checkDiskSpace, diskNeed } from '../../../src/core/run/index.js';
import { presetById } from '../../../src/core/options/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { mayBeDataset } from '../../../src/core/dataset/file-kinds.js';
import { probeDataset } from '../../../src/core/probe/index.js';
import { mayBeModel } from '../../../src/extension/paths/candidates.js';
import { backendLabel } from '../../../src/extension/draft/fields.js';
import { pageHtml } from '../../../src/extension/panels/html.js';
import { readPlanFacts } from '../../../src/extension/panels/run/plan-facts.js';
import { temporaryFolder } from '../run/support.js';

const datasetForm = async (file: string): Promise<string | undefined> => (await probeDataset(file)).form;

test('names of preference files', () => {
  for (const name of ['a.jsonl', 'a.json', 'a.JSONL', 'a.jsonl.gz', 'a.json.gz', 'a.csv', 'a.TSV.gz', 'a.parquet', 'a.arrow'])
    assert.ok(mayBeDataset(name), name);
  for (const name of ['a.txt', 'a.gz', 'jsonl', 'a.jsonl.zip', 'a.parquet.gz', 'a.arrow.gz']) assert.ok(!mayBeDataset(name), name);
});

test('preference files are told from other JSON by their first row', async (context) => {
  const folder = await temporaryFolder(context);
  const put = async (name: string, content: string | Buffer): Promise<string> => {
    const file = path.join(folder, name);
    await writeFile(file, content);
    return file;
  };
  const row = `${JSON.stringify({ prompt: 'p', chosen: 'a', rejected: 'b' })}\n`;
  assert.equal(await datasetForm(await put('a.jsonl', row + row)), 'trl-explicit');
  assert.equal(await datasetForm(await put('a.json', `[${row},${row}]`)), 'trl-explicit');
  assert.equal(await datasetForm(await put('a.jsonl.gz', gzipSync(row.repeat(50_000)))), 'trl-explicit');
  assert.equal(await datasetForm(await put('a.csv', 'prompt,chosen,rejected\np,a,b\n')), 'trl-explicit');
  assert.equal(await datasetForm(await put('a.tsv.gz', gzipSync('"chosen"\trejected\npa\tpb\n'))), 'trl-implicit');
  assert.equal(await datasetForm(await put('other.csv', 'name,price\nchosen,1\n')), undefined);
  const parquet = path.resolve(import.meta.dirname, '../../fixtures/datasets/good/trl-explicit-text.zstd.parquet');
  assert.equal(await datasetForm(parquet), 'trl-explicit');
  const arrow = path.resolve(import.meta.dirname, '../dataset/arrow/messages/data-00000-of-00001.arrow');
  assert.equal(await datasetForm(arrow), 'trl-explicit');
  assert.equal(await datasetForm(path.join(parquet, '../../bad/no-known-columns.parquet')), undefined);
  assert.equal(await datasetForm(await put('package.json', '{"name":"x"}')), undefined);
  assert.equal(await datasetForm(await put('broken.json', '{"chosen": ')), undefined);
  assert.equal(await datasetForm(await put('empty.jsonl', '')), undefined);
  assert.equal(await datasetForm(path.join(folder, 'nowhere.jsonl')), undefined);
});

test('model folders have a config and a tokenizer', async (context) => {
  const folder = await temporaryFolder(context);
  assert.equal(await mayBeModel(folder), false);
  await writeFile(path.join(folder, 'config.json'), '{}');
  assert.equal(await mayBeModel(folder), false);
  await writeFile(path.join(folder, 'tokenizer.json'), '{}');
  assert.equal(await mayBeModel(folder), true);
});

test('a choice of backend says what it comes to on this machine', () => {
  const cpu = { name: 'cpu', available: true, devices: [{ name: 'a processor' }] };
  const gpu = { name: 'cuda', available: true, devices: [{ name: 'GPU A' }, { name: 'GPU B' }] };
  const none = { name: 'cuda', available: false, devices: [], problem: 'no driver' };
  const labels = (...backends: (typeof cpu)[]): string[] => ['auto', 'cpu', 'cuda'].map((choice) => backendLabel(choice, backends));
  assert.deepEqual(labels(cpu, gpu), ['auto: GPU A, GPU B', 'cpu: a processor', 'cuda: GPU A, GPU B']);
  assert.deepEqual(labels(cpu, none), ['auto: a processor', 'cpu: a processor', 'cuda: not available']);
  assert.deepEqual(labels(), ['auto', 'cpu', 'cuda'], 'the runner did not answer');
});

test('the disk must have room for the checkpoints', async (context) => {
  const { training } = presetById('standard')!;
  const runs = path.join(await temporaryFolder(context), 'not', 'yet');
  await checkDiskSpace(runs, 1000, training);
  await assert.rejects(
    checkDiskSpace(runs, 1e15, training),
    (error) => error instanceof WishboneError && /the disk has .* free/.test(error.what),
  );
  // Weights and two moments, two checkpoints and one being written, and the export: 40 bytes a weight.
  assert.equal(diskNeed(1e9, training) - diskNeed(0, training), 40e9);
});

test('the page allows nothing but its own script and styles', () => {
  const html = pageHtml({
    view: 'run',
    title: 'a <b> "c"',
    cspSource: 'https://x',
    script: 'https://x/run.js?"',
    style: 'https://x/run.css',
    nonce: 'n0nce',
  });
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)![1]!;
  assert.equal(policy, "default-src 'none'; script-src 'nonce-n0nce'; style-src https://x 'nonce-n0nce'");
  assert.ok(!html.includes('<b>') && !html.includes('?"'));
  assert.equal(html.match(/<script/g)!.length, 1);
});

test('a plan says its ratio, or why it cannot be used', async (context) => {
  const folder = await temporaryFolder(context);
  const file = path.join(folder, 'plan.safetensors');
  assert.match((await readPlanFacts(folder)).problem!, /missing/);
  await writeFile(file, 'not a plan');
  assert.match((await readPlanFacts(folder)).problem!, /cannot be read/);
  const plan = async (version: number): Promise<void> => {
    const wishbone = JSON.stringify({ version, counts: { naive_tokens: 300, plan_tokens: 200 } });
    const header = Buffer.from(JSON.stringify({ __metadata__: { wishbone } }));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    await writeFile(file, Buffer.concat([length, header]));
  };
  await plan(1);
  assert.deepEqual(await readPlanFacts(folder), { tokenRatio: 1.5, problem: null });
  await plan(0);
  assert.match((await readPlanFacts(folder)).problem!, /version 0/);
});

import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import fc from 'fast-check';

import { WishboneError } from '../../../src/core/errors.js';
import { listSpeedups, parseSpeedup, saveSpeedup, type SpeedupRecord } from '../../../src/core/speedup/index.js';
import { measurementOf } from '../../../src/extension/panels/speedup/measurement.js';
import { readSpeedupHostMessage, readSpeedupPageMessage } from '../../../src/protocol/speedup.js';
import { temporaryFolder } from '../run/support.js';

const record: SpeedupRecord = {
  format: 'wishbone-speedup',
  version: 1,
  measured: '2026-01-02T15:04:05.000Z',
  dataset: { path: '/d/pairs.jsonl' },
  model: { path: '/m/tiny', parameters: 1000 },
  plan: { sharing: 'pair', capacity: 2048, batch_size: 8, max_length: 1024, seed: 42 },
  device: 'a processor',
  threads: 2,
  pairs: 16,
  steps: 2,
  rounds: [
    { sharedSeconds: 2, naiveSeconds: 3 },
    { sharedSeconds: 4, naiveSeconds: 5 },
    { sharedSeconds: 2.5, naiveSeconds: 3.5 },
  ],
  sharedTokens: 100,
  naiveTokens: 150,
  sharedFlops: 2e9,
  naiveFlops: 3e9,
  ceilingFlops: 1e10,
  predictedRatio: 1.45,
};

test('measurements are kept as they are, newest first, and what is none is passed over', async (context) => {
  const folder = path.join(await temporaryFolder(context), '.wishbone', 'speedups');
  assert.deepEqual(await listSpeedups(folder), []);
  const phases = { reference: 1, forward: 1, backward: 2 };
  const later = { ...record, measured: '2026-01-03T00:00:00.000Z', phases: { shared: phases, naive: phases } };
  await saveSpeedup(folder, record);
  const { id } = await saveSpeedup(folder, later);
  await writeFile(path.join(folder, '30000101-000000-broken.json'), '{"format": "wishbone-speedup"');
  await writeFile(path.join(folder, '30000101-000000-large.json'), ' '.repeat(2 * 1024 * 1024));
  await mkdir(path.join(folder, '30000101-000000-folder.json'));
  const found = await listSpeedups(folder);
  assert.deepEqual(
    found.map((each) => each.record),
    [later, record],
  );
  assert.equal(found[0]?.id, id);
  assert.ok((await readdir(folder)).includes('.gitignore'));
});

test('two measurements of the same second do not overwrite each other', async (context) => {
  const folder = await temporaryFolder(context);
  await Promise.all(Array.from({ length: 20 }, () => saveSpeedup(folder, record)));
  assert.equal((await listSpeedups(folder)).length, 20);
});

test('a folder that cannot be made is one error', async (context) => {
  const file = path.join(await temporaryFolder(context), 'file');
  await writeFile(file, '');
  await assert.rejects(saveSpeedup(path.join(file, 'speedups'), record), WishboneError);
});

test('a record with any number missing, negative or not finite is none', () => {
  assert.deepEqual(parseSpeedup(JSON.stringify(record)), record);
  const leaves = [
    'pairs',
    'steps',
    'threads',
    'sharedTokens',
    'naiveTokens',
    'sharedFlops',
    'naiveFlops',
    'ceilingFlops',
    'predictedRatio',
  ];
  for (const name of leaves) {
    for (const bad of [undefined, null, -1, '1', [1]])
      assert.equal(parseSpeedup(JSON.stringify({ ...record, [name]: bad })), undefined, name);
  }
  for (const rounds of [[], [{}], [{ sharedSeconds: 0, naiveSeconds: 1 }], {}]) {
    assert.equal(parseSpeedup(JSON.stringify({ ...record, rounds })), undefined);
  }
  assert.equal(parseSpeedup(JSON.stringify({ ...record, phases: { shared: {} } })), undefined);
  assert.equal(parseSpeedup(JSON.stringify({ ...record, version: 2 })), undefined);
  fc.assert(fc.property(fc.json(), (json) => parseSpeedup(json) === undefined));
});

test('medians, spread and ratios are those of the rounds', () => {
  const shown = measurementOf({ id: 'a', record });
  assert.deepEqual(shown.seconds, { shared: 2.5, naive: 3.5 });
  assert.deepEqual([shown.least.shared, shown.most.naive], [2, 5]);
  assert.deepEqual([shown.ratio, shown.ratioLeast, shown.ratioMost], [1.4, 1.25, 1.5]);
  assert.equal(shown.speedOfLight.shared, 2e9 / 2.5 / 1e10);
  assert.match(
    shown.provenance,
    /a processor, 2 threads · tiny \(1,000 parameters\) · pairs\.jsonl: 16 pairs, 2 steps, 3 interleaved rounds/,
  );
  assert.ok(readSpeedupHostMessage({ type: 'history', history: [shown], shown: 'a' }));
  for (const bad of [
    { ...shown, ratio: NaN },
    { ...shown, tokens: { shared: 1 } },
    { ...shown, phases: {} },
    { ...shown, device: 1 },
  ]) {
    assert.equal(readSpeedupHostMessage({ type: 'history', history: [bad], shown: null }), undefined);
  }
});

test('what the page may ask, and nothing else', () => {
  for (const type of ['ready', 'measure', 'cancel', 'manage-trust']) assert.deepEqual(readSpeedupPageMessage({ type }), { type });
  const png = new Uint8Array(3);
  assert.deepEqual(readSpeedupPageMessage({ type: 'save-image', name: 'a', png }), { type: 'save-image', name: 'a', png });
  for (const bad of [undefined, { type: 'delete' }, { type: 'set', field: 'pairs' }, { type: 'save-image', name: 'a', png: [1] }]) {
    assert.equal(readSpeedupPageMessage(bad), undefined);
  }
});

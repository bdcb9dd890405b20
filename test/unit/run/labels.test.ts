import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import { WishboneError } from '../../../src/core/errors.js';
import {
  createRunFolder,
  EVENTS_FILE,
  LABELS_FILE,
  listRun,
  nameProblem,
  parseTags,
  readLabels,
  readRun,
  RUN_FILE,
  tagsProblem,
  writeLabels,
} from '../../../src/core/run/index.js';
import { eventLine, exampleConfig, startLine, stepLine, temporaryFolder } from './support.js';

test('a run is called by its labels, and its run.json stays as it was', async (context) => {
  const runs = await temporaryFolder(context);
  const folder = await createRunFolder(runs, exampleConfig(), (file) => writeFile(file, 'plan'));
  const before = await readFile(path.join(folder, RUN_FILE), 'utf8');
  assert.deepEqual(await readLabels(folder), { tags: [] });
  await writeLabels(folder, { name: 'my best', tags: ['baseline', 'β'] });
  assert.deepEqual(await readLabels(folder), { name: 'my best', tags: ['baseline', 'β'] });
  const run = await readRun(folder);
  assert.equal(run.config.name, 'my best');
  assert.deepEqual(run.tags, ['baseline', 'β']);
  assert.equal(await readFile(path.join(folder, RUN_FILE), 'utf8'), before);
});

test('labels that are damaged are none', async (context) => {
  const folder = await temporaryFolder(context);
  for (const text of ['', '{', '[]', 'null', '{"name": 5, "tags": [1, null, ""]}', '{"name": "", "tags": "x"}']) {
    await writeFile(path.join(folder, LABELS_FILE), text);
    assert.deepEqual(await readLabels(folder), { tags: [] }, text);
  }
});

test('names and tags are checked before they are written', async (context) => {
  const folder = await temporaryFolder(context);
  assert.equal(nameProblem('a name'), undefined);
  for (const bad of ['', '  ', 'two\nlines', 'x'.repeat(300)]) assert.ok(nameProblem(bad), JSON.stringify(bad));
  assert.equal(tagsProblem(['a', 'b-2']), undefined);
  for (const bad of [['a b'], ['#a'], [''], ['x'.repeat(41)], Array.from({ length: 30 }, (_, i) => `t${i}`)])
    assert.ok(tagsProblem(bad), JSON.stringify(bad));
  await assert.rejects(writeLabels(folder, { name: ' ', tags: [] }), WishboneError);
});

test('tags as people type them', () => {
  assert.deepEqual(parseTags('  #a, b  c,#a ,,'), ['a', 'b', 'c']);
  assert.deepEqual(parseTags(''), []);
});

test('a run with a log of any length is listed by its ends', async (context) => {
  const runs = await temporaryFolder(context);
  const folder = await createRunFolder(runs, exampleConfig(), (file) => writeFile(file, 'plan'));
  const log = path.join(folder, EVENTS_FILE);
  for (const steps of [3, 4000]) {
    const lines = Array.from({ length: steps }, (_, i) => stepLine(i + 1, { steps })).join('');
    await writeFile(log, startLine({ steps }) + lines + eventLine('stopped', { step: steps }) + '{"seq": 9, "ti');
    const listing = await listRun(folder);
    assert.ok(listing.problem === undefined);
    const { state, step, margin, accuracy } = listing;
    assert.deepEqual([state, step, listing.steps, margin, accuracy], ['stopped', steps, steps, steps / 50, 0.5]);
  }
});

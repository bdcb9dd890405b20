import assert from 'node:assert/strict';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import { WishboneError } from '../../../src/core/errors.js';
import {
  createRunFolder,
  LABELS_FILE,
  listRun,
  nameProblem,
  parseTags,
  readLabels,
  readRun,
  rowOf,
  RUN_FILE,
  tagsProblem,
  writeLabels,
} from '../../../src/core/run/index.js';
import { EVENTS_FILE } from '../../../src/core/events/index.js';
import { evalLine, eventLine, exampleConfig, startLine, stepLine, temporaryFolder } from './support.js';

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
    const { state, step, figures } = listing;
    assert.deepEqual([state, step, listing.steps, figures?.accuracy], ['stopped', steps, steps, 0.5]);
    // Margins rise by a fiftieth a step: the mean of 13 steps of 8 pairs is that of the one in their middle.
    assert.ok(Math.abs(figures!.margin! - (steps === 3 ? 2 : steps - 6) / 50) < 1e-9);
  }
});

test('evaluations are found in the middle of a long log, as far as a resume has left them', async (context) => {
  const runs = await temporaryFolder(context);
  const config = exampleConfig();
  const folder = await createRunFolder(runs, { ...config, training: { ...config.training, eval_steps: 1000 } }, (file) =>
    writeFile(file, 'plan'),
  );
  const steps = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_, i) => stepLine(from + i + 1, { steps: 9000 })).join('');
  const log =
    startLine({ steps: 9000 }) +
    steps(0, 1000) +
    evalLine(1000, { eval_loss: 0.5 }) +
    steps(1000, 2000) +
    evalLine(2000, { eval_loss: 0.4 }) +
    steps(2000, 5000) +
    evalLine(5000, { eval_loss: 0.2 }) +
    steps(5000, 5500) +
    startLine({ steps: 9000, resumedFrom: 2000 }) +
    steps(2000, 5000) +
    evalLine(5000, { eval_loss: 0.9, best: false }) +
    steps(5000, 9000);
  await writeFile(path.join(folder, EVENTS_FILE), log);
  const listing = await listRun(folder);
  assert.ok(listing.problem === undefined);
  const { of, step, loss, best } = listing.figures!;
  assert.deepEqual([of, step, loss, best?.step, best?.loss], ['evaluation', 5000, 0.9, 2000, 0.4]);
  assert.equal(listing.step, 9000);
  // As it grows, and when it is another file.
  await appendFile(path.join(folder, EVENTS_FILE), evalLine(9000, { eval_loss: 0.3 }) + steps(9000, 10_500));
  const grown = await listRun(folder);
  assert.ok(grown.problem === undefined);
  assert.deepEqual([grown.figures?.step, grown.figures?.best?.step], [9000, 9000]);
  await rm(path.join(folder, EVENTS_FILE));
  await writeFile(
    path.join(folder, EVENTS_FILE),
    startLine({ steps: 9000 }) + steps(0, 700) + evalLine(700, { eval_loss: 0.6 }) + steps(700, 3000),
  );
  const other = await listRun(folder);
  assert.ok(other.problem === undefined);
  assert.deepEqual([other.figures?.step, other.figures?.best?.step], [700, 700]);
});

test('a run is pinned by its labels, and lists say so with its notes', async (context) => {
  const folder = await createRunFolder(await temporaryFolder(context), exampleConfig(), (file) => writeFile(file, ''));
  await writeLabels(folder, { tags: [], notes: '*n*', pinned: true });
  assert.deepEqual(await readLabels(folder), { tags: [], notes: '*n*', pinned: true });
  const listing = await listRun(folder);
  assert.ok(listing.problem === undefined);
  assert.deepEqual([listing.pinned, listing.notes], [true, '*n*']);
  const { cells } = rowOf(listing);
  assert.deepEqual([cells['pinned'], cells['notes'], cells['state']], ['yes', '*n*', 'planned']);
});

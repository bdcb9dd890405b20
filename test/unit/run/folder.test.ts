import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import { ExitCode, WishboneError } from '../../../src/core/errors.js';
import { createRunFolder, listRuns, newRunConfig, PLAN_FILE, readRun, RUN_FILE, type RunConfig } from '../../../src/core/run/index.js';
import { EVENTS_FILE } from '../../../src/core/events/index.js';
import { eventLine, exampleConfig, startLine, stepLine, temporaryFolder } from './support.js';

const writePlan = (file: string): Promise<void> => writeFile(file, 'a plan');

test('ids are the time and a word', () => {
  const config = exampleConfig();
  assert.match(config.id, /^20260102-150405-[a-z]+$/);
  assert.equal(config.created, '2026-01-02T15:04:05.000Z');
  assert.equal(config.name, 'example');
  const unnamed = newRunConfig({ ...config, name: ' ' });
  assert.equal(unnamed.name, unnamed.id);
});

test('a new folder holds the config and the plan', async (context) => {
  const runs = path.join(await temporaryFolder(context), '.wishbone', 'runs');
  const config = exampleConfig();
  const folder = await createRunFolder(runs, config, writePlan);
  assert.equal(folder, path.join(runs, config.id));
  assert.deepEqual((await readdir(folder)).sort(), [PLAN_FILE, RUN_FILE]);
  assert.deepEqual((await readRun(folder)).config, config);
  assert.equal(await readFile(path.join(runs, '.gitignore'), 'utf8'), '*\n');
});

test('sharding, offloading and recomputing are written where they are asked for alone: an older runner knows no "auto"', async (context) => {
  const runs = await temporaryFolder(context);
  const written = async (runner: Partial<RunConfig['runner']>) => {
    const config = { ...exampleConfig(), id: Object.keys(runner).join('-') || 'neither' };
    const folder = await createRunFolder(runs, { ...config, runner: { ...config.runner, ...runner } }, writePlan);
    assert.deepEqual((await readRun(folder)).config.runner, { ...config.runner, ...runner });
    return Object.keys((JSON.parse(await readFile(path.join(folder, RUN_FILE), 'utf8')) as RunConfig).runner);
  };
  const neither = await written({});
  assert.ok(!neither.includes('shard') && !neither.includes('offload') && !neither.includes('recompute'));
  assert.ok((await written({ recompute: 'none' })).includes('recompute'));
  assert.ok((await written({ shard: 'none' })).includes('shard'));
  assert.ok((await written({ offload: 'optimizer' })).includes('offload'));
});

test('the folder has its name only once the plan is in it, and a failed plan leaves nothing', async (context) => {
  const runs = await temporaryFolder(context);
  const config = exampleConfig();
  await assert.rejects(
    createRunFolder(runs, config, async (file) => {
      await writeFile(file, 'half');
      assert.deepEqual(
        (await readdir(runs)).filter((name) => !name.startsWith('.')),
        [],
      );
      assert.deepEqual(await listRuns(runs), []);
      throw new Error('the plan failed');
    }),
    /the plan failed/,
  );
  assert.deepEqual(await readdir(runs), []);
});

test('an existing run is never overwritten', async (context) => {
  const runs = await temporaryFolder(context);
  const config = exampleConfig();
  const folders = await Promise.all([1, 2, 3].map((i) => createRunFolder(runs, config, (file) => writeFile(file, `${i}`))));
  assert.equal(new Set(folders).size, 3);
  for (const folder of folders) assert.equal((await readRun(folder)).config.id, path.basename(folder));
  const plans = await Promise.all(folders.map((folder) => readFile(path.join(folder, PLAN_FILE), 'utf8')));
  assert.deepEqual(plans, ['1', '2', '3']);
  assert.deepEqual(
    (await readdir(runs)).filter((name) => name.startsWith('.new')),
    [],
  );
});

test('a config that is not valid is refused before anything is written', async (context) => {
  const runs = path.join(await temporaryFolder(context), 'runs');
  const config = { ...exampleConfig(), model: { path: 'relative' } };
  await assert.rejects(
    createRunFolder(runs, config, writePlan),
    (error) => error instanceof WishboneError && /model\.path/.test(error.where),
  );
  await assert.rejects(readdir(runs));
});

test('a place that cannot be written is one clear error', async (context) => {
  const folder = await temporaryFolder(context);
  await writeFile(path.join(folder, 'file'), '');
  await assert.rejects(
    createRunFolder(path.join(folder, 'file', 'runs'), exampleConfig(), writePlan),
    (error) => error instanceof WishboneError && error.exitCode === ExitCode.cannotWrite,
  );
});

test('folders left by a crash go away after a day, not before', async (context) => {
  const runs = await temporaryFolder(context);
  await mkdir(path.join(runs, '.new-old'));
  await mkdir(path.join(runs, '.new-young'));
  const longAgo = new Date(Date.now() - 48 * 3600 * 1000);
  await utimes(path.join(runs, '.new-old'), longAgo, longAgo);
  await createRunFolder(runs, exampleConfig(), writePlan);
  assert.deepEqual(
    (await readdir(runs)).filter((name) => name.startsWith('.')),
    ['.new-young'],
  );
});

test('reading what is no run says so', async (context) => {
  const folder = await temporaryFolder(context);
  await assert.rejects(readRun(folder), (error) => error instanceof WishboneError && /not a run folder/.test(error.what));
  await writeFile(path.join(folder, RUN_FILE), '{"format":"wishbone-run"');
  await assert.rejects(readRun(folder), (error) => error instanceof WishboneError && /not valid JSON/.test(error.what));
});

test('runs are listed newest first, broken ones last', async (context) => {
  const runs = await temporaryFolder(context);
  assert.deepEqual(await listRuns(path.join(runs, 'nowhere')), []);
  const old = await createRunFolder(runs, exampleConfig(new Date('2026-01-02T15:04:05Z')), writePlan);
  const young = await createRunFolder(runs, exampleConfig(new Date('2026-02-02T15:04:05Z')), writePlan);
  await writeFile(path.join(old, EVENTS_FILE), startLine() + stepLine(1) + stepLine(2) + eventLine('stopped', { step: 2 }));
  await mkdir(path.join(runs, 'zz-broken'));
  await writeFile(path.join(runs, 'stray.txt'), '');
  const listing = await listRuns(runs);
  assert.deepEqual(
    listing.map(({ folder }) => folder),
    [young, old, path.join(runs, 'zz-broken')],
  );
  assert.equal(listing[2]!.problem?.what, 'not a run folder: there is no run.json');
  const [first, second] = listing as [any, any];
  assert.deepEqual([first.state, first.step, first.figures], ['planned', 0, undefined]);
  assert.deepEqual([second.state, second.step, second.steps, second.figures?.loss], ['stopped', 2, 10, 0.7265625]);
});

import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import type { RunState } from '../../../src/core/run/index.js';
import {
  changeSweep,
  claimSweep,
  obeyed,
  PASSED_OVER,
  readSweep,
  sweepFile,
  sweepFiles,
  sweepProgress,
  type SweepRecord,
  takeOrders,
  type TrialRecord,
  wasLeft,
  writeSweep,
} from '../../../src/core/sweep/index.js';
import { sweepDescription, tableLook, trialDescription } from '../../../src/extension/sweeps/sweep-text.js';
import { temporaryFolder } from '../run/support.js';

const STATES: Readonly<Record<string, RunState>> = {
  '/done': 'finished',
  '/goes': 'running',
  '/ends': 'stopping',
  '/stopped': 'stopped',
  '/out': 'stopped',
  '/crashed': 'crashed',
};
const RECORD: SweepRecord = {
  config: '/w/rates.wishbone.json',
  trials: [
    { name: 'a', folder: '/done' },
    { name: 'b', folder: '/goes' },
    { name: 'c', folder: '/ends', skipped: PASSED_OVER },
    { name: 'd', folder: '/stopped' },
    { name: 'e', folder: '/out', early: 10 },
    { name: 'f', folder: '/crashed' },
    { name: 'g', skipped: 'out of memory; a smaller batch' },
    { name: 'h', skipped: PASSED_OVER },
    { name: 'i' },
    { name: 'j', folder: '/deleted' },
  ],
  first: ['i'],
};
const progress = sweepProgress(RECORD, (folder) => STATES[folder]);

test('a trial stands as its record and its run say', () => {
  assert.deepEqual(
    progress.trials.map(({ name, state, place }) => [name, state, place]),
    [
      ['a', 'finished', undefined],
      ['b', 'working', undefined],
      ['c', 'working', undefined],
      ['d', 'waiting', 2],
      ['e', 'early', undefined],
      ['f', 'failed', undefined],
      ['g', 'failed', undefined],
      ['h', 'skipped', undefined],
      ['i', 'waiting', 1],
      ['j', 'waiting', 3],
    ],
  );
  assert.deepEqual(progress.counts, { finished: 1, working: 2, waiting: 3, early: 1, skipped: 1, failed: 2 });
  assert.equal(progress.isDone, false);
  assert.equal(sweepProgress({ ...RECORD, trials: RECORD.trials.slice(4, 8) }, (folder) => STATES[folder]).isDone, true);
});

test('and is told in words', () => {
  const sweep = { file: '/w/.wishbone/sweeps/rates/sweep.json', name: 'rates', record: RECORD, isAtWork: true, wasLeft: false } as const;
  assert.equal(sweepDescription(sweep, progress), '1/10 done · 2 at work · 3 waiting · 1 stopped early · 1 skipped · 2 failed');
  assert.deepEqual(tableLook('my rates', { ...progress, trials: [{ ...progress.trials[0]!, name: 'beta=0.1 seed=1' }] }), {
    filter: '#my-rates',
    group: 'training.beta',
  });
  assert.equal(tableLook('r', { ...progress, trials: [{ ...progress.trials[0]!, name: 'seed=1' }] }).group, null);
  assert.match(sweepDescription({ ...sweep, isAtWork: false }, progress), /^paused · /);
  assert.match(sweepDescription({ ...sweep, isAtWork: false, wasLeft: true }, progress), /^its process is gone · /);
  assert.deepEqual(
    ['d', 'e', 'g', 'h', 'i'].map((name) => trialDescription(progress.trials.find((trial) => trial.name === name)!)),
    ['waiting (2)', 'stopped early, step 10', 'failed: out of memory; a smaller batch', 'skipped', 'next'],
  );
});

test('an order can mean whole names', () => {
  const trials: TrialRecord[] = [{ name: 'seed=1' }, { name: 'seed=10' }, { name: 'seed=2' }];
  const skipped = (exactly: boolean): string[] =>
    obeyed({ trials }, { skip: 'seed=1', exactly })
      .trials.filter((trial) => trial.skipped === PASSED_OVER)
      .map(({ name }) => name);
  assert.deepEqual([skipped(false), skipped(true)], [['seed=1', 'seed=10'], ['seed=1']]);
  assert.deepEqual(obeyed({ trials, first: ['seed=2', 'seed=10'] }, { first: 'seed=10', exactly: true }).first, ['seed=10', 'seed=2']);
});

test('without a process its record is changed, with one it is told; records are found by their folder', async (t) => {
  const runs = path.join(await temporaryFolder(t), '.wishbone', 'runs');
  assert.deepEqual(await sweepFiles(runs), []);
  const file = sweepFile(runs, 'my rates');
  await mkdir(path.dirname(file), { recursive: true });
  const record: SweepRecord = { name: 'my rates', config: '/w/a.wishbone.json', parallel: 'auto', trials: [{ name: 'a' }, { name: 'b' }] };
  await writeSweep(file, record);
  await mkdir(path.join(path.dirname(path.dirname(file)), 'empty'));
  assert.deepEqual(await sweepFiles(runs), [file]);
  await changeSweep(file, { skip: 'a', exactly: true });
  await changeSweep(file, { first: 'b', exactly: true });
  const changed = await readSweep(file);
  assert.deepEqual(
    [changed?.name, changed?.parallel, changed?.trials.map(({ skipped }) => skipped), changed?.first],
    ['my rates', 'auto', [PASSED_OVER, undefined], ['b']],
  );
  const release = await claimSweep(file);
  await changeSweep(file, { skip: 'b', exactly: true });
  assert.deepEqual(
    (await takeOrders(file)).map(({ order }) => [order.skip, order.exactly]),
    [['b', true]],
  );
  assert.equal((await readSweep(file))!.trials[1]!.skipped, undefined, 'that is for the process to do');
  await release();
  assert.equal(await wasLeft(file), false);
  await writeFile(
    path.join(path.dirname(file), 'process.json'),
    '{"pid":999999999,"host":"elsewhere"}'.replace('elsewhere', (await import('node:os')).hostname()),
  );
  assert.equal(await wasLeft(file), true);
  assert.ok((await readdir(path.dirname(file))).includes('process.json'), 'looking takes nothing away');
});

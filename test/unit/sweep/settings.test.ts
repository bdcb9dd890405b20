import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfigFile } from '../../../src/core/config-file/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { changedTrials, checkUnchanged, expandSweep, settingsHash } from '../../../src/core/sweep/index.js';

const BASE = {
  version: 1,
  model: '/models/m',
  dataset: '/data/pairs.jsonl',
  training: { loss_type: 'ipo' },
  sweep: { values: { 'training.beta': [0.1, 0.3] }, seeds: [1] },
};
const read = (change: object = {}) => parseConfigFile(JSON.stringify({ ...BASE, ...change }), '/work/s.wishbone.json');
const hashes = (change: object = {}): string[] => {
  const config = read(change);
  return expandSweep(config).map((trial) => settingsHash(config, trial));
};

test('a run of a sweep is another one with other settings or data, and the same wherever it computes', () => {
  const [first, second] = hashes();
  assert.notEqual(first, second);
  for (const same of [{ name: 'other' }, { runner: { backend: 'cpu', threads: 2 } }, { sweep: { ...BASE.sweep, seeds: [1, 2] } }])
    assert.ok(hashes(same).includes(first!), JSON.stringify(same));
  // Named as a value of the sweep or for all of its runs: the same run.
  assert.equal(hashes({ training: { loss_type: 'ipo', beta: 0.1 }, sweep: { seeds: [1] } })[0], first);
  const others = [
    { dataset: '/data/others.jsonl' },
    { model: '/models/n' },
    { eval_dataset: '/data/held-out.jsonl', training: { loss_type: 'ipo', eval_steps: 5 } },
    { training: { loss_type: 'sigmoid' } },
    { training: { loss_type: 'ipo', learning_rate: 1e-6 } },
    { plan: { epochs: 7 } },
    { runner: { precision: 'fp8' } },
  ];
  for (const other of others) assert.ok(!hashes(other).includes(first!), JSON.stringify(other));
});

test('a sweep does not go on with settings that its runs were not begun with', () => {
  const config = read();
  const trials = expandSweep(config);
  const folder = '/work/.wishbone/runs/one';
  const record = {
    config: config.file,
    trials: [
      { name: trials[0]!.name, folder, settings: settingsHash(config, trials[0]!) },
      // Of an older version, and one that was never begun.
      { name: trials[1]!.name, folder },
    ],
  };
  const other = read({ plan: { epochs: 7 } });
  const again = expandSweep(other);
  assert.deepEqual(changedTrials(undefined, other, again), []);
  const passedOver = { ...record, trials: record.trials.map((trial) => ({ ...trial, skipped: 'passed over' })) };
  assert.deepEqual(changedTrials(passedOver, other, again), []);
  assert.deepEqual(changedTrials(record, config, trials), []);
  assert.deepEqual(changedTrials(record, other, again), ['beta=0.1 seed=1']);
  checkUnchanged(record, config, trials);
  assert.throws(
    () => checkUnchanged(record, other, again),
    (error) => error instanceof WishboneError && /other settings.*beta=0\.1 seed=1/.test(error.what) && /"name"/.test(error.advice),
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allot } from '../../../src/core/sweep/index.js';

const AUTO = { devices: 'auto', device: 0 } as const;

test('on the CPU one run goes at a time, unless somebody says how many', () => {
  assert.equal(allot(AUTO, { parallel: 'auto', gpus: 0 }, [], 0), 'as-asked');
  assert.equal(allot(AUTO, { parallel: 'auto', gpus: 0 }, [], 1), undefined);
  assert.equal(allot(AUTO, { parallel: 2, gpus: 0 }, [], 1), 'as-asked');
  assert.equal(allot(AUTO, { parallel: 2, gpus: 0 }, [], 2), undefined);
});

test('one after the other, a run has the GPUs that it would have alone', () => {
  assert.equal(allot(AUTO, { parallel: 1, gpus: 8 }, [0, 1, 2], 0), 'as-asked');
  assert.equal(allot(AUTO, { parallel: 1, gpus: 8 }, [0, 1, 2], 1), undefined);
});

test('side by side, each run has GPUs of its own', () => {
  assert.deepEqual(allot(AUTO, { parallel: 'auto', gpus: 4 }, [1, 3], 2), [1]);
  assert.equal(allot(AUTO, { parallel: 'auto', gpus: 4 }, [], 4), undefined);
  assert.deepEqual(allot(AUTO, { parallel: 2, gpus: 8 }, [4, 5, 6, 7], 1), [4, 5, 6, 7], 'the machine is divided');
  assert.deepEqual(allot(AUTO, { parallel: 3, gpus: 2 }, [1], 1), [1], 'more runs than GPUs: one each, the rest waits');
  assert.deepEqual(allot({ devices: 2, device: 0 }, { parallel: 'auto', gpus: 4 }, [0, 2, 3], 1), [0, 2]);
  assert.equal(allot({ devices: 2, device: 0 }, { parallel: 'auto', gpus: 4 }, [3], 1), undefined);
});

test('GPUs that are named are waited for', () => {
  const named = { devices: [1, 2], device: 0 };
  assert.deepEqual(allot(named, { parallel: 'auto', gpus: 4 }, [0, 1, 2], 1), [1, 2]);
  assert.equal(allot(named, { parallel: 'auto', gpus: 4 }, [0, 1], 1), undefined);
  assert.deepEqual(allot({ devices: 'auto', device: 3 }, { parallel: 'auto', gpus: 4 }, [0, 3], 1), [3]);
});

test('what the machine has not is not waited for: the run refuses it by name', () => {
  assert.equal(allot({ devices: 4, device: 0 }, { parallel: 'auto', gpus: 2 }, [], 1), 'as-asked');
  assert.equal(allot({ devices: [5], device: 0 }, { parallel: 'auto', gpus: 2 }, [], 1), 'as-asked');
});

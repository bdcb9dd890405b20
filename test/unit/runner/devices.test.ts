import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { DEFAULT_RUNNER, numbersText, parseNumbers, type RunnerOptions } from '../../../src/core/options/index.js';
import { createRunFolder } from '../../../src/core/run/index.js';
import { identify } from '../../../src/core/run/process-identity.js';
import { type BackendInfo, decideDevices, devicesInUse, type DevicesInUse, gpusOf } from '../../../src/core/runner/index.js';
import { exampleConfig, temporaryFolder } from '../run/support.js';

const cpu: BackendInfo = { name: 'cpu', available: true, devices: [{ name: 'EPYC', threads: 16 }] };
const cards = (count: number): BackendInfo => ({
  name: 'cuda',
  available: true,
  devices: Array.from({ length: count }, () => ({ name: 'NVIDIA H200', memory: 141e9 })),
});

function decided(
  runner: Partial<RunnerOptions>,
  { gpus = 4, inUse = new Map(), batchSize = 32 }: { gpus?: number; inUse?: DevicesInUse; batchSize?: number } = {},
): number | readonly number[] {
  const backends = gpus === 0 ? [cpu] : [cpu, cards(gpus)];
  return decideDevices({ ...DEFAULT_RUNNER, ...runner }, { backends, inUse, batchSize }).devices;
}

const refusal = (work: () => unknown): WishboneError => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof WishboneError);
    assert.equal(error.where, 'runner.devices');
    return error;
  }
  assert.fail('nothing was refused');
};

test('auto takes the GPUs that no other run uses, and no more than a step has pairs', () => {
  assert.equal(decided({}), 4);
  assert.deepEqual(decided({}, { inUse: new Map([[0, 'first']]) }), [1, 2, 3]);
  assert.equal(decided({}, { inUse: new Map([[3, 'first']]) }), 3);
  assert.deepEqual(
    decided(
      {},
      {
        inUse: new Map([
          [1, 'first'],
          [3, 'first'],
        ]),
      },
    ),
    [0, 2],
  );
  assert.equal(decided({}, { batchSize: 2 }), 2);
  assert.match(refusal(() => decided({}, { gpus: 1, inUse: new Map([[0, 'first']]) })).what, /used by another run: first/);
});

test('where GPUs cannot work together auto is one that is free', () => {
  const apart: BackendInfo = { ...cards(3), apart: 'there is no NCCL' };
  const means = { backends: [cpu, apart], batchSize: 32 };
  assert.equal(decideDevices(DEFAULT_RUNNER, { ...means, inUse: new Map() }).devices, 1);
  assert.deepEqual(decideDevices(DEFAULT_RUNNER, { ...means, inUse: new Map([[0, 'first']]) }).devices, [1]);
  assert.equal(
    decideDevices({ ...DEFAULT_RUNNER, devices: 2 }, { ...means, inUse: new Map() }).devices,
    2,
    'who asks for two is told by the runner',
  );
});

test('on a CPU auto is one device, and a number is parts of it', () => {
  assert.equal(decided({}, { gpus: 0 }), 1);
  assert.equal(decided({ backend: 'cpu' }), 1);
  assert.equal(decided({ backend: 'cpu', devices: 3 }), 3);
  assert.match(refusal(() => decided({ devices: [0, 1] }, { gpus: 0 })).what, /would be on the CPU/);
});

test('a number and a list are taken as they are, where there are so many', () => {
  assert.equal(decided({ devices: 2 }), 2);
  assert.equal(decided({ devices: 2, device: 2 }), 2);
  assert.deepEqual(decided({ devices: [3, 1] }, { inUse: new Map([[1, 'first']]) }), [3, 1]);
  assert.equal(decided({ device: 2 }), 1, 'who names one GPU gets that one');
  assert.match(refusal(() => decided({ devices: 5 })).what, /5 devices are asked for, but there are 4 GPUs/);
  assert.match(refusal(() => decided({ devices: 2, device: 3 })).what, /2 devices/);
  assert.match(refusal(() => decided({ devices: [0, 7] })).what, /there is no GPU 7/);
  assert.match(refusal(() => decided({ device: 4 })).what, /there is no GPU 4/);
});

test('which GPUs a run takes', () => {
  assert.deepEqual(gpusOf({ devices: 3, device: 0 }), [0, 1, 2]);
  assert.deepEqual(gpusOf({ devices: 2, device: 2 }), [2, 3]);
  assert.deepEqual(gpusOf({ devices: [2, 0], device: 0 }), [2, 0]);
});

test('text of numbers is read as it was', () => {
  for (const value of ['auto', 1, 64, [0], [0, 2, 5]]) assert.deepEqual(parseNumbers(numbersText(value)), value);
});

test('GPUs in use are those of the runs at work on this machine', async (t) => {
  const runs = await temporaryFolder(t);
  const self = (await identify(process.pid))!;
  const layOut = async (name: string, runner: object, files: Readonly<Record<string, object>>): Promise<void> => {
    const config = { ...exampleConfig(), id: name, name };
    const made = await createRunFolder(runs, { ...config, runner: { ...config.runner, ...runner } }, (file) => writeFile(file, ''));
    for (const [file, value] of Object.entries(files)) await writeFile(path.join(made, file), JSON.stringify(value));
  };
  await layOut('two', { backend: 'cuda', devices: 2 }, { 'process.json': self });
  await layOut('listed', { backend: 'auto', devices: [5] }, { 'process.json': self });
  await layOut('cpu', { backend: 'cpu', devices: 4, device: 0 }, { 'process.json': self });
  await layOut('over', { backend: 'cuda', device: 7 }, { 'process.json': { ...self, pidStart: 1 } });
  await layOut('elsewhere', { backend: 'cuda', device: 8 }, { 'process.json': { ...self, host: 'another', bootId: 'another' } });
  await layOut('cluster', { backend: 'cuda', device: 9 }, { 'job.json': { target: 'gpu', id: '1' } });
  const path0 = process.env['PATH'];
  process.env['PATH'] = '';
  const inUse = await devicesInUse([runs]).finally(() => (process.env['PATH'] = path0));
  assert.deepEqual([...inUse].sort(), [
    [0, 'two'],
    [1, 'two'],
    [5, 'listed'],
  ]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackendInfo } from '../../../src/core/runner/index.js';
import { formSections } from '../../../src/extension/draft/fields.js';
import { readDraft, optionTexts } from '../../../src/extension/draft/read-draft.js';
import { DEFAULTS } from '../../../src/core/options/index.js';
import { namedDevices } from '../../../webview/ui/named-devices.js';

const CUDA: BackendInfo = { name: 'cuda', available: true, devices: [{ name: 'NVIDIA H200', memory: 2 ** 37 }, { name: 'NVIDIA H200' }] };

function field(id: string, ...given: Parameters<typeof formSections>) {
  return formSections(...given)
    .flatMap(({ fields }) => fields)
    .find((each) => each.id === id)!;
}

test('devices are offered with what each is, and whose', () => {
  const { kind, choices } = field('runner.devices', [CUDA], new Map([[1, 'first run']]));
  assert.equal(kind, 'devices');
  assert.deepEqual(choices, [
    { value: '0', label: 'GPU 0 · NVIDIA H200 · 128 GiB · free' },
    { value: '1', label: 'GPU 1 · NVIDIA H200 · in use by first run' },
  ]);
  assert.deepEqual(field('runner.devices', []).choices, []);
});

test('a run is for this machine or a target', () => {
  const { choices } = field('target', [], new Map(), ['lab']);
  assert.deepEqual(choices, [
    { value: '', label: 'This machine' },
    { value: 'lab', label: 'Slurm: lab' },
  ]);
});

test('what is ticked is what the text names', () => {
  assert.deepEqual(['auto', '2', '0,2', '[1]', '[0, 3]'].map(namedDevices), [[], [], ['0', '2'], ['1'], ['0', '3']]);
});

test('the text of devices is read as it is meant', () => {
  const texts = optionTexts(DEFAULTS);
  assert.equal(texts['runner.devices'], 'auto');
  const read = (text: string) => readDraft({ ...texts, 'runner.devices': text });
  assert.deepEqual(read('0, 2').options?.runner.devices, [0, 2]);
  assert.deepEqual(read('[1]').options?.runner.devices, [1]);
  assert.equal(read('4').options?.runner.devices, 4);
  assert.match(read('many').problems['runner.devices'] ?? '', /Expected "auto" or a whole number/);
  assert.match(readDraft({ ...texts, 'runner.devices': '0,1', 'runner.backend': 'cpu' }).problems['runner.devices'] ?? '', /on the CPU/);
});

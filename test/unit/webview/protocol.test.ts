import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { RUN_REQUESTS, readRunHostMessage, readRunPageMessage, readRunPageState } from '../../../src/protocol/run.js';
import { SERIES } from '../../../src/metrics.js';

test('requests of a panel are those on the list and nothing else', () => {
  for (const type of RUN_REQUESTS) assert.deepEqual(readRunPageMessage({ type, more: 1 }), { type });
  for (const value of [undefined, null, 'stop', { type: 'rm' }, { type: ['stop'] }, { type: 'toString' }]) {
    assert.equal(readRunPageMessage(value), undefined);
  }
});

test('a picture is a picture, and a run a number', () => {
  const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1);
  assert.deepEqual(readRunPageMessage({ type: 'save-image', name: 'x', png }), { type: 'save-image', name: 'x', png });
  assert.equal(readRunPageMessage({ type: 'save-image', name: 'x', png: png.slice(1) }), undefined);
  assert.equal(readRunPageMessage({ type: 'save-image', name: 1, png }), undefined);
  assert.deepEqual(readRunPageMessage({ type: 'remove-run', run: 1 }), { type: 'remove-run', run: 1 });
  assert.equal(readRunPageMessage({ type: 'remove-run', run: -1 }), undefined);
});

test('a panel state is absolute folders', () => {
  assert.deepEqual(readRunPageState({ folders: ['/a', '/b'] }), { folders: ['/a', '/b'] });
  assert.deepEqual(readRunPageState({ folder: '/a' }), { folders: ['/a'] }, 'as older panels keep it');
  for (const value of [undefined, {}, { folder: 'a' }, { folders: [] }, { folders: ['/a', 'b'] }, { folder: 1 }, []])
    assert.equal(readRunPageState(value), undefined);
});

test('series must be whole', () => {
  const of = (length: number) => Object.fromEntries(SERIES.map((name) => [name, new Float32Array(length)]));
  const message = (update: unknown, run: unknown = 0) => readRunHostMessage({ type: 'series', run, update });
  const step = new Float64Array(2);
  assert.ok(message({ from: 0, step, columns: of(2) }));
  assert.equal(message({ from: 0, step, columns: of(2) }, null), undefined);
  assert.equal(message({ from: 0, step, columns: of(3) }), undefined);
  assert.equal(message({ from: -1, step, columns: of(2) }), undefined);
  assert.equal(message({ from: 0, step: [1, 2], columns: of(2) }), undefined);
  assert.equal(message({ from: 0, step, columns: { ...of(2), loss: undefined } }), undefined);
});

test('samples have texts', () => {
  const sample = { prompt: 'a', reference: null, policy: [{ step: 1, text: 'b' }] };
  const message = (samples: unknown, problem: unknown = '') => readRunHostMessage({ type: 'samples', samples, problem });
  assert.deepEqual(message([sample]), { type: 'samples', samples: [sample], problem: '' });
  for (const bad of [{ prompt: 1 }, { reference: undefined }, { policy: [{ step: -1, text: '' }] }, { policy: {} }])
    assert.equal(message([{ ...sample, ...bad }]), undefined);
  assert.equal(message([sample], null), undefined);
});

test('differences have a value for every run', () => {
  const message = (values: unknown) => readRunHostMessage({ type: 'runs', count: 2, differences: [{ setting: 'x', values }], missing: [] });
  assert.ok(message(['1', '2']));
  for (const bad of [['1'], [1, 2], undefined]) assert.equal(message(bad), undefined);
});

test('verdicts are tables of texts', () => {
  const table = { title: 'b against a', heading: ['', 'n'], rows: [['loss', '60']] };
  const message = (tables: unknown, notes: unknown = []) => readRunHostMessage({ type: 'verdicts', verdicts: { tables, notes } });
  assert.deepEqual(message([table]), { type: 'verdicts', verdicts: { tables: [table], notes: [] } });
  for (const bad of [{ title: 1 }, { heading: 'n' }, { rows: ['loss'] }, { rows: [[60]] }])
    assert.equal(message([{ ...table, ...bad }]), undefined);
  assert.equal(message([table], [1]), undefined);
  assert.equal(readRunHostMessage({ type: 'verdicts' }), undefined);
});

test('anything else from outside is refused, and nothing throws', () => {
  fc.assert(
    fc.property(
      fc.anything(),
      fc.constantFrom('header', 'status', 'series', 'evals', 'samples', 'runs', 'verdicts', 'log', 'empty', 'other'),
      (value, type) => {
        assert.equal(readRunHostMessage(value), undefined);
        assert.equal(readRunHostMessage({ type, run: value, header: value, status: value, update: value }), undefined);
        assert.equal(readRunPageMessage(value), undefined);
        assert.equal(readRunPageState(value), undefined);
      },
    ),
  );
});

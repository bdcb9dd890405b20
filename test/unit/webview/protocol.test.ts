import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { PANEL_REQUESTS, readHostMessage, readPanelMessage, readPanelState } from '../../../src/protocol.js';

test('requests of a panel are those on the list and nothing else', () => {
  for (const type of PANEL_REQUESTS) assert.deepEqual(readPanelMessage({ type, more: 1 }), { type });
  for (const value of [undefined, null, 'stop', { type: 'rm' }, { type: ['stop'] }, { type: 'toString' }]) {
    assert.equal(readPanelMessage(value), undefined);
  }
});

test('a panel state is an absolute folder', () => {
  assert.deepEqual(readPanelState({ folder: '/a' }), { folder: '/a' });
  for (const value of [undefined, {}, { folder: 'a' }, { folder: 1 }, []])
    assert.equal(readPanelState(value), undefined);
});

test('series must be whole', () => {
  const columns = { loss: 1, chosen: 1, rejected: 1, margins: 1, accuracies: 1 };
  const of = (length: number) =>
    Object.fromEntries(Object.keys(columns).map((name) => [name, new Float64Array(length)]));
  const message = (update: unknown) => readHostMessage({ type: 'series', update });
  assert.ok(message({ from: 0, step: new Float64Array(2), columns: of(2) }));
  assert.equal(message({ from: 0, step: new Float64Array(2), columns: of(3) }), undefined);
  assert.equal(message({ from: -1, step: new Float64Array(2), columns: of(2) }), undefined);
  assert.equal(message({ from: 0, step: [1, 2], columns: of(2) }), undefined);
  assert.equal(message({ from: 0, step: new Float64Array(2), columns: { ...of(2), loss: undefined } }), undefined);
});

test('anything else from outside is refused, and nothing throws', () => {
  fc.assert(
    fc.property(fc.anything(), fc.constantFrom('header', 'status', 'series', 'empty', 'other'), (value, type) => {
      assert.equal(readHostMessage(value), undefined);
      assert.equal(readHostMessage({ type, header: value, status: value, update: value }), undefined);
      assert.equal(readPanelMessage(value), undefined);
      assert.equal(readPanelState(value), undefined);
    }),
  );
});

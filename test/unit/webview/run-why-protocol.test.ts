import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REMEDY_NAMES } from '../../../src/core/why/index.js';
import { readRunHostMessage, readRunPageMessage } from '../../../src/protocol/run.js';
import { WHY_REMEDIES } from '../../../src/protocol/run-why.js';

const asked = { of: null, tokens: false };
const group = { label: 'books', n: 3, mean: -1, low: null, high: null, perToken: -0.1, rejected: null, part: 1 };
const shown = {
  ...{ asked, problem: '', of: 'train', evaluates: false, verdict: 'fell', summary: 's', notes: ['n'], tokens: '', tokenParts: [] },
  parts: [{ title: 't', of: 'pairs', groups: [group] }],
  patterns: [{ what: 'w', known: 'k', source: 'arXiv' }],
  remedies: [
    {
      ...{ name: 'apo_zero', label: 'l', why: 'y', source: 'z', problem: '' },
      changes: [{ option: 'loss_type', before: '"sigmoid"', after: '"apo_zero"' }],
    },
  ],
};

test('pages know every remedy', () => {
  assert.deepEqual([...WHY_REMEDIES].sort(), [...REMEDY_NAMES].sort());
});

test('what a page asks of a fall is checked', () => {
  assert.deepEqual(readRunPageMessage({ type: 'get-why', asked }), { type: 'get-why', asked });
  assert.equal(readRunPageMessage({ type: 'get-why', asked: { of: 'all', tokens: false } }), undefined);
  assert.deepEqual(readRunPageMessage({ type: 'use-remedy', name: 'beta', folder: '/x' }), { type: 'use-remedy', name: 'beta' });
  assert.equal(readRunPageMessage({ type: 'use-remedy', name: 'dpop' }), undefined);
  assert.deepEqual(readRunPageMessage({ type: 'cancel-why' }), { type: 'cancel-why' });
});

test('what a page is told of a fall is checked', () => {
  assert.deepEqual(readRunHostMessage({ type: 'why', shown }), { type: 'why', shown });
  assert.deepEqual(readRunHostMessage({ type: 'show-why' }), { type: 'show-why' });
  assert.equal(readRunHostMessage({ type: 'why', shown: { ...shown, verdict: 'good' } }), undefined);
  assert.equal(
    readRunHostMessage({ type: 'why', shown: { ...shown, parts: [{ title: 't', of: 'pairs', groups: [{ ...group, mean: NaN }] }] } }),
    undefined,
  );
});

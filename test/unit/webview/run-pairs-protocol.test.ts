import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAIR_VIEW_NAMES } from '../../../src/core/pairs/index.js';
import { readRunHostMessage, readRunPageMessage } from '../../../src/protocol/run.js';
import { PAIR_LIST_VIEWS } from '../../../src/protocol/run-pairs.js';

const asked = { of: 'train', view: 'worse', step: null };
const pair = {
  ...{ row: 3, nth: 0, place: 'a.jsonl:4', source: null, start: 0, now: -1, change: -1, atStep: null, loss: 1, evidence: null },
  ...{ seen: 2, step: 9, chosenTokens: 4, rejectedTokens: 5 },
};

test('there is a list of every view, and one of all', () => {
  assert.deepEqual([...PAIR_LIST_VIEWS].sort(), ['all', ...PAIR_VIEW_NAMES].sort());
});

test('what a page asks of pairs is checked', () => {
  assert.deepEqual(readRunPageMessage({ type: 'get-pairs', asked }), { type: 'get-pairs', asked });
  assert.equal(readRunPageMessage({ type: 'get-pairs', asked: { ...asked, view: 'best' } }), undefined);
  assert.equal(readRunPageMessage({ type: 'get-pairs', asked: { ...asked, step: -1 } }), undefined);
  assert.deepEqual(readRunPageMessage({ type: 'open-pair', of: 'train', row: 3, how: 'table', file: '/etc/passwd' }), {
    type: 'open-pair',
    of: 'train',
    row: 3,
    how: 'table',
  });
  assert.equal(readRunPageMessage({ type: 'open-pair', of: 'train', row: 0.5, how: 'text' }), undefined);
  assert.equal(readRunPageMessage({ type: 'open-pair', of: 'train', row: 3, how: 'browser' }), undefined);
  const curve = { type: 'get-curve', asked: { of: 'evaluation', row: 3, nth: 1 } };
  assert.deepEqual(readRunPageMessage(curve), curve);
  assert.equal(readRunPageMessage({ type: 'get-curve', asked: { of: 'evaluation', row: 3 } }), undefined);
});

test('what a page is told of pairs is checked', () => {
  const shown = { asked, evaluates: false, seen: 9, found: 1, pairs: [pair], help: 'h', problem: '' };
  assert.deepEqual(readRunHostMessage({ type: 'pairs', shown }), { type: 'pairs', shown });
  assert.equal(readRunHostMessage({ type: 'pairs', shown: { ...shown, pairs: [{ ...pair, now: NaN }] } }), undefined);
});

test('what a page is told of how a pair went is checked', () => {
  const point = { step: 4, margin: 0.5, rewardChosen: 0.25, rewardRejected: -0.25, around: null };
  const shown = { asked: { of: 'train', row: 3, nth: 0 }, place: 'a.jsonl:4', points: [point], startsAtZero: true, problem: '' };
  assert.deepEqual(readRunHostMessage({ type: 'curve', shown }), { type: 'curve', shown });
  assert.equal(readRunHostMessage({ type: 'curve', shown: { ...shown, points: [{ ...point, margin: Infinity }] } }), undefined);
});

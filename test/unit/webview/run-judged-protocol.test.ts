import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRunHostMessage, readRunPageMessage } from '../../../src/protocol/run.js';

const asked = { id: null };
const verdict = { outcome: 'win', prompt: 'p', first: 'a', second: 'b', said: [{ title: 't', words: 'A' }] };
const comparison = {
  ...{ id: 'a3f974cf2279', first: 'tuned', second: 'reference', verdict: 'v', note: 'n', more: 0 },
  rates: [{ label: 'Win rate', help: 'h', rate: 0.5, low: 0.4, high: 0.6 }],
  figures: [{ label: 'l', help: 'h', value: '3' }],
  verdicts: [verdict],
};
const shown = { asked, problem: '', comparisons: [{ id: 'a3f974cf2279', label: 'l' }], shown: comparison };

test('what a page asks of judged completions is checked', () => {
  assert.deepEqual(readRunPageMessage({ type: 'get-judged', asked }), { type: 'get-judged', asked });
  assert.deepEqual(readRunPageMessage({ type: 'get-judged', asked: { id: 'x' } }), { type: 'get-judged', asked: { id: 'x' } });
  assert.equal(readRunPageMessage({ type: 'get-judged', asked: {} }), undefined);
  assert.deepEqual(readRunPageMessage({ type: 'judge', folder: '/x' }), { type: 'judge' });
});

test('what a page is told of judged completions is checked', () => {
  assert.deepEqual(readRunHostMessage({ type: 'judged', shown }), { type: 'judged', shown });
  assert.deepEqual(readRunHostMessage({ type: 'judged', shown: { ...shown, shown: null } })?.type, 'judged');
  assert.deepEqual(readRunHostMessage({ type: 'show-judged', id: 'x' }), { type: 'show-judged', id: 'x' });
  const of = (change: object): unknown => readRunHostMessage({ type: 'judged', shown: { ...shown, shown: { ...comparison, ...change } } });
  assert.equal(of({ verdicts: [{ ...verdict, outcome: 'draw' }] }), undefined);
  assert.equal(of({ rates: [{ ...comparison.rates[0], low: Number.NaN }] }), undefined);
  assert.equal(of({ more: -1 }), undefined);
});

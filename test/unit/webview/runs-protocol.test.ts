import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_RUNS_VIEW, readRunsHostMessage, readRunsPageMessage, readRunsTableView } from '../../../src/protocol/runs.js';

test('what a page asks of the table of runs is taken with exactly its fields, and nothing else is', () => {
  assert.deepEqual(readRunsPageMessage({ type: 'ready', more: 1 }), { type: 'ready' });
  const act = { type: 'act', action: 'delete', folders: ['/a'] };
  assert.deepEqual(readRunsPageMessage({ ...act, more: 1 }), act);
  assert.equal(readRunsPageMessage({ ...act, action: 'run' }), undefined);
  assert.equal(readRunsPageMessage({ ...act, folders: [1] }), undefined);
  assert.equal(readRunsPageMessage({ type: 'keep-view', view: { ...DEFAULT_RUNS_VIEW, sort: { column: 'loss' } } }), undefined);
  const kept = { type: 'keep-view', view: { ...DEFAULT_RUNS_VIEW, sort: { column: 'loss', descending: true }, group: 'tags' } };
  assert.deepEqual(readRunsPageMessage(kept), kept);
  assert.equal(readRunsPageMessage({ type: 'set-notes', folder: '/a' }), undefined);
});

test('what the host sends is rows of words and numbers', () => {
  const runs = { type: 'runs', common: { 'training.beta': 0.1 }, rows: [{ folder: '/a', cells: { name: 'a', loss: 0.5 } }] };
  assert.deepEqual(readRunsHostMessage(runs), runs);
  assert.equal(readRunsHostMessage({ ...runs, rows: [{ folder: '/a', cells: { loss: null } }] }), undefined);
  assert.equal(readRunsHostMessage({ ...runs, rows: [{ folder: '/a', cells: { loss: NaN } }] }), undefined);
  assert.equal(readRunsHostMessage({ ...runs, rows: [{ cells: {} }] }), undefined);
});

test('a view that was kept is taken whole or not at all', () => {
  assert.deepEqual(readRunsTableView(DEFAULT_RUNS_VIEW), DEFAULT_RUNS_VIEW);
  assert.equal(readRunsTableView({ ...DEFAULT_RUNS_VIEW, hidden: undefined }), undefined);
  assert.equal(readRunsTableView(undefined), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NUMBER_COLUMNS, SORT_COLUMNS } from '../../../src/core/dataset-table/query.js';
import { readTableHostMessage, readTablePageMessage, TABLE_NUMBERS, TABLE_SORTS } from '../../../src/protocol/table.js';

const line = {
  ...{ row: 4, pair: 0, pairs: 1, line: 5, prompt: 'p', role: null, turns: 1, chosen: [], rejected: [], source: null, problems: [] },
  lengths: { characters: null, tokens: null },
  margin: { start: 0, now: -1.5, change: -1.5, seen: 2 },
};

test('pages know every column of numbers, and every order', () => {
  assert.deepEqual([...TABLE_NUMBERS], [...NUMBER_COLUMNS]);
  assert.deepEqual([...TABLE_SORTS].sort(), [...SORT_COLUMNS].sort());
});

test('what a page asks of margins and places is checked', () => {
  const how = { filter: 'margin<0', sort: { column: 'margin_change', descending: false }, unit: 'characters' };
  assert.deepEqual(readTablePageMessage({ type: 'query', query: 1, how }), { type: 'query', query: 1, how });
  assert.equal(readTablePageMessage({ type: 'query', query: 1, how: { ...how, sort: { column: 'loss', descending: false } } }), undefined);
  assert.deepEqual(readTablePageMessage({ type: 'choose-run', folder: '/x' }), { type: 'choose-run' });
  const key = { row: 4, pair: 0 };
  assert.deepEqual(readTablePageMessage({ type: 'act', action: 'show-curve', key }), { type: 'act', action: 'show-curve', key });
  assert.deepEqual(readTablePageMessage({ type: 'find', query: 3, key }), { type: 'find', query: 3, key });
  assert.equal(readTablePageMessage({ type: 'find', query: 3, key: { row: -1, pair: 0 } }), undefined);
});

test('what a page is told of margins and places is checked', () => {
  const lines = { type: 'lines', query: 1, from: 0, lines: [line, { ...line, margin: null }] };
  assert.deepEqual(readTableHostMessage(lines), lines);
  assert.equal(readTableHostMessage({ ...lines, lines: [{ ...line, margin: { ...line.margin, now: NaN } }] }), undefined);
  const head = { name: 'a.jsonl', canEdit: true, model: null, run: 'first run', runs: 2 };
  assert.deepEqual(readTableHostMessage({ type: 'table', head }), { type: 'table', head });
  assert.equal(readTableHostMessage({ type: 'table', head: { ...head, runs: undefined } }), undefined);
  assert.deepEqual(readTableHostMessage({ type: 'place', query: 1, at: -1 }), { type: 'place', query: 1, at: -1 });
  assert.deepEqual(readTableHostMessage({ type: 'go-to', key: { row: 4, pair: 0 } }), { type: 'go-to', key: { row: 4, pair: 0 } });
});

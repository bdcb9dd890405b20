import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunRow } from '../../../src/core/run-table/index.js';
import { cellText } from '../../../webview/runs/cells.js';
import { TableModel } from '../../../webview/runs/model.js';

const row = (name: string, loss: number | undefined, rate: number, tags = ''): RunRow => ({
  folder: `/${name}`,
  cells: {
    name,
    state: 'finished',
    created: `2026-01-0${name.length}`,
    ...(loss === undefined ? {} : { loss }),
    'training.learning_rate': rate,
    'training.beta': 0.1,
    ...(tags === '' ? {} : { tags }),
  },
});

function model(): TableModel {
  const made = new TableModel();
  made.setRows([row('a', 0.5, 1e-6, 'x'), row('bb', 0.4, 1e-6), row('ccc', undefined, 2e-6, 'x y'), row('dddd', 0.6, 2e-6)]);
  return made;
}

const names = (made: TableModel): string[] =>
  made.lines.map((line) => (line.kind === 'run' ? String(line.row.cells['name']) : `[${line.value ?? 'none'} ${line.count}]`));
const chosen = (made: TableModel): string[] => made.selection.map(({ folder }) => folder.slice(1));

test('a head sorts by the better first, then the other way round, then no longer', () => {
  const made = model();
  const loss = made.columns.all.find(({ id }) => id === 'loss')!;
  assert.deepEqual(names(made), ['dddd', 'ccc', 'bb', 'a']);
  made.sortBy(loss);
  assert.deepEqual(names(made), ['bb', 'a', 'dddd', 'ccc']);
  made.sortBy(loss);
  assert.deepEqual(names(made), ['dddd', 'a', 'bb', 'ccc']);
  made.sortBy(loss);
  assert.deepEqual(names(made), ['dddd', 'ccc', 'bb', 'a']);
  made.sortBy(made.columns.all.find(({ id }) => id === 'accuracy')!);
  assert.equal(made.view.sort?.descending, true);
});

test('a selection is of what is shown: what a filter hides is not acted on', () => {
  const made = model();
  made.goTo(0);
  made.goTo(2, 'extend');
  assert.deepEqual(chosen(made), ['dddd', 'ccc', 'bb']);
  made.setView({ filter: 'loss<0.5' });
  assert.deepEqual(names(made), ['bb']);
  assert.deepEqual(chosen(made), ['bb']);
  made.selectAll();
  made.setView({ filter: '' });
  assert.deepEqual(chosen(made), ['dddd', 'ccc', 'bb']);
  made.clearSelection();
  assert.deepEqual(made.targets.length, 1, 'where the keys are');
});

test('a filter that means nothing says so, and leaves the runs as they were', () => {
  const made = model();
  made.setView({ filter: '#x' });
  assert.deepEqual(names(made), ['ccc', 'a']);
  made.setView({ filter: '#x beta>>0.2' });
  assert.match(made.problem!.what, /">>" is no comparison/);
  assert.deepEqual(names(made), ['ccc', 'a']);
  made.setView({ filter: '#x beta>0.2' });
  assert.equal(made.problem, undefined);
  assert.deepEqual(names(made), []);
  made.setRow(row('beta>>0.2 or so', 0.1, 1e-6, 'x'));
  made.setView({ filter: '#x beta>>0.2' });
  assert.equal(made.problem, undefined, 'a run is called so');
  assert.deepEqual(names(made), ['beta>>0.2 or so']);
});

test('the keys stay with their run when the order changes or others come', () => {
  const made = model();
  made.goTo(2);
  assert.equal(made.activeRow?.folder, '/bb');
  made.setView({ sort: { column: 'loss', descending: false } });
  assert.equal(made.active, 0);
  assert.equal(made.activeRow?.folder, '/bb');
  made.setRow(row('best!', 0.1, 3e-6));
  assert.equal(made.active, 1);
  made.setRow({ ...row('bb', 0.9, 1e-6) });
  assert.deepEqual(names(made), ['best!', 'a', 'dddd', 'bb', 'ccc']);
  assert.equal(made.activeRow?.folder, '/bb');
});

test('groups close, are chosen whole, and a run of two tags is in both', () => {
  const made = model();
  made.setView({ group: 'tags' });
  assert.deepEqual(names(made), ['[x 2]', 'ccc', 'a', '[y 1]', 'ccc', '[none 2]', 'dddd', 'bb']);
  made.toggle(0);
  assert.deepEqual(chosen(made), ['ccc', 'a']);
  made.toggle(0);
  assert.deepEqual(chosen(made), []);
  made.setOpen(0, false);
  assert.deepEqual(names(made), ['[x 2]', '[y 1]', 'ccc', '[none 2]', 'dddd', 'bb']);
  assert.equal(made.active, 0);
  made.setView({ group: 'training.learning_rate' });
  assert.deepEqual(names(made), ['[0.000001 2]', 'bb', 'a', '[0.000002 2]', 'dddd', 'ccc']);
});

test('columns beside the usual ones are remembered as what differs from these', () => {
  const made = model();
  const ids = (): string[] => made.visibleColumns.map(({ id }) => id);
  assert.ok(ids().includes('training.learning_rate') && !ids().includes('training.beta'));
  made.showColumn('training.beta', true);
  made.showColumn('loss', false);
  assert.ok(ids().includes('training.beta') && !ids().includes('loss'));
  assert.deepEqual([made.view.shown, made.view.hidden], [['training.beta'], ['loss']]);
  made.showColumn('training.beta', false);
  made.showColumn('loss', true);
  assert.deepEqual([made.view.shown, made.view.hidden], [[], []]);
});

test('runs that are gone are no longer chosen', () => {
  const made = model();
  made.selectAll();
  made.setRows([row('a', 0.5, 1e-6)]);
  assert.deepEqual(chosen(made), ['a']);
  made.setRows([]);
  assert.deepEqual([names(made), made.activeRow, made.targets], [[], undefined, []]);
});

test('cells read as people write them', () => {
  const text = (kind: Parameters<typeof cellText>[0]['kind'], value: string | number | undefined): string => cellText({ kind }, value);
  assert.equal(text('option', 1e-6), '1e-6');
  assert.equal(text('option', 0.1 + 0.2), '0.3');
  assert.equal(text('option', ''), 'none');
  assert.equal(text('percent', 0.61), '61%');
  assert.equal(text('tags', 'a b'), '#a #b');
  assert.equal(text('state', 'unreadable'), 'Cannot be read');
  assert.equal(text('time', '2026-01-02T15:04:05.000Z'), '2026-01-02 15:04');
  assert.equal(text('text', 'first\nsecond'), 'first');
  assert.equal(text('metric', undefined), cellText({ kind: 'percent' }, undefined));
});

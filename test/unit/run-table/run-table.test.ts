import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { rowOf, type RunListing } from '../../../src/core/run/index.js';
import {
  checkFilter,
  chosenColumns,
  columnsOf,
  findColumn,
  groupedRows,
  matches,
  parseFilter,
  type RunRow,
  sortedRows,
  tableCsv,
} from '../../../src/core/run-table/index.js';
import { exampleConfig } from '../run/support.js';

interface Made {
  readonly rate?: number;
  readonly loss?: number;
  readonly tags?: readonly string[];
  readonly pinned?: boolean;
  readonly notes?: string;
  readonly day?: number;
}

function listing(name: string, { rate = 1e-6, loss, tags = [], pinned = false, notes = '', day = 1 }: Made = {}): RunListing {
  const config = exampleConfig(new Date(Date.UTC(2026, 0, day)));
  const best = loss === undefined ? undefined : { step: 5, loss: loss / 2, margin: 0.1, accuracy: 0.5 };
  return {
    folder: `/runs/${name}`,
    config: { ...config, name, training: { ...config.training, learning_rate: rate } },
    tags,
    notes,
    pinned,
    state: 'finished',
    step: 10,
    steps: 10,
    figures: loss === undefined ? undefined : { of: 'evaluation', step: 10, pairs: 8, loss, margin: 0.2, accuracy: 1 - loss, best },
  };
}

const LISTINGS = [
  listing('run-9', { loss: 0.5, tags: ['base', 'keep'], day: 1 }),
  listing('run-10', { loss: 0.4, rate: 5e-6, notes: 'first line\nsecond, "quoted"', day: 2 }),
  listing('planned', { rate: 5e-6, tags: ['keep'], day: 3 }),
];
const ROWS = LISTINGS.map(rowOf);
const BROKEN = rowOf({ folder: '/runs/torn', problem: new WishboneError('not valid JSON', 'x', 'y') });
const names = (rows: readonly RunRow[]): unknown[] => rows.map(({ cells }) => cells['name']);
const checked = (text: string, rows = [...ROWS, BROKEN]) => checkFilter(parseFilter(text), rows);
const shown = (text: string, rows = [...ROWS, BROKEN]): unknown[] => names(rows.filter((row) => matches(row, checked(text, rows).sound)));

test('columns shown are figures and what the runs differ in; the rest is there when asked for', () => {
  const columns = columnsOf(ROWS);
  const usual = chosenColumns(columns, { shown: [], hidden: [] }).map(({ id }) => id);
  assert.deepEqual(usual, ['name', 'state', 'loss', 'accuracy', 'margin', 'best', 'tags', 'notes', 'created', 'training.learning_rate']);
  assert.ok(columns.all.some(({ id, label }) => id === 'training.beta' && label === 'beta'));
  assert.ok(columns.all.some(({ id }) => id === 'plan.batch_size'));
  const chosen = chosenColumns(columns, { shown: ['training.beta', 'id'], hidden: ['loss', 'name'] }).map(({ id }) => id);
  assert.ok(chosen.includes('training.beta') && chosen.includes('id') && !chosen.includes('loss'));
  assert.equal(chosen[0], 'name', 'it cannot be hidden');
});

test('a run that cannot be read is a row with what is wrong, and makes no option differ', () => {
  const { usual } = columnsOf([ROWS[0]!, BROKEN]);
  assert.ok(usual.has('problem') && !usual.has('training.learning_rate') && !usual.has('training.beta'));
  assert.deepEqual(BROKEN.cells, { name: 'torn', state: 'unreadable', problem: 'not valid JSON' });
});

test('options that one run lacks differ, and ends of names that two options have are whole', () => {
  const rows: RunRow[] = [
    { folder: 'a', cells: { name: 'a', 'plan.seed': 1, 'training.seed': 1 } },
    { folder: 'b', cells: { name: 'b', 'plan.seed': 1 } },
  ];
  const { all, usual } = columnsOf(rows);
  assert.ok(usual.has('training.seed') && !usual.has('plan.seed'));
  assert.deepEqual(
    all.filter(({ group }) => group === 'option').map(({ label }) => label),
    ['plan.seed', 'training.seed'],
  );
  assert.equal(findColumn(all, 'training.seed')?.id, 'training.seed');
  assert.equal(findColumn(columnsOf(ROWS).all, 'Best loss')?.id, 'best');
  assert.equal(findColumn(columnsOf(ROWS).all, 'learning_rate')?.id, 'training.learning_rate');
  assert.equal(findColumn(columnsOf(ROWS).all, 'learning'), undefined);
});

test('filters compare with options and figures, by number or by word', () => {
  assert.deepEqual(shown('learning_rate>1e-6'), ['run-10', 'planned']);
  assert.deepEqual(shown('training.learning_rate<=0.000001'), ['run-9']);
  assert.deepEqual(shown('learning_rate=5e-6 #keep'), ['planned']);
  assert.deepEqual(shown('accuracy>55%'), ['run-10']);
  assert.deepEqual(shown('accuracy>=0.5'), ['run-9', 'run-10']);
  assert.deepEqual(shown('loss!=0.5'), ['run-10'], 'a run without a loss is not compared');
  assert.deepEqual(shown('sharing:pai'), ['run-9', 'run-10', 'planned']);
  assert.deepEqual(shown('sharing=pai'), []);
  assert.deepEqual(shown('created>=2026-01-02'), ['run-10', 'planned']);
  assert.deepEqual(shown('learning_rate>'), ['run-9', 'run-10', 'planned', 'torn'], 'not yet typed');
  assert.deepEqual(shown('notes:second'), ['run-10']);
  assert.deepEqual(shown('state:unreadable'), ['torn']);
});

test('what looks like a condition may be a part of a name', () => {
  const rows: RunRow[] = ['lr=1e-6 beta', 'a=>b', 'x >> y', 'no.column:c'].map((name) => ({ folder: name, cells: { name, lr: 2 } }));
  const named = (text: string): unknown[] => {
    assert.equal(checked(text, rows).problem, undefined, text);
    return shown(text, rows);
  };
  assert.deepEqual(named('lr=1e-6'), ['lr=1e-6 beta']);
  assert.deepEqual(named('lr=1e-5'), []);
  assert.deepEqual(named('lr='), ['lr=1e-6 beta'], 'the beginning of it');
  assert.deepEqual(named('a=>b'), ['a=>b']);
  assert.deepEqual(named('>>'), ['x >> y']);
  assert.deepEqual(named('"x >> y"'), ['x >> y']);
  assert.deepEqual(named('no.column:c'), ['no.column:c']);
  // In quotes it is text, which no run may have.
  for (const text of ['"b>>3"', '"=>x"', '"lr>abc"', '"rate="', '"none>2"']) assert.deepEqual(named(text), [], text);
});

test('what can mean nothing is one problem, and the rest of the filter counts', () => {
  const problem = (text: string): string | undefined => {
    const { problem: found } = checked(text);
    return found && `${found.term} | ${found.what} | ${found.advice}`;
  };
  const meant = (term: string, sign: string, right: string): void =>
    assert.equal(problem(term), `${term} | "${sign}" is no comparison | write ${right}, or put text in quotes`);
  meant('beta>>3', '>>', '>');
  meant('beta=>3', '=>', '>=');
  meant('beta=<3', '=<', '<=');
  meant('beta==3', '==', '=');
  meant('Beta<>3', '<>', '!=');
  meant('beta!3', '!', '!=');
  meant('beta>=<3', '>=<', '<= >= != < > = :');
  assert.equal(
    problem('beta > 3'),
    '> | no column stands before ">" | write a comparison without spaces, such as beta>0.1, or put text in quotes',
  );
  assert.match(problem('loss >=0.5')!, /^>=0\.5 \| no column stands before ">="/);
  for (const term of ['beta>', 'sharing:', 'state:', '#', 'notes:""'])
    assert.equal(problem(`run ${term}`), `${term} | nothing stands behind "${term}" | write a value right behind it`);
  assert.equal(problem('beta>abc'), 'beta>abc | "abc" is no number, and beta is one | write a number behind beta>');
  assert.match(problem('training.learning_rate<=1e')!, /"1e" is no number/);
  assert.match(problem('bta>1')!, /^bta>1 \| there is no column "bta"/);
  assert.equal(checked('bta>1').problem?.column, 'bta');
  // A column that no run has a value of yet, one of texts, a part of a number, and words of other kinds are none.
  for (const text of [
    'pinned:yes',
    'created>2026',
    'sharing>a',
    'beta:0.',
    'beta=abc',
    'notes:>x',
    'margin>-1',
    'accuracy>5%',
    'dataset:a>>b',
    '',
    '""',
  ])
    assert.equal(problem(text), undefined, text);
  assert.equal(checked('bta>1', []).problem, undefined, 'nothing is known of columns');
  assert.match(checked('beta>>1', []).problem!.what, /no comparison/);

  assert.deepEqual(shown('#keep beta>>3'), ['run-9', 'planned']);
  assert.deepEqual(shown('beta>abc run loss>'), ['run-9', 'run-10']);
  assert.equal(problem('beta>abc beta>>3 #'), problem('beta>>3'), 'the first that is no expression');
});

test('rows are sorted by numbers as numbers, without a value last, pinned first, the newest first among equals', () => {
  const by = (column: string, descending: boolean, rows = ROWS): unknown[] => names(sortedRows(rows, { column, descending }));
  assert.deepEqual(by('name', false), ['planned', 'run-9', 'run-10']);
  assert.deepEqual(by('loss', false), ['run-10', 'run-9', 'planned']);
  assert.deepEqual(by('loss', true), ['run-9', 'run-10', 'planned']);
  assert.deepEqual(by('training.learning_rate', true), ['planned', 'run-10', 'run-9']);
  assert.deepEqual(names(sortedRows(ROWS, undefined)), ['planned', 'run-10', 'run-9']);
  const pinned = [...ROWS, rowOf(listing('kept', { loss: 0.9, pinned: true }))];
  assert.deepEqual(by('loss', false, pinned), ['kept', 'run-10', 'run-9', 'planned']);
});

test('rows are grouped by any column, by tags in each of their groups', () => {
  const groups = (column: string): unknown[] => groupedRows(ROWS, column).map(({ value, rows }) => [value, names(rows)]);
  assert.deepEqual(groups('training.learning_rate'), [
    [1e-6, ['run-9']],
    [5e-6, ['run-10', 'planned']],
  ]);
  assert.deepEqual(groups('tags'), [
    ['base', ['run-9']],
    ['keep', ['run-9', 'planned']],
    [undefined, ['run-10']],
  ]);
});

test('CSV has all digits, and quotes what needs it', () => {
  const columns = [{ id: 'name' }, { id: 'training.learning_rate' }, { id: 'loss' }, { id: 'notes' }];
  assert.equal(
    tableCsv(ROWS, columns),
    'name,training.learning_rate,loss,notes\nrun-9,0.000001,0.5,\nrun-10,0.000005,0.4,"first line\nsecond, ""quoted"""\nplanned,0.000005,,\n',
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formSections, SWEEP_SECTION } from '../../../src/extension/draft/fields.js';
import { forecastView } from '../../../src/extension/panels/launch/forecast-view.js';
import { BadRowError, WishboneError } from '../../../src/core/errors.js';
import type { PlanSummary } from '../../../src/core/prepare/index.js';
import { dataNotices, sharingNotices } from '../../../src/extension/panels/launch/data-notices.js';
import { isMeant } from '../../../webview/launch/matching.js';
import { readLaunchHostMessage, readLaunchPageMessage, readLaunchPageState } from '../../../src/protocol/launch.js';

const STATE = {
  problems: { dataset: 'No such file' },
  quiet: ['dataset'],
  warnings: {},
  notes: {},
  asked: ['dataset'],
  paged: [],
  hidden: ['training.simpo_gamma'],
  changed: [],
  title: 'Launch Sweep',
  preset: 'quick',
  blocked: '',
  trusted: true,
  starting: false,
  sweep: {
    on: true,
    several: ['training.beta'],
    title: '2 runs',
    varied: [{ field: 'training.beta', label: 'Beta', values: '0.1, 0.3' }],
    text: '',
    actions: [{ label: 'Remove the list', field: 'sweep.runs', value: '' }],
  },
};

test('what the page may ask, and nothing else', () => {
  for (const message of [
    { type: 'ready' },
    { type: 'start' },
    { type: 'save-config' },
    { type: 'set', field: 'dataset', value: 'a' },
    { type: 'choose', field: 'dataset', index: 1 },
    { type: 'preset', id: 'quick' },
    { type: 'download' },
    { type: 'cancel-download' },
    { type: 'ask-again', field: 'model' },
    { type: 'open-page', field: 'model' },
    { type: 'sweep', on: true },
    { type: 'several', field: 'training.beta', on: false },
  ]) {
    assert.deepEqual(readLaunchPageMessage(message), message);
  }
  for (const bad of [
    null,
    'start',
    { type: 'erase' },
    { type: 'set', field: 'dataset' },
    { type: 'set', field: 1, value: '' },
    { type: 'set', field: 'name', value: 'x'.repeat(30_000) },
    { type: 'choose' },
    { type: 'choose', field: 'model', index: -1 },
    { type: 'open-page' },
    { type: 'ask-again', field: 1 },
    { type: 'sweep' },
    { type: 'several', field: 'training.beta', on: 'yes' },
  ]) {
    assert.equal(readLaunchPageMessage(bad), undefined);
  }
});

test('what the host sends is understood, and what is malformed is not', () => {
  const form = {
    presets: [{ id: 'a', label: 'A', description: '' }],
    sections: [...formSections([]), SWEEP_SECTION],
    several: ['training.beta'],
  };
  assert.ok(readLaunchHostMessage({ type: 'form', id: 'f', form, values: { dataset: '' } }));
  assert.equal(readLaunchHostMessage({ type: 'form', form, values: {} }), undefined);
  const malformed = { ...form, sections: [{ title: 'x', fields: [{}] }] };
  assert.equal(readLaunchHostMessage({ type: 'form', id: 'f', form: malformed, values: {} }), undefined);
  assert.ok(readLaunchHostMessage({ type: 'state', state: STATE }));
  for (const bad of [
    { ...STATE, problems: { a: 1 } },
    { ...STATE, trusted: 'yes' },
    { ...STATE, hidden: [1] },
    { ...STATE, quiet: 'dataset' },
    { ...STATE, warnings: { a: 1 } },
    { ...STATE, paged: 'dataset' },
    { ...STATE, asked: undefined },
  ]) {
    assert.equal(readLaunchHostMessage({ type: 'state', state: bad }), undefined);
  }
  assert.equal(readLaunchHostMessage({ type: 'forecast', forecast: { kind: 'done', figures: [{ label: 'a' }] } }), undefined);
  assert.deepEqual(readLaunchPageState({ form: 'f' }), { form: 'f' });
  assert.equal(readLaunchPageState({ form: 1 }), undefined);
});

test('downloads are told of, before and while they are fetched', () => {
  const items = [{ name: 'org/name', detail: '2.1 GiB in 8 files' }];
  const wanted = { kind: 'wanted', items, route: '2.1 GiB from huggingface.co', said: '' };
  const running = { kind: 'running', items, route: '', text: '1.0 GiB of 2.1 GiB', fraction: 0.5 };
  for (const downloads of [{ kind: 'none' }, wanted, running]) assert.ok(readLaunchHostMessage({ type: 'downloads', downloads }));
  for (const downloads of [
    { kind: 'done' },
    { ...wanted, items: [{ name: 'a' }] },
    { ...wanted, said: null },
    { ...running, fraction: '0.5' },
  ]) {
    assert.equal(readLaunchHostMessage({ type: 'downloads', downloads }), undefined);
  }
});

test('bad rows and unread columns come with a click that does something about them', () => {
  const leftOut = { rows: 3, first: [{ row: 3, line: 4, what: 'not JSON' }] };
  const remedies = [{ kind: 'chat', columns: 'instruction=question', reads: ['question'] }] as const;
  const warning = { kind: 'lost-text', columns: ['question'], what: '"question" holds text', advice: 'name it', remedies } as const;
  const columnReport = {
    unread: [
      { name: 'id', rows: 2 },
      { name: 'question', rows: 2 },
    ],
    warnings: [warning],
  };
  const summary = { files: [{ path: '/d/a.jsonl', rows: 9, leftOut, columnReport }], evalFiles: [] } as unknown as PlanSummary;
  const notices = dataNotices(summary);
  assert.deepEqual(
    notices.map(({ tone, title, actions }) => [tone, title, actions.map(({ label, field, value }) => [label, field, value])]),
    [
      ['warn', '"question" holds text', [['Read as a chat: instruction=question', 'plan.columns', 'instruction=question']]],
      ['warn', '3 unreadable rows left out', [['Stop at such rows instead', 'plan.on_bad_row', 'stop']]],
      ['plain', 'Columns that are not read', []],
    ],
  );
  const error = new BadRowError('not JSON', '/d/a.jsonl:4', 'correct it');
  const failed = forecastView({ kind: 'failed', error, without: summary }, true);
  assert.deepEqual(failed.kind === 'failed' && failed.actions, [
    { label: 'Train without 3 unreadable rows', field: 'plan.on_bad_row', value: 'skip' },
  ]);
  assert.ok(readLaunchHostMessage({ type: 'forecast', forecast: failed }));
  assert.ok(readLaunchHostMessage({ type: 'forecast', forecast: { kind: 'done', figures: [], notices } }));
  for (const notice of [
    { ...notices[0], tone: 'loud' },
    { ...notices[0], actions: [{ label: 1 }] },
  ]) {
    assert.equal(readLaunchHostMessage({ type: 'forecast', forecast: { kind: 'done', figures: [], notices: [notice] } }), undefined);
  }
});

test('a file that is evaluated on and trained on is told first', () => {
  const file = (name: string, sha256: string): object => ({
    ...{ path: `/d/${name}`, rows: 9, sha256, leftOut: { rows: 0, first: [] } },
    columnReport: { unread: [], warnings: [] },
  });
  const told = (files: readonly object[], evalFiles: readonly object[]): readonly string[] =>
    dataNotices({ files, evalFiles } as unknown as PlanSummary).map(({ tone, title }) => `${tone}: ${title}`);
  const [a, b] = [file('a.jsonl', 'a'), file('b.jsonl', 'b')];
  assert.deepEqual(told([a], [b]), []);
  assert.deepEqual(told([a], []), []);
  assert.deepEqual(told([b, a], [a]), ['warn: "a.jsonl" is trained on and evaluated on: the figures say what the model remembers']);
  const copy = told([a], [file('c.jsonl', 'a')]);
  assert.match(copy[0]!, /"c\.jsonl" is evaluated on and the same as "a\.jsonl", which is trained on/);
});

test('prompts in common come with a click that shares them', () => {
  const commonPrompts = { pairs: 2400, prompts: 400, ratio: 3.46, tokens: 1000, promptTokens: 1 };
  const plan = { planTokens: 3460, bins: 75, epochs: 1 };
  const [notice, ...others] = sharingNotices({ ...plan, commonPrompts, sharing: 'pair', order: 'shuffle' });
  assert.deepEqual(others, []);
  assert.match(notice?.text ?? '', /^2,400 pairs have 400 prompts: .* up to 3\.5 times fewer tokens than each pair by itself\.$/);
  assert.deepEqual(notice?.actions, [{ label: 'Sharing: tree', field: 'plan.sharing', value: 'tree' }]);
  assert.deepEqual(sharingNotices({ ...plan, commonPrompts, sharing: 'tree', order: 'shuffle' })[0]?.actions, [
    { label: 'Order: prefix', field: 'plan.order', value: 'prefix' },
  ]);
  assert.deepEqual(sharingNotices({ ...plan, commonPrompts, sharing: 'tree', order: 'prefix' }), []);
  assert.ok(readLaunchHostMessage({ type: 'forecast', forecast: { kind: 'done', figures: [], notices: [notice] } }));
});

test('a forecast that failed names the file to open; one at work says how far it is', () => {
  const failed = forecastView({ kind: 'failed', error: new WishboneError('no such field', '/d/a.jsonl:3', 'add it') }, true);
  assert.deepEqual(failed, { kind: 'failed', what: 'No such field', where: '/d/a.jsonl:3', advice: 'Add it', opens: true, actions: [] });
  assert.ok(readLaunchHostMessage({ type: 'forecast', forecast: failed }));
  const working = forecastView({ kind: 'working', progress: { phase: 'tokenise', done: 1, total: 4 } }, true);
  assert.deepEqual(working, { kind: 'working', text: 'Reading and tokenising 25%', fraction: 0.25 });
});

test('a setting is found by its label, its help, its name in files and the values it can have', () => {
  const fields = formSections([]).flatMap((section) => section.fields);
  const found = (text: string): string[] => fields.filter((field) => isMeant(field, text)).map(({ id }) => id);
  assert.ok(found('learning RATE').includes('training.learning_rate'));
  assert.deepEqual(found('lora_rank_pattern'), ['training.lora_rank_pattern']);
  assert.ok(found('simpo').includes('training.loss_type'), 'a loss is a value');
  assert.ok(found('cosine').includes('training.lr_scheduler_type'));
  assert.deepEqual(found('no such thing'), []);
  assert.equal(found('').length, fields.length);
  for (const { id } of fields) assert.ok(found(id).includes(id), id);
});

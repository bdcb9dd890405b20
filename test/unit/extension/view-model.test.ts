import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING } from '../../../src/core/options/index.js';
import { parseEvent } from '../../../src/core/events/index.js';
import { RunHistory } from '../../../src/core/history/index.js';
import type { RunState } from '../../../src/core/run/index.js';
import { evalsOf, exportFolder, headerOf, overviewOf, seriesFrom, statusOf } from '../../../src/extension/panels/run/view-model.js';
import type { LiveRun } from '../../../src/extension/runs/live-run.js';
import { readRunHostMessage } from '../../../src/protocol/run.js';
import { evalLine, eventLine, exampleConfig, startLine, stepLine } from '../run/support.js';

const folder = '/w/.wishbone/runs/x';

function watched(state: RunState, ...lines: string[]) {
  const history = new RunHistory();
  for (const line of lines) history.add(parseEvent(line, 'test'));
  return {
    folder,
    config: exampleConfig(),
    state,
    history,
    crash: undefined,
    best: undefined,
    gone: false,
    sameCause: false,
    job: undefined,
    trackers: [] as LiveRun['trackers'],
    tags: ['a'],
    notes: '',
    log: { more: false, skipped: 0, unfinished: false },
  };
}

test('the header passes the check of the other side', () => {
  const header = headerOf(watched('running'), { tokenRatio: 1.5, problem: null });
  assert.deepEqual(readRunHostMessage({ type: 'header', run: 0, header }), { type: 'header', run: 0, header });
  assert.equal(header.datasetName, 'pairs.jsonl');
  const training = header.settings.find(({ title }) => title === 'Training')!.rows;
  assert.deepEqual(
    training.map(({ name }) => name),
    Object.keys(DEFAULT_TRAINING),
    'all of them',
  );
  assert.deepEqual(
    training.find(({ name }) => name === 'learning_rate'),
    { name: 'learning_rate', value: '1e-6', help: 'peak learning rate, reached after warm-up', changed: false },
  );
});

test('rows and columns that are not trained on are told of', () => {
  const run = watched('running');
  const plain = headerOf(run, { tokenRatio: null, problem: null });
  assert.equal(plain.leftOut, '');
  const left = {
    left_out: [{ path: '/d/a.jsonl', rows: 2, lines: [4, 9] }],
    unread_columns: [{ path: '/d/a.jsonl', columns: ['id', 'score'] }],
  };
  const header = headerOf(
    { ...run, config: { ...run.config, dataset: { ...run.config.dataset, ...left } } },
    { tokenRatio: null, problem: null },
  );
  assert.equal(header.leftOut, '2 rows left out');
  const data = header.settings.flatMap(({ rows }) => rows.map(({ name, value }) => [name, value]));
  assert.ok(data.some(([name, value]) => name === 'rows left out' && value === '2: lines 4, 9'));
  assert.ok(data.some(([name, value]) => name === 'columns not read' && value === 'id, score'));
  assert.ok(readRunHostMessage({ type: 'header', run: 0, header }));
});

test('settings have all that was set, what it was made with, and mark what is not as by default', () => {
  const run = watched('running');
  const rows = (changes: object) => {
    const groups = headerOf({ ...run, config: { ...run.config, ...changes } }, { tokenRatio: null, problem: null }).settings;
    return new Map(groups.flatMap((group) => group.rows.map((row) => [row.name, row])));
  };
  const plain = rows({});
  for (const name of [...Object.keys(DEFAULT_PLAN), ...Object.keys(DEFAULT_RUNNER)]) assert.ok(plain.has(name), name);
  assert.equal(plain.get('Wishbone'), undefined, 'an older run does not say');
  assert.equal(plain.get('cublaslt')?.value, 'none');
  const runner = { ...run.config.runner, backend: 'cuda', deterministic: true };
  const changed = rows({ runner, made_with: { wishbone: '0.1.0', git: { commit: 'a'.repeat(40), dirty: true } } });
  assert.deepEqual([changed.get('backend')?.value, changed.get('backend')?.changed], ['cuda', true]);
  assert.deepEqual([changed.get('deterministic')?.value, changed.get('threads')?.changed], ['on', false]);
  assert.equal(changed.get('Wishbone')?.value, '0.1.0');
  assert.equal(changed.get('git commit')?.value, 'aaaaaaaaaaaa, with uncommitted changes');
});

test('the device is the one that the runner took', () => {
  const device = (fields: object) => statusOf(watched('running', startLine({ ...fields })), true).device;
  assert.equal(device({}), 'a processor, 2 threads');
  assert.equal(device({ threads: 1 }), 'a processor, 1 thread');
  assert.equal(device({ backend: 'cuda', device: 'NVIDIA H100 80GB HBM3', threads: 1 }), 'NVIDIA H100 80GB HBM3');
  assert.equal(statusOf(watched('planned'), true).device, null);
});

test('what is computed again is said, of the latest start', () => {
  const again = eventLine('recompute', { layers: 32, mlp: 12, block: 0 });
  const recomputed = (...lines: string[]) => statusOf(watched('running', ...lines), true).recomputed;
  assert.equal(recomputed(startLine(), again), 'activations of the MLPs of 12 of 32 layers');
  assert.equal(recomputed(startLine(), eventLine('recompute', { layers: 32, mlp: 0, block: 0 })), null);
  assert.equal(recomputed(startLine(), again, startLine({ resumedFrom: 1 })), null);
  assert.equal(statusOf(watched('planned'), true).recomputed, null);
});

test('devices are shown while a run is at work, what they share also afterwards', () => {
  const lines = [
    startLine(),
    stepLine(1, { communication: 0.05, slowest_rank: 1.1, rank_seconds: [0.4, 0.5] }),
    eventLine('devices', { devices: [{ name: 'NVIDIA H200', utilisation: 0.5, temperature: 61 }] }),
  ];
  const status = statusOf(watched('running', ...lines), true);
  assert.deepEqual(status.devices, [
    { name: 'NVIDIA H200', utilisation: 0.5, memory: null, memoryTotal: null, temperature: 61, power: null },
  ]);
  assert.deepEqual(status.ranks, { communication: 0.05, share: 0.1, slowest: 1.1, seconds: [0.4, 0.5] });
  assert.deepEqual(readRunHostMessage({ type: 'status', run: 0, status }), { type: 'status', run: 0, status });
  const ended = statusOf(watched('finished', ...lines, eventLine('finished', { steps: 1, seconds: 5 })), true);
  assert.deepEqual([ended.devices, ended.ranks], [[], status.ranks]);
  assert.deepEqual(statusOf(watched('running', startLine(), stepLine(1)), true).ranks, null);
});

test('trackers: the page there, and what is in the way', () => {
  const trouble = { what: 'MLflow answered 401', where: 'http://host', advice: 'set it' };
  const run = watched('running', startLine(), stepLine(1));
  const trackers = (...of: LiveRun['trackers']) => {
    const status = statusOf({ ...run, trackers: of }, true);
    assert.deepEqual(readRunHostMessage({ type: 'status', run: 0, status }), { type: 'status', run: 0, status });
    return status.trackers;
  };
  assert.deepEqual(trackers({ name: 'mlflow', url: 'http://host/#/runs/1', complete: true, trouble: undefined }), [
    { label: 'MLflow', url: 'http://host/#/runs/1', text: '' },
  ]);
  assert.deepEqual(trackers({ name: 'mlflow', url: undefined, complete: false, trouble }), [
    { label: 'MLflow', url: null, text: 'not all there yet: MLflow answered 401' },
  ]);
  assert.deepEqual(trackers({ name: 'trackio', url: undefined, complete: false, trouble: undefined })[0]?.text, 'being sent');
  assert.deepEqual(
    trackers({ name: 'wandb', url: undefined, command: 'wandb sync /r', complete: true, trouble: undefined })[0]?.text,
    'upload with: wandb sync /r',
  );
  const status = { ...statusOf(run, true), trackers: [{ label: 'a', url: 'javascript:alert(1)', text: '' }] };
  assert.equal(readRunHostMessage({ type: 'status', run: 0, status }), undefined, 'a page is an address of the web');
});

test('every state has a status that passes the check of the other side', () => {
  const end = {
    finished: eventLine('finished', { steps: 10, seconds: 5 }),
    stopped: eventLine('stopped', { step: 4 }),
    failed: eventLine('failed', { what: 'w', where: 'x', advice: 'a', exitCode: 5 }),
  };
  for (const state of ['planned', 'starting', 'running', 'stopping', 'finished', 'stopped', 'failed', 'crashed'] as const) {
    const lines = state === 'planned' ? [] : [startLine(), stepLine(1), ...(state in end ? [end[state as keyof typeof end]] : [])];
    const status = statusOf(watched(state, ...lines), true);
    assert.deepEqual(readRunHostMessage({ type: 'status', run: 1, status }), { type: 'status', run: 1, status });
    assert.equal(status.end?.kind, ['finished', 'stopped', 'failed', 'crashed'].includes(state) ? state : undefined);
  }
});

test('where the time went, with what comes before loading as part of it', () => {
  const phases = { start: 1, load: 2, train: 6, checkpoints: 0 };
  const { time } = statusOf(watched('finished', startLine(), eventLine('finished', { steps: 10, seconds: 9, phases })), true);
  const parts = [
    { phase: 'load', seconds: 3 },
    { phase: 'train', seconds: 6 },
  ];
  assert.deepEqual(time, { parts, sessions: 1, estimated: 0 });
  const stopped = statusOf(watched('stopped', startLine(), eventLine('stopped', { step: 4, seconds: 9, phases })), true);
  assert.deepEqual(stopped.time, time);
  assert.equal(statusOf(watched('planned'), true).time, null);
});

test('what was predicted stands in the header', () => {
  const predicted = { seconds: { start: 1, load: 2, train: 30 }, total: 33, sources: ['x'] };
  const header = headerOf(watched('running'), { tokenRatio: 1.5, problem: null }, predicted);
  const parts = [
    { phase: 'load', seconds: 3 },
    { phase: 'train', seconds: 30 },
  ];
  assert.deepEqual(header.predicted, { parts, sources: ['x'] });
  assert.deepEqual(readRunHostMessage({ type: 'header', run: 0, header }), { type: 'header', run: 0, header });
});

test('what the runner goes on without is a warning with its place', () => {
  const told = { what: 'the checkpoint of step 4 could not be written', where: '/w/checkpoints', advice: 'Free some space.' };
  const { warnings } = statusOf(watched('running', startLine(), eventLine('warning', told), eventLine('warning', told)), true);
  const what = 'The checkpoint of step 4 could not be written.';
  assert.deepEqual(warnings, [{ kind: 'runner', what, where: '/w/checkpoints', advice: 'Free some space.' }]);
});

test('figures are a mean over the latest pairs with how many, NaN is no number', () => {
  const status = statusOf(watched('running', startLine(), stepLine(2, { loss: null, speedOfLight: null })), false);
  assert.deepEqual([status.loss, status.margin, status.accuracy, status.speedOfLight], [null, 0.04, 0.5, null]);
  assert.deepEqual([status.step, status.steps, status.pairsPerSecond, status.secondsLeft, status.mayAct], [2, 10, 16, 4, false]);
});

test('an old end is not shown while the run is resumed', () => {
  const stopped = watched('starting', startLine(), stepLine(1), eventLine('stopped', { step: 1 }));
  assert.equal(statusOf(stopped, true).end, null);
});

test('an export outside the run folder is none', () => {
  const withExport = (path: string) => exportFolder(watched('finished', startLine(), eventLine('export', { path })));
  assert.equal(withExport('export'), `${folder}/export`);
  assert.equal(withExport('../../../etc'), undefined);
  assert.equal(withExport('/etc'), undefined);
  assert.equal(exportFolder(watched('finished', startLine())), undefined);
});

test('rows are sent from where they changed', () => {
  const { history } = watched('running', startLine(), stepLine(1), stepLine(2, { loss: null }), stepLine(3));
  const update = seriesFrom(history, 1);
  assert.deepEqual([...update.step], [2, 3]);
  assert.deepEqual([...update.columns.loss], [NaN, 0.703125]);
  assert.deepEqual(readRunHostMessage({ type: 'series', run: 0, update }), { type: 'series', run: 0, update });
  assert.equal(seriesFrom(history, 3).step.length, 0);
});

test('of a long run an overview is sent first: rows of it, the first and the last among them', () => {
  const steps = Array.from({ length: 12_345 }, (_, row) => stepLine(row + 1, { loss: (row % 1000) / 1000 }));
  const { history } = watched('running', startLine(), ...steps);
  const update = overviewOf(history)!;
  assert.ok(update.step.length > 1000 && update.step.length < 1100, String(update.step.length));
  assert.equal(update.step[0], 1);
  assert.equal(update.step.at(-1), 12_345);
  update.step.forEach((step, row) => assert.equal(update.columns.loss[row], Math.fround(((step - 1) % 1000) / 1000)));
  assert.deepEqual(readRunHostMessage({ type: 'series', run: 0, update }), { type: 'series', run: 0, update });
  assert.equal(overviewOf(watched('running', startLine(), ...steps.slice(0, 5000)).history), undefined);
});

test('evaluations stand beside the step they followed', () => {
  const evaluation = (step: number, loss: number) => evalLine(step, { eval_loss: loss, 'eval_logps/chosen': null });
  const { history } = watched('running', startLine(), stepLine(1), evaluation(1, 0.7), stepLine(2), evaluation(2, 0.6));
  const evals = evalsOf(history);
  assert.deepEqual([...evals.step], [1, 2]);
  assert.deepEqual([...evals.columns.loss], [Math.fround(0.7), Math.fround(0.6)]);
  assert.deepEqual([...evals.columns['logps/chosen']], [NaN, NaN]);
  assert.deepEqual(readRunHostMessage({ type: 'evals', run: 0, evals }), { type: 'evals', run: 0, evals });
});

test('lines that could not be read are counted; a line under way is none of them', () => {
  const count = (state: RunState, log: object) =>
    statusOf({ ...watched(state, startLine()), log: { more: false, skipped: 0, unfinished: false, ...log } }, true).skippedLines;
  assert.equal(count('running', { unfinished: true }), 0);
  assert.equal(count('crashed', { unfinished: true }), 1);
  assert.equal(count('running', { skipped: 2 }), 2);
});

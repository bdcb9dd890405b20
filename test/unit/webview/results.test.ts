import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Difference, RunStatus } from '../../../src/protocol/run.js';
import { statesText } from '../../../webview/run/comparison-head.js';
import { resultCells, resultColumns, sortedRows } from '../../../webview/run/results.js';

const STATUS: RunStatus = {
  state: 'finished',
  job: '',
  gone: false,
  phase: 'train',
  progress: null,
  step: 48,
  steps: 48,
  secondsLeft: null,
  pairsPerSecond: 3,
  tokensPerSecond: 900,
  speedOfLight: 0.5,
  figures: { of: 'evaluation', step: 40, pairs: 64 },
  loss: 0.6,
  margin: 0.1,
  accuracy: 0.75,
  best: { step: 20, loss: 0.5, margin: 0.1, accuracy: 0.8, exportPath: null, kept: true },
  device: null,
  recomputed: null,
  checkpoint: 48,
  end: null,
  warnings: [],
  devices: [],
  ranks: null,
  time: null,
  skippedLines: 0,
  mayAct: true,
  trackers: [],
};

const DIFFERENCES: readonly Difference[] = [
  { setting: 'training.learning_rate', values: ['0.000020000000000000001', '1e-6', ''] },
  { setting: 'model.path', values: ['/m/b', '/m/a', '/m/c'] },
];

const texts = (status: RunStatus | undefined, run = 0): string[] =>
  resultCells({ name: 'a', status }, run, DIFFERENCES).map(({ text }) => text);

test('a run has a cell for every column', () => {
  const columns = resultColumns(DIFFERENCES);
  assert.deepEqual(
    columns.map(({ label }) => label),
    ['Run', 'State', 'Loss', 'Accuracy', 'Best loss', 'Margin', 'learning_rate', 'model.path', 'Figures from', 'Step', 'Pairs/s'],
  );
  assert.deepEqual(
    columns.slice(6, 8).map(({ isNumber }) => isNumber),
    [true, false],
  );
  assert.deepEqual(texts(STATUS), [
    'a',
    'Finished',
    '0.6000',
    '75%',
    '0.5000 at 20',
    '0.1000',
    '2e-5',
    '/m/b',
    'evaluation, step 40',
    '48 of 48',
    '3.00',
  ]);
  assert.equal(texts(undefined).length, columns.length);
  assert.deepEqual(texts(STATUS, 2).slice(6, 8), ['–', '/m/c']);
});

test('what a run trains on, what looks wrong with it, and that it is deleted', () => {
  assert.equal(texts({ ...STATUS, figures: { of: 'training', step: 48, pairs: 104 } })[8], 'last 104 pairs trained on');
  const warned = {
    ...STATUS,
    warnings: [{ kind: 'overfitting', what: 'Evaluation has become worse.', where: null, advice: 'Stop.' }],
  } as const;
  assert.equal(texts(warned)[1], 'Finished · overfitting');
  const gone: RunStatus = { ...STATUS, state: 'planned', gone: true, figures: null, loss: null, steps: null };
  assert.equal(texts(gone)[1], 'Deleted', 'not "Not started"');
  assert.equal(statesText([{ status: gone }, { status: STATUS }, { status: STATUS }]), '2 finished, 1 deleted');
});

test('rows are sorted by numbers as numbers, by texts as people count, with what is missing last', () => {
  const rows = [
    { ...STATUS, loss: 0.9 },
    { ...STATUS, loss: 0.10001 },
    { ...STATUS, loss: null },
  ].map((status, run) => resultCells({ name: `run-${[2, 10, 1][run]}`, status }, run, DIFFERENCES));
  assert.deepEqual(sortedRows(rows, 2, false), [1, 0, 2]);
  assert.deepEqual(sortedRows(rows, 2, true), [0, 1, 2], 'last either way');
  assert.deepEqual(sortedRows(rows, 0, false), [2, 0, 1], 'run-1, run-2, run-10');
  assert.deepEqual(sortedRows(rows, 6, false), [1, 0, 2], '1e-6 before 0.00002');
  assert.deepEqual(sortedRows(rows, 7, true), [2, 0, 1]);
});

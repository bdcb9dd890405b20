import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { RunStatus } from '../../../src/protocol/run.js';
import {
  activityText,
  barFraction,
  chartSummary,
  predictedText,
  progressText,
  rankLabel,
  ranksText,
  secondsText,
  timeNote,
  timeSummary,
  timeText,
} from '../../../webview/run/words.js';

const RUNNING: RunStatus = {
  state: 'running',
  job: '',
  gone: false,
  phase: 'train',
  progress: null,
  step: 12,
  steps: 48,
  secondsLeft: 95,
  pairsPerSecond: 1,
  tokensPerSecond: 1,
  speedOfLight: 0.5,
  figures: { of: 'training', step: 4, pairs: 104 },
  best: null,
  loss: 0.5,
  margin: 0.1,
  accuracy: 1,
  device: null,
  recomputed: null,
  checkpoint: null,
  end: null,
  warnings: [],
  devices: [],
  ranks: null,
  time: null,
  skippedLines: 0,
  mayAct: true,
  trackers: [],
};

test('training: steps, time left and the bar', () => {
  assert.deepEqual([progressText(RUNNING), timeText(RUNNING), barFraction(RUNNING)], ['Step 12 of 48', '1 min 35 s left', 0.25]);
  assert.equal(activityText(RUNNING), 'Training');
});

test('a phase with bins shows these, one without shows that it works', () => {
  const reference: RunStatus = { ...RUNNING, phase: 'reference', progress: { done: 3, total: 12 }, step: 0 };
  assert.deepEqual([progressText(reference), timeText(reference), barFraction(reference)], ['25% of 12 bins', '', 0.25]);
  assert.equal(activityText(reference), 'Reference log-probabilities');
  assert.equal(barFraction({ ...RUNNING, phase: 'load', progress: null }), undefined);
  assert.equal(barFraction({ ...RUNNING, phase: 'load', progress: { done: 0, total: 0 } }), undefined);
  assert.equal(barFraction({ ...RUNNING, state: 'starting', phase: null, steps: null }), undefined);
});

test('ended runs', () => {
  const finished: RunStatus = {
    ...RUNNING,
    state: 'finished',
    phase: 'export',
    step: 48,
    end: { kind: 'finished', seconds: 61, exportPath: null },
  };
  assert.deepEqual([progressText(finished), timeText(finished), barFraction(finished)], ['Step 48 of 48', 'took 1 min 01 s', 1]);
  const crashed: RunStatus = {
    ...RUNNING,
    state: 'crashed',
    phase: 'reference',
    progress: { done: 3, total: 12 },
    step: 0,
    end: { kind: 'crashed', exit: 'x', advice: [], log: [] },
  };
  assert.deepEqual([progressText(crashed), timeText(crashed), barFraction(crashed)], ['Step 0 of 48', '', 0]);
  assert.equal(activityText(crashed), '');
  assert.deepEqual(
    [progressText({ ...RUNNING, state: 'planned', steps: null }), barFraction({ ...RUNNING, state: 'planned', steps: null })],
    ['', 0],
  );
});

test('a chart in words', () => {
  const format = (value: number): string => value.toFixed(1);
  assert.equal(chartSummary('Loss', [], [], format), 'Loss: no values yet');
  assert.equal(chartSummary('Loss', [1], [NaN], format), 'Loss: no values yet');
  assert.equal(chartSummary('Loss', [1, 2], [NaN, 0.5], format), 'Loss: 0.5 at step 2');
  assert.equal(chartSummary('Loss', [1, 2, 3], [0.7, 0.6, NaN], format), 'Loss: from 0.7 at step 1 to 0.6 at step 2');
});

test("where the time went: how much was training, and which figures are not the runner's own", () => {
  const parts = [
    { phase: 'load', seconds: 2 },
    { phase: 'train', seconds: 6 },
  ] as const;
  const time = { parts, sessions: 1, estimated: 0 };
  assert.equal(timeSummary(time), '75% of 8.0 s was training');
  assert.equal(timeSummary({ ...time, sessions: 3 }), '75% of 8.0 s over 3 starts was training');
  const said = predictedText({ parts, sources: ['steps as predicted for this CPU'] });
  assert.equal(said, 'Predicted before the start: 8.0 s (loading 2.0 s, training 6.0 s); steps as predicted for this CPU.');
  assert.equal(timeNote(time, false), '');
  assert.equal(timeNote({ ...time, estimated: 1 }, true), '', 'a run under way has not said yet');
  assert.match(timeNote({ ...time, estimated: 1 }, false), /^The runner did not say where the time went/);
  assert.match(timeNote({ ...time, sessions: 3, estimated: 2 }, true), /where the time of 1 start went/);
  assert.deepEqual([0.004, 2.25, 61].map(secondsText), ['0.00 s', '2.3 s', '1 min 01 s']);
});

test('what devices share, in words', () => {
  const ranks = { communication: 0.0124, share: 0.021, slowest: 1.014, seconds: [0.512, 0.526] };
  assert.equal(ranksText(ranks), 'Waiting for each other: 12 ms of a step, 2.1%. The slowest of 2 computes 1.4% longer than the mean.');
  assert.equal(ranksText({ ...ranks, seconds: [] }).includes('The slowest computes'), true);
  assert.equal(rankLabel(1, 0.526, 0.519), 'Device 1 computes 526 ms of a step, 1.3% more than the mean');
  assert.equal(rankLabel(0, 0.512, 0.519), 'Device 0 computes 512 ms of a step, 1.3% less than the mean');
  assert.equal(rankLabel(0, 0, 0), 'Device 0 computes 0.0 ms of a step');
});

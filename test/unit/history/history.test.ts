import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { parseEvent } from '../../../src/core/events/index.js';
import { RunHistory } from '../../../src/core/history/index.js';
import { STEP_METRICS } from '../../../src/metrics.js';
import { eventLine, startLine, stepLine } from '../run/support.js';

function historyOf(...lines: string[]): RunHistory {
  const history = new RunHistory();
  for (const line of lines) history.add(parseEvent(line, 'test'));
  return history;
}

test('columns follow the steps', () => {
  const history = historyOf(startLine(), stepLine(1), stepLine(2, { loss: null }));
  assert.deepEqual(history.steps, [1, 2]);
  assert.deepEqual(history.columns.loss, [0.734375, NaN]);
  assert.equal(history.latest('loss'), undefined);
  assert.equal(history.latest('rewards/margins'), 0.04);
  assert.equal(history.step, 2);
  assert.equal(history.totalSteps, 10);
});

test('a step done again counts once, as it was done last', () => {
  const history = historyOf(startLine(), stepLine(1), stepLine(2), stepLine(3), stepLine(2, { loss: 9 }));
  assert.deepEqual(history.steps, [1, 2, 3]);
  assert.deepEqual(history.columns.loss, [0.734375, 9, 0.703125]);
});

test('a resume drops the steps and checkpoints that are about to be done again', () => {
  const checkpoint = (step: number): string => eventLine('checkpoint', { step, path: `checkpoints/${step}` });
  const history = historyOf(
    startLine(),
    stepLine(1),
    stepLine(2),
    checkpoint(2),
    stepLine(3),
    stepLine(4),
    checkpoint(4),
    stepLine(5),
    eventLine('failed', { what: 'w', where: 'x', advice: 'a', exitCode: 5 }),
  );
  assert.equal(history.terminal?.type, 'failed');
  history.takeChangedFrom();
  history.add(parseEvent(startLine({ resumedFrom: 2 }), 'test'));
  assert.equal(history.terminal, undefined);
  assert.deepEqual(history.steps, [1, 2]);
  assert.equal(history.step, 2);
  assert.deepEqual(
    history.checkpoints.map(({ step }) => step),
    [2],
  );
  assert.equal(history.takeChangedFrom(), 2);
  history.add(parseEvent(stepLine(3, { loss: 5 }), 'test'));
  assert.deepEqual(history.columns.loss.slice(2), [5]);
});

test('a resume from the start begins at step 0', () => {
  const history = historyOf(startLine(), stepLine(1), startLine({ resumedFrom: null }));
  assert.deepEqual(history.steps, []);
  assert.equal(history.step, 0);
});

test('changed rows are told once', () => {
  const history = historyOf(startLine(), stepLine(1), stepLine(2));
  assert.equal(history.takeChangedFrom(), 0);
  assert.equal(history.takeChangedFrom(), 2);
  history.add(parseEvent(stepLine(3), 'test'));
  history.add(parseEvent(stepLine(1), 'test'));
  assert.equal(history.takeChangedFrom(), 0);
  history.clear();
  assert.equal(history.takeChangedFrom(), 0);
});

test('phases and their progress', () => {
  const history = historyOf(startLine(), eventLine('phase', { phase: 'load' }));
  assert.equal(history.phase, 'load');
  history.add(parseEvent(eventLine('progress', { phase: 'reference', done: 1, total: 4 }), 'test'));
  assert.deepEqual([history.phase, history.progress], ['reference', { done: 1, total: 4 }]);
  history.add(parseEvent(stepLine(1), 'test'));
  assert.deepEqual([history.phase, history.progress], ['train', undefined]);
});

test('pace is that of the latest steps of this start', () => {
  assert.equal(historyOf(startLine()).pace, undefined);
  const slowThenFast = historyOf(
    startLine(),
    stepLine(1, { seconds: 100 }),
    stepLine(2, { seconds: 100 }),
    startLine({ resumedFrom: 2 }),
    stepLine(3, { seconds: 0.5 }),
    stepLine(4, { seconds: 1.5, speedOfLight: 0.9 }),
  );
  const pace = slowThenFast.pace!;
  assert.equal(pace.pairsPerSecond, 8);
  assert.equal(pace.tokensPerSecond, 1000);
  assert.equal(pace.secondsLeft, 6);
  assert.ok(Math.abs(pace.speedOfLight! - 0.8) < 1e-12);
  assert.equal(historyOf(startLine(), stepLine(1, { speedOfLight: null })).pace!.speedOfLight, undefined);
});

test('any order of steps and resumes keeps the columns whole and the last word of each step', () => {
  const action = fc.record({
    resume: fc.boolean(),
    step: fc.integer({ min: 1, max: 12 }),
    loss: fc.double({ noNaN: true, min: 0, max: 9 }),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const history = new RunHistory();
      let expected = new Map<number, number>();
      for (const { resume, step, loss } of actions) {
        history.add(parseEvent(resume ? startLine({ resumedFrom: step }) : stepLine(step, { loss }), 'test'));
        if (resume) expected = new Map([...expected].filter(([done]) => done <= step));
        else expected.set(step, loss);
      }
      const rows = [...expected].sort(([a], [b]) => a - b);
      assert.deepEqual(
        history.steps,
        rows.map(([step]) => step),
      );
      assert.deepEqual(
        history.columns.loss,
        rows.map(([, loss]) => (loss === 0 ? 0 : loss)),
      );
      for (const name of STEP_METRICS) assert.equal(history.columns[name].length, history.steps.length);
    }),
  );
});

test('samples are kept one a step and model; a resume drops those of steps to come', () => {
  const sample = (step: number, model: string, token: number): string =>
    eventLine('sample', { step, model, prompts: [[1, 2]], completions: [[token]] });
  const history = historyOf(startLine(), sample(0, 'reference', 5), sample(2, 'policy', 6), sample(2, 'policy', 7), sample(4, 'policy', 8));
  const kept = () => history.samples.map(({ step, model, completions }) => [step, model, completions[0]![0]]);
  assert.deepEqual(kept(), [
    [0, 'reference', 5],
    [2, 'policy', 7],
    [4, 'policy', 8],
  ]);
  history.add(parseEvent(startLine({ resumedFrom: 2 }), 'test'));
  assert.deepEqual(kept(), [
    [0, 'reference', 5],
    [2, 'policy', 7],
  ]);
  const good = { step: 1, model: 'policy', prompts: [[1]], completions: [[2]] };
  for (const bad of [{ model: 'other' }, { prompts: [1] }, { completions: [[-1]] }, { completions: undefined }])
    assert.throws(() => parseEvent(eventLine('sample', { ...good, ...bad }), 'test'), /of a sample event/);
});

test('what devices share is a mean over the latest steps of this start', () => {
  assert.equal(historyOf(startLine(), stepLine(1)).ranks, undefined);
  const shared = (step: number, communication: number, rank_seconds?: number[]): string =>
    stepLine(step, { communication, slowest_rank: 1.25, ...(rank_seconds && { rank_seconds }) });
  const history = historyOf(
    startLine(),
    shared(1, 0.5, [9, 9, 9]),
    startLine({ resumedFrom: 1 }),
    shared(2, 0.1, [0.25, 0.75]),
    shared(3, 0.3, [0.75, 0.25]),
  );
  const ranks = history.ranks!;
  assert.deepEqual([ranks.communication, ranks.share, ranks.slowest], [0.2, 0.4, 1.25]);
  assert.deepEqual(ranks.seconds, [0.5, 0.5]);
  for (let step = 4; step < 24; step++) history.add(parseEvent(shared(step, 0.05, [1, 2]), 'test'));
  assert.deepEqual(history.ranks!.seconds, [1, 2]);
  history.add(parseEvent(shared(24, 0.05), 'test'));
  assert.deepEqual(history.ranks!.seconds, [], 'a runner that does not say it of every step');
});

test('devices are as they were told of last, in this start', () => {
  const devices = (name: string): string => eventLine('devices', { devices: [{ name }] });
  const history = historyOf(startLine(), devices('A'), stepLine(1), devices('B'));
  assert.deepEqual(history.devices, [{ name: 'B' }]);
  history.add(parseEvent(startLine({ resumedFrom: 1 }), 'test'));
  assert.deepEqual(history.devices, []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseEvent } from '../../../src/core/events/index.js';
import { RunHistory, type TimeSpent, trainingShare } from '../../../src/core/history/index.js';
import { eventLine, startLine, stepLine } from '../run/support.js';

/** A moment of a run, in seconds since it began. */
const at = (seconds: number): { time: string } => ({ time: new Date(Date.UTC(2026, 0, 2) + 1000 * seconds).toISOString() });
const phase = (name: string, seconds: number): string => eventLine('phase', { phase: name, ...at(seconds) });

function spentBy(...lines: string[]): TimeSpent | undefined {
  const history = new RunHistory();
  for (const line of lines) history.add(parseEvent(line, 'test'));
  return history.timeSpent;
}

const EVAL = {
  step: 2,
  steps: 10,
  epoch: 0.2,
  pairs: 4,
  seconds: 3,
  best: true,
  eval_loss: 0.6,
  'eval_rewards/chosen': 0,
  'eval_rewards/rejected': 0,
  'eval_rewards/margins': 0,
  'eval_rewards/accuracies': 1,
  'eval_logps/chosen': -1,
  'eval_logps/rejected': -2,
};

test('before the first start there is no time', () => {
  assert.equal(spentBy(), undefined);
});

test('what the runner says itself counts, and a phase of a later one is another', () => {
  const phases = { start: 0.5, load: 1.5, train: 16, checkpoints: 1, elsewhere: 1 };
  const spent = spentBy(startLine(at(0)), phase('load', 9), eventLine('finished', { steps: 10, seconds: 20, phases, ...at(99) }))!;
  assert.deepEqual(spent, {
    seconds: { start: 0.5, load: 1.5, train: 16, checkpoints: 1, other: 1 },
    total: 20,
    sessions: 1,
    estimated: 0,
  });
  assert.equal(trainingShare(spent), 0.8);
});

test('a run under way, or of an older runner, is judged by the times of its events', () => {
  const lines = [
    startLine(at(0)),
    phase('load', 1),
    phase('reference', 4),
    phase('train', 6),
    stepLine(1, at(7)),
    eventLine('eval', { ...EVAL, ...at(11) }),
    stepLine(2, at(12)),
  ];
  assert.deepEqual(spentBy(...lines), {
    seconds: { start: 1, load: 3, reference: 2, train: 3, evaluation: 3 },
    total: 12,
    sessions: 1,
    estimated: 1,
  });
  const ended = spentBy(...lines, phase('export', 13), eventLine('finished', { steps: 2, seconds: 15, ...at(15) }))!;
  assert.deepEqual([ended.seconds.train, ended.seconds.export, ended.total, ended.estimated], [4, 2, 15, 1]);
});

test('the time of all starts is added up; what lies between them is none', () => {
  const spent = spentBy(
    startLine(at(0)),
    phase('load', 0),
    phase('train', 2),
    stepLine(1, at(5)),
    // Killed; started again the next day.
    startLine({ resumedFrom: null, ...at(86400) }),
    phase('train', 86401),
    eventLine('stopped', { step: 3, phases: { start: 1, train: 7 }, ...at(86409) }),
    startLine({ resumedFrom: 3, ...at(90000) }),
    eventLine('finished', { steps: 10, seconds: 4, phases: { load: 1, train: 3 }, ...at(90004) }),
  )!;
  // What a start that was killed did after its last event is not known.
  assert.deepEqual(spent, { seconds: { start: 1, load: 3, train: 13 }, total: 17, sessions: 3, estimated: 1 });
});

test('a clock that is set back makes no time', () => {
  const spent = spentBy(startLine(at(100)), phase('load', 50), phase('train', 51), stepLine(1, at(52)))!;
  assert.deepEqual(spent.seconds, { load: 1, train: 1 });
});

test('what the runner goes on without is told once, until the run is started again', () => {
  const warning = (what: string): string => eventLine('warning', { what, where: '/w', advice: 'Free some space.' });
  const history = new RunHistory();
  for (const line of [startLine(), warning('a'), warning('a'), warning('b')]) history.add(parseEvent(line, 'test'));
  assert.deepEqual(
    history.warnings.map(({ what }) => what),
    ['a', 'b'],
  );
  history.add(parseEvent(startLine({ resumedFrom: 1 }), 'test'));
  assert.deepEqual(history.warnings, []);
});

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import { bestModel } from '../../../src/core/runner/index.js';
import { divergences, headline, RunHistory } from '../../../src/core/history/index.js';
import { parseEvent } from '../../../src/core/events/index.js';
import { evalLine, eventLine, startLine, stepLine, temporaryFolder } from '../run/support.js';

function historyOf(...lines: string[]): RunHistory {
  const history = new RunHistory();
  for (const line of lines) history.add(parseEvent(line, 'test'));
  return history;
}

const steps = (from: number, to: number, fields: (step: number) => object = () => ({})): string[] =>
  Array.from({ length: to - from }, (_, i) => stepLine(from + i + 1, { steps: 100, ...fields(from + i + 1) }));

test('without an evaluation, figures are a mean over at least a hundred pairs, weighted by pairs', () => {
  assert.equal(headline(historyOf(startLine())), undefined);
  const few = headline(historyOf(startLine(), stepLine(1, { loss: 0.6, pairs: 8 }), stepLine(2, { loss: 0.2, pairs: 24 })));
  assert.deepEqual([few?.of, few?.step, few?.pairs], ['training', 2, 32]);
  assert.ok(Math.abs(few!.loss! - 0.3) < 1e-12);
  // One batch of 8 pairs that are all told apart is no accuracy of 100 %.
  const many = headline(historyOf(startLine(), ...steps(0, 40, (step) => ({ 'rewards/accuracies': step === 40 ? 1 : 0.5 }))));
  assert.equal(many?.pairs, 104);
  assert.ok(Math.abs(many!.accuracy! - (12 * 0.5 + 1) / 13) < 1e-12);
});

test('a loss that is no number among the latest pairs is none', () => {
  const figures = headline(historyOf(startLine(), ...steps(0, 40, (step) => (step === 38 ? { loss: null } : {}))));
  assert.equal(figures?.loss, undefined);
  assert.equal(figures?.accuracy, 0.5);
});

test('an evaluation is the figures as soon as there is one, with the best so far', () => {
  const history = historyOf(
    startLine(),
    ...steps(0, 40),
    evalLine(40, { eval_loss: 0.73, 'eval_rewards/accuracies': 0.61, pairs: 64 }),
    ...steps(40, 80),
    evalLine(80, { eval_loss: 1.48, 'eval_rewards/accuracies': 0.55, pairs: 64, best: false }),
    ...steps(80, 90, () => ({ 'rewards/accuracies': 1 })),
  );
  const figures = headline(history);
  assert.deepEqual([figures?.of, figures?.step, figures?.pairs, figures?.loss, figures?.accuracy], ['evaluation', 80, 64, 1.48, 0.55]);
  assert.deepEqual([figures?.best?.step, figures?.best?.loss, figures?.best?.accuracy], [40, 0.73, 0.61]);
  // A resume from before it makes the best one the best of those that are left.
  history.add(parseEvent(startLine({ resumedFrom: 30 }), 'test'));
  assert.equal(headline(history)?.of, 'training');
  assert.equal(history.best, undefined);
});

test('an evaluation that has risen since its best is overfitting, with the step', () => {
  const signs = (...losses: readonly (number | null)[]): string[] =>
    divergences(historyOf(startLine(), ...losses.map((loss, i) => evalLine(20 * (i + 1), { eval_loss: loss })))).map(
      ({ kind, what }) => `${kind}: ${what}`,
    );
  assert.deepEqual(signs(0.8, 0.73, 0.9, 1.48), [
    'overfitting: evaluation has become worse since step 40: its loss was 0.730 then and is 1.480 after step 80',
  ]);
  assert.deepEqual(signs(0.8, 0.73, 1.48), [], 'one evaluation may be chance');
  assert.deepEqual(signs(0.8, 0.73, 0.74, 0.735), [], 'so little is noise');
  assert.deepEqual(signs(0.9, 0.8, 0.7, 0.6), []);
  assert.deepEqual(signs(0.73, 0.9, 0.7, 0.69), [], 'better again');
  assert.deepEqual(signs(0.7, null, 0.9, 1.1).length, 1, 'one without a number is passed over');
  assert.deepEqual(signs(0.004, 0.006, 0.009), [], 'next to nothing twice is next to nothing');
  assert.deepEqual(signs(-2, -1.9, -1.5).length, 1, 'losses may be below zero');
});

test('the best model is the export of the end, one of its own, or weights that are kept', async (context) => {
  const folder = await temporaryFolder(context);
  const history = historyOf(startLine(), ...steps(0, 4), evalLine(4), ...steps(4, 8), evalLine(8, { best: false }));
  assert.equal(await bestModel(folder, historyOf(startLine(), ...steps(0, 4))), undefined);
  assert.deepEqual(await bestModel(folder, history), { step: 4, folder: undefined, kept: false });
  await mkdir(path.join(folder, 'checkpoints/step-000004'), { recursive: true });
  await writeFile(path.join(folder, 'checkpoints/step-000004/model.safetensors'), '');
  assert.deepEqual(await bestModel(folder, history), { step: 4, folder: undefined, kept: true });
  await mkdir(path.join(folder, 'exports/step-000004'), { recursive: true });
  assert.equal((await bestModel(folder, history))?.folder, path.join(folder, 'exports/step-000004'));
  // The end's export is of the last step, unless it says another.
  await mkdir(path.join(folder, 'export'));
  history.add(parseEvent(eventLine('export', { path: 'export' }), 'test'));
  assert.equal((await bestModel(folder, history))?.folder, path.join(folder, 'exports/step-000004'));
  history.add(parseEvent(eventLine('export', { path: 'export', step: 4 }), 'test'));
  assert.equal((await bestModel(folder, history))?.folder, path.join(folder, 'export'));
  history.add(parseEvent(eventLine('export', { path: '../../elsewhere', step: 4 }), 'test'));
  assert.equal((await bestModel(folder, history))?.folder, path.join(folder, 'exports/step-000004'), 'none outside the run');
});

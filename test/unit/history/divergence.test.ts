import assert from 'node:assert/strict';
import { test } from 'node:test';

import { configDifferences } from '../../../src/core/run/index.js';
import { crashAdvice } from '../../../src/core/runner/index.js';
import { divergences, historyCsv, RunHistory } from '../../../src/core/history/index.js';
import { parseEvent } from '../../../src/core/events/index.js';
import { evalLine, exampleConfig, startLine, stepLine } from '../run/support.js';

function history(steps: number, fields: (step: number) => Record<string, unknown>): RunHistory {
  const made = new RunHistory();
  made.add(parseEvent(startLine({ steps }), 'test'));
  for (let step = 1; step <= steps; step++) made.add(parseEvent(stepLine(step, { steps, ...fields(step) }), 'test'));
  return made;
}

const kinds = (made: RunHistory): string[] => divergences(made).map(({ kind }) => kind);

test('a run that learns is not warned of', () => {
  assert.deepEqual(kinds(history(300, (step) => ({ loss: 0.69 - step / 1000, 'logps/chosen': -100 - step / 10 }))), []);
  assert.deepEqual(kinds(history(0, () => ({}))), []);
});

test('a loss that is no number is told from its first step on', () => {
  const made = history(30, (step) => (step < 20 ? {} : { loss: null }));
  assert.deepEqual(kinds(made), ['not-finite']);
  assert.match(divergences(made)[0]!.what, /since step 20/);
  assert.deepEqual(kinds(history(30, (step) => (step === 20 ? { loss: null } : {}))), [], 'one step passes');
});

test('chosen responses that become unlikely are a collapse, after enough steps to tell', () => {
  const fall = (step: number) => ({ 'logps/chosen': -100 - 2 * step });
  assert.deepEqual(kinds(history(100, fall)), ['collapse']);
  assert.deepEqual(kinds(history(30, fall)), []);
  assert.deepEqual(kinds(history(100, (step) => ({ 'logps/chosen': -10 - step / 10 }))), [], 'a few nats are no collapse');
});

test('pairs that are all told apart with no loss left are saturation', () => {
  const learnt = (step: number) => ({ loss: step < 30 ? 0.69 : 0.001, 'rewards/accuracies': 1, 'rewards/margins': 9 });
  assert.deepEqual(kinds(history(100, learnt)), ['saturation']);
  assert.deepEqual(kinds(history(100, (step) => ({ ...learnt(step), 'rewards/accuracies': 0.9 }))), []);
});

test('only what differs between runs is told, by its path', () => {
  const a = exampleConfig();
  const b = { ...a, name: 'other', training: { ...a.training, beta: 0.3 }, model: { path: '/models/large' } };
  assert.deepEqual(configDifferences([a, a]), []);
  assert.deepEqual(configDifferences([a, b]), [
    { setting: 'model.path', values: ['/models/tiny', '/models/large'] },
    { setting: 'training.beta', values: ['0.1', '0.3'] },
  ]);
});

test('a table has a row for every step of every run, with its evaluation', () => {
  const made = history(2, (step) => ({ loss: step === 1 ? 0.5 : null }));
  made.add(parseEvent(evalLine(2, { eval_loss: 0.25 }), 'test'));
  const [head, first, second, ...rest] = historyCsv([{ name: 'a "b", c', history: made }]).split('\n');
  assert.deepEqual(rest, ['']);
  const names = head!.split(',');
  const value = (line: string, name: string): string | undefined => line.replace(/^"(""|[^"])*"/, 'x').split(',')[names.indexOf(name)];
  assert.match(first!, /^"a ""b"", c",1,/);
  assert.deepEqual([value(first!, 'loss'), value(first!, 'eval_loss')], ['0.5', '']);
  assert.deepEqual([value(second!, 'loss'), value(second!, 'eval_loss')], ['', '0.25']);
  assert.equal(value(first!, 'learning_rate'), '0.000001');
});

test('how a runner ended says what to do', () => {
  assert.match(crashAdvice({ exitCode: null, signal: 'SIGKILL' }).join(' '), /memory.*capacity/s);
  assert.match(crashAdvice({ exitCode: 70, signal: null }).join(' '), /report/);
  assert.match(crashAdvice({ exitCode: 5, signal: null }).join(' '), /disk/);
  assert.match(crashAdvice(undefined).join(' '), /[Rr]esume/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { WishboneError } from '../../../src/core/errors.js';
import { parseEvent } from '../../../src/core/events/index.js';
import { RunHistory } from '../../../src/core/history/index.js';
import type { RunState } from '../../../src/core/run/index.js';
import { endsText, listingText, runDescription, runLabel, runRows, statusRows, statusText } from '../../../src/extension/run-text.js';
import { eventLine, exampleConfig, startLine, stepLine } from '../run/support.js';

function watched(state: RunState, ...lines: string[]) {
  const history = new RunHistory();
  for (const line of lines) history.add(parseEvent(line, 'test'));
  return { config: exampleConfig(), state, history, job: undefined };
}

test('the status bar tells step, time left, phase and end', () => {
  assert.equal(statusText(watched('running', startLine(), stepLine(4))), '$(sync~spin) 4/10 · 3 s left');
  assert.equal(statusText(watched('running', startLine(), eventLine('phase', { phase: 'train' }))), '$(sync~spin) 0/10');
  assert.equal(
    statusText(watched('running', startLine(), eventLine('progress', { phase: 'reference', done: 1, total: 4 }))),
    '$(sync~spin) Wishbone: reference pass 25%',
  );
  assert.equal(statusText(watched('stopping', startLine(), stepLine(4))), '$(sync~spin) Wishbone: stopping');
  assert.equal(statusText(watched('finished', startLine(), stepLine(10))), '$(check) example finished');
  assert.equal(statusText(watched('crashed', startLine())), '$(warning) example crashed');
});

test('the tooltip has figures once there are some', () => {
  assert.deepEqual(
    statusRows(watched('running', startLine())).map(([name]) => name),
    ['State', 'Dataset', 'Model'],
  );
  const rows = new Map(statusRows(watched('running', startLine(), stepLine(4))));
  assert.equal(rows.get('Loss'), '0.6875');
  assert.equal(rows.get('Accuracy'), '50%');
  assert.equal(rows.get('Speed'), '16.0 pairs/s, 2,000 tokens/s');
});

const trained = { of: 'training', step: 4, pairs: 104, loss: 0.66, margin: 0.2, accuracy: 0.75, best: undefined } as const;
const best = { step: 40, loss: 0.73, margin: 0.1, accuracy: 0.61 } as const;
const evaluated = { of: 'evaluation', step: 120, pairs: 64, loss: 1.48, margin: 0.4, accuracy: 0.55, best } as const;

test('a run in a list, and one that cannot be read', () => {
  const { config } = watched('planned');
  const listing = { folder: '/r/x', config, tags: [], step: 4, steps: 10, figures: trained } as const;
  assert.deepEqual(listingText({ ...listing, state: 'running' }), {
    label: '$(sync) example',
    description: 'running · step 4 of 10 · loss 0.6600 · accuracy 75%',
    detail: 'pairs.jsonl (96 pairs) · tiny',
  });
  const problem = new WishboneError('not a run folder', '/r/x/run.json', 'a');
  assert.equal(listingText({ folder: '/r/x', problem }).label, '$(question) x');
});

test('a run in the Runs view', () => {
  const { config } = watched('planned');
  const listing = { folder: '/r/x', config, tags: [], step: 40, steps: 100, figures: trained } as const;
  assert.equal(runDescription({ ...listing, state: 'running', secondsLeft: 200 }), '75% 0.660 · last 104 pairs · 40% · 3 min 20 s left');
  assert.equal(
    runDescription({ ...listing, state: 'stopped', tags: ['a', 'b'] }),
    '75% 0.660 · last 104 pairs · stopped · 40/100 · #a · #b',
  );
  assert.equal(runDescription({ ...listing, state: 'finished' }), '75% 0.660 · last 104 pairs');
  const planned = { ...listing, state: 'planned', step: 0, steps: undefined, figures: undefined } as const;
  assert.equal(runDescription(planned), 'not started');
  assert.equal(runDescription({ folder: '/r/x', problem: new WishboneError('w', 'x', 'a') }), 'cannot be read');
  const rows = new Map(runRows({ ...listing, state: 'running', tags: ['a'], secondsLeft: 60 }));
  assert.equal(rows.get('Figures from'), 'the last 104 pairs trained on');
  assert.deepEqual([rows.get('Step'), rows.get('Time left'), rows.get('Tags')], ['40 of 100', '1 min', 'a']);
});

test('an evaluation is what a run is judged by, with the best one where that is another', () => {
  const { config } = watched('finished');
  const listing = { folder: '/r/x', config, tags: [], step: 120, steps: 120, state: 'finished', figures: evaluated } as const;
  assert.equal(runDescription(listing), '55% 1.48 · eval · best 0.7300 at step 40');
  assert.equal(
    listingText(listing).description,
    'finished · step 120 of 120 · eval loss 1.480 · eval accuracy 55% · best 0.7300 at step 40',
  );
  const rows = new Map(runRows(listing));
  assert.equal(rows.get('Figures from'), '64 eval pairs, after step 120');
  assert.equal(rows.get('Best evaluation'), 'step 40: loss 0.7300, accuracy 61%');
  assert.equal(rows.get('Eval loss'), '1.480');
  assert.equal(rows.get('Loss'), undefined);
  assert.equal(runDescription({ ...listing, figures: { ...evaluated, best: { ...best, step: 120 } } }), '55% 1.48 · eval');
});

test('a long name leaves room for the figures', () => {
  assert.equal(runLabel('baseline'), 'baseline');
  assert.equal(runLabel('20261128-173532-ember'), '20261128-…532-ember');
  assert.equal(runLabel('hh-2000 pairs, three epochs, beta 0.3'), 'hh-2000 p… beta 0.3');
  assert.equal([...runLabel('😀'.repeat(40))].length, 19);
});

test('ends of several runs are one sentence, which names those that went wrong', () => {
  const runs = (...states: RunState[]) => states.map((state, i) => ({ name: `run ${i + 1}`, state }));
  assert.equal(endsText(runs('finished', 'finished', 'stopped')), '3 runs ended: 2 finished, 1 stopped.');
  assert.equal(endsText(runs('finished', 'failed', 'crashed')), '3 runs ended: 1 finished, 1 failed, 1 crashed (run 2, run 3).');
  assert.match(endsText(runs(...Array.from({ length: 9 }, () => 'failed' as const))), /\(run 1, run 2, run 3, 6 more\)\.$/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { WishboneError } from '../../../src/core/errors.js';
import { parseEvent, RunHistory, type RunState } from '../../../src/core/run/index.js';
import { listingText, statusRows, statusText } from '../../../src/extension/run-text.js';
import { eventLine, exampleConfig, startLine, stepLine } from '../run/support.js';

function watched(state: RunState, ...lines: string[]) {
  const history = new RunHistory();
  for (const line of lines) history.add(parseEvent(line, 'test'));
  return { config: exampleConfig(), state, history };
}

test('the status bar tells step, time left, phase and end', () => {
  assert.equal(statusText(watched('running', startLine(), stepLine(4))), '$(sync~spin) 4/10 · 3 s left');
  assert.equal(
    statusText(watched('running', startLine(), eventLine('phase', { phase: 'train' }))),
    '$(sync~spin) 0/10',
  );
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

test('a run in a list, and one that cannot be read', () => {
  const { config } = watched('planned');
  assert.deepEqual(listingText({ folder: '/r/x', config, state: 'running', step: 4, steps: 10, loss: 0.66 }), {
    label: '$(sync) example',
    description: 'running · step 4 of 10 · loss 0.6600',
    detail: 'pairs.jsonl (96 pairs) · tiny',
  });
  const problem = new WishboneError('not a run folder', '/r/x/run.json', 'a');
  assert.equal(listingText({ folder: '/r/x', problem }).label, '$(question) x');
});

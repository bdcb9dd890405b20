import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SampleEvent } from '../../../src/core/events/events.js';
import { sampleTexts } from '../../../src/core/sample/index.js';

test('samples by prompt: the reference beside the policy as it went', () => {
  const event = (step: number, model: SampleEvent['model'], completions: number[][]): SampleEvent => ({
    ...{ seq: step, time: '2026-01-01T00:00:00.000Z', type: 'sample' },
    ...{ step, model, prompts: [[1], [2, 3]], completions },
  });
  const events = [event(0, 'reference', [[4], [5]]), event(10, 'policy', [[6], [7]]), event(20, 'policy', [[8], []])];
  assert.deepEqual(
    sampleTexts(events, (tokens) => tokens.join(' ')),
    [
      {
        prompt: '1',
        reference: '4',
        policy: [
          { step: 10, text: '6' },
          { step: 20, text: '8' },
        ],
      },
      {
        prompt: '2 3',
        reference: '5',
        policy: [
          { step: 10, text: '7' },
          { step: 20, text: '' },
        ],
      },
    ],
  );
  assert.equal(sampleTexts(events.slice(1), String)[0]!.reference, null);
  assert.deepEqual(sampleTexts([], String), []);
});

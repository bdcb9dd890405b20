import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clock, columns, grouped, progressText } from '../../../src/cli/terminal.js';
import { median } from '../../../src/core/speedup/index.js';

test('times, counts, columns and progress as people read them', () => {
  assert.deepEqual([0.4, 65, 3599.6, 3723].map(clock), ['0:00', '1:05', '1:00:00', '1:02:03']);
  assert.equal(grouped(1234567), '1,234,567');
  assert.equal(
    columns([
      ['a', '1'],
      ['long', '2'],
    ]),
    'a     1\nlong  2',
  );
  assert.equal(progressText({ phase: 'tokenise', done: 1, total: 3 }), 'Reading and tokenising  33%');
  assert.equal(progressText({ phase: 'write', done: 0, total: 0 }), 'Writing the run');
});

test('the median of odd and even counts', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
});

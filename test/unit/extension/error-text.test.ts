import assert from 'node:assert/strict';
import { test } from 'node:test';

import { WishboneError } from '../../../src/core/errors.js';
import { errorLine, locations } from '../../../src/extension/error-text.js';

test('an error is one line with what, where and what to do', () => {
  const error = new WishboneError('the response is empty', '/w/pairs.jsonl:7', 'write a response');
  assert.equal(
    errorLine(error, (where) => where.replace('/w/', '')),
    'The response is empty. Where: pairs.jsonl:7. Write a response.',
  );
});

test('a place is found however it is written', () => {
  const first = (where: string) => locations(where)[0];
  assert.deepEqual(first('/a/b.jsonl:12'), { file: '/a/b.jsonl', line: 12 });
  assert.deepEqual(first('/a/b.jsonl:12:3'), { file: '/a/b.jsonl', line: 12 });
  assert.deepEqual(first('/a/b.jsonl:12, field "chosen"'), { file: '/a/b.jsonl', line: 12 });
  assert.deepEqual(first('/a/events.jsonl, line 4'), { file: '/a/events.jsonl', line: 4 });
  assert.deepEqual(first('/a/config.json'), { file: '/a/config.json', line: undefined });
  assert.deepEqual(locations('the command line'), []);
  assert.ok(locations('/a/config.json, field hidden_size').some(({ file }) => file === '/a/config.json'));
  // A comma may be the file's own.
  const files = locations('/a/b, c.json, tensor "x, y"').map(({ file }) => file);
  assert.ok(files.includes('/a/b, c.json'));
});

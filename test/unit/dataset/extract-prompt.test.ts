import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { extractTextPrompt } from '../../../src/core/dataset/extract-prompt.js';

test('the prompt is what both texts begin with, less one trailing space', () => {
  assert.deepEqual(extractTextPrompt('Q: a\nA: yes', 'Q: a\nA: no'), {
    prompt: 'Q: a\nA:',
    chosen: ' yes',
    rejected: ' no',
  });
  assert.deepEqual(extractTextPrompt('A:\nyes', 'A:\nno'), { prompt: 'A:\n', chosen: 'yes', rejected: 'no' });
  assert.deepEqual(extractTextPrompt('yes', 'no'), { prompt: '', chosen: 'yes', rejected: 'no' });
  // TRL looks at the character before the first, which is the last one in Python.
  assert.deepEqual(extractTextPrompt('yes ', 'no'), { prompt: '', chosen: 'yes ', rejected: 'no' });
});

test('each response keeps a character when one text begins with the other', () => {
  assert.deepEqual(extractTextPrompt('A: yes', 'A: yes, yes'), { prompt: 'A: ye', chosen: 's', rejected: 's, yes' });
  assert.deepEqual(extractTextPrompt('same', 'same'), { prompt: 'sam', chosen: 'e', rejected: 'e' });
});

test('surrogate pairs stay whole', () => {
  // 👍 and 👎 share their first half.
  assert.deepEqual(extractTextPrompt('A👍', 'A👎'), { prompt: 'A', chosen: '👍', rejected: '👎' });
  assert.deepEqual(extractTextPrompt('A👍', 'A👍!'), { prompt: 'A', chosen: '👍', rejected: '👍!' });
});

test('prompt and responses make up the texts again, and no half character is left', () => {
  const text = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(text, text, text, (common, a, b) => {
      const chosen = common + a;
      const rejected = common + b;
      const split = extractTextPrompt(chosen, rejected);
      assert.equal(split.prompt + split.chosen, chosen);
      assert.equal(split.prompt + split.rejected, rejected);
      for (const part of [split.prompt, split.chosen, split.rejected]) assert.doesNotMatch(part, /\p{Surrogate}/u);
      if (chosen !== '' && rejected !== '') assert.ok(split.chosen !== '' && split.rejected !== '');
    }),
    { numRuns: 500 },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { markedSpan } from '../../../src/core/checks/mark.js';
import { PreferenceChecker } from '../../../src/core/checks/checker.js';

function marked(text: string, part: string): string {
  const start = text.indexOf(part);
  const span = markedSpan(text, { start, end: start + part.length });
  return text.slice(span.start, span.end);
}

const long = 'It is a long answer that goes on and on, far beyond any word.';

test('a word is marked: the name of a value, the first name of a row, the first word of a stretch', () => {
  const chat = `{ "pro\\"mpt" : [ {"role":"user","content":${JSON.stringify(long)}} ], "rejected":["a"]}`;
  assert.equal(marked(chat, `[ {"role":"user","content":${JSON.stringify(long)}} ]`), '"pro\\"mpt"', 'a list, however its name is written');
  assert.equal(marked(chat, `{"role":"user","content":${JSON.stringify(long)}}`), '"role"', 'an entry of a list');
  assert.equal(marked(chat, JSON.stringify(long)), '"content"', 'a long text');
  assert.equal(marked(chat, chat), '"pro\\"mpt"', 'a whole row');
  assert.equal(marked(chat, 'a long answer that goes on and on, far'), 'a', 'a stretch of a text');
  assert.equal(marked(chat, '"user"'), '"user"', 'a word stays');
  assert.equal(marked(chat, '{'), '{', 'and so does a bracket');
  assert.equal(marked(long.repeat(9), long.repeat(9)), 'It', 'what is no JSON');
  assert.equal(marked('{}', '{}'), '{}');
  assert.equal(marked(`["${long}"]`, `["${long}"]`).length, 32, 'nothing is longer than some words');
});

test('no problem of a file is marked over more than a line, or over more than some words', async () => {
  const turns = Array.from({ length: 9 }, (_, i) => ({ role: i % 2 ? 'assistant' : 'user', content: long }));
  const rows = [
    { prompt: turns, chosen: turns.slice(1, 2), rejected: turns.slice(1, 2) },
    { prompt: turns, chosen: turns.slice(1, 2), rejected: turns.slice(1, 2) },
    { prompt: turns, chosen: [], rejected: { role: 'user', content: long } },
    { prompt: [turns, turns], chosen: long, rejected: long },
    { chosen: turns, rejected: [{ role: 'user', content: 5 }] },
    [turns],
    { conversations: turns },
  ].map((row) => JSON.stringify(row));
  for (const text of [
    `${rows.join('\n')}\n${long.repeat(5)}\n${JSON.stringify(turns)} x`,
    `[\n${rows.map((row) => JSON.stringify(JSON.parse(row), null, 2)).join(',\n')}\n]`,
  ]) {
    const report = await new PreferenceChecker(text.startsWith('[')).check(text);
    assert.ok(report!.problems.length > 5);
    for (const { check, range } of report!.problems) {
      assert.equal(range.start.line, range.end.line, check);
      assert.ok(range.end.character - range.start.character <= 32, `${check}: ${JSON.stringify(range)}`);
      assert.ok(range.end.character > range.start.character, `${check} is seen`);
    }
  }
});

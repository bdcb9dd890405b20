import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changed, optionChanges, parseConfigFile } from '../../../src/core/config-file/index.js';

const set = (text: string, value: number): string => changed(text, optionChanges(text, 'plan.max_length', value));

test('an option is changed where it stands, and all else stays as it is written', () => {
  const text = '{\n  // why\n  "plan": { "max_length": 512, "seed": 7 }\n}\n';
  assert.equal(set(text, 900), text.replace('512', '900'));
});

test('an option that is not there is added, with its section where that is missing', () => {
  for (const text of [
    '{\n  "version": 1,\n  "dataset": "pairs.jsonl"\n}\n',
    '{ "version": 1, "plan": {} }',
    '{\r\n\t"version": 1,\r\n\t"plan": {\r\n\t\t"seed": 7\r\n\t}\r\n}\r\n',
  ]) {
    const after = set(text, 900);
    assert.equal(parseConfigFile(after, '/w/a.wishbone.json').plan.max_length, 900, after);
    assert.equal(after.includes('\r\n'), text.includes('\r\n'));
  }
});

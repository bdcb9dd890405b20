import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { findJsonFault } from '../../../src/core/dataset/json-fault.js';
import { ExitCode } from '../../../src/core/errors.js';
import { datasetFile, errorOf, jsonLines, readOutcomes, readPairs } from './support.js';

const good = { prompt: 'p', chosen: 'c', rejected: 'r' };
const message = { role: 'user', content: 'hi' };
const answer = { role: 'assistant', content: 'yes' };
const turn = { from: 'human', value: 'hi' };

interface Case {
  readonly name: string;
  readonly content: string | Uint8Array;
  readonly file?: string;
  readonly what: RegExp;
  /** What follows the file's path in `where`. */
  readonly where: string;
}

const cases: readonly Case[] = [
  { name: 'an empty file', content: '', what: /is empty/, where: '' },
  { name: 'white space alone', content: ' \n\n', what: /is empty/, where: '' },
  { name: 'an empty list', content: '[ ]', file: 'pairs.json', what: /is empty/, where: '' },
  {
    name: 'a line that ends early',
    content: `${jsonLines(good)}{"prompt": "x",\n`,
    what: /not JSON: the text ends/,
    where: ':2:16',
  },
  { name: 'a single quote', content: "{'prompt': 1}", what: /found "'" where a field name/, where: ':1:2' },
  { name: 'a tab as it is', content: '{"prompt": "a\tb"}', what: /a tab inside text; write it as \\t$/, where: ':1:14' },
  {
    name: 'a control character',
    content: '{"prompt": "\u0001"}',
    what: /a control character inside text; write it as \\u0001$/,
    where: ':1:13',
  },
  { name: 'two objects on a line', content: '{} {}', what: /something follows/, where: ':1:3' },
  {
    name: 'a missing comma in a list',
    content: `[\n${JSON.stringify(good)}\n${JSON.stringify(good)}\n]`,
    file: 'pairs.json',
    what: /found "\{" where "," or "\]"/,
    where: ':3:1',
  },
  {
    name: 'a number right before an object of a list',
    content: `[0\n${JSON.stringify(good)}]`,
    file: 'pairs.json',
    what: /found "\{" where "," or "\]" should be/,
    where: ':2:1',
  },
  {
    name: 'a list that is not closed',
    content: `[${JSON.stringify(good)}`,
    file: 'pairs.json',
    what: /the file ends/,
    where: ':1:44',
  },
  {
    name: 'a trailing comma',
    content: `[${JSON.stringify(good)},]`,
    file: 'pairs.json',
    what: /a value should be/,
    where: ':1:45',
  },
  {
    name: 'more after the list',
    content: `[${JSON.stringify(good)}] x`,
    file: 'pairs.json',
    what: /after the end/,
    where: ':1:46',
  },
  {
    name: 'a fault deep in a list',
    content: '[\n  {\n    "prompt": "x",\n    "chosen": nul\n  }\n]',
    file: 'pairs.json',
    what: /found "n"/,
    where: ':4:15',
  },
  {
    name: 'an empty response in a list on one line',
    content: JSON.stringify([good, good, { ...good, rejected: '' }]),
    file: 'pairs.json',
    what: /is empty/,
    where: ', row 3, field "rejected"',
  },
  {
    name: 'an empty response in a list with each row on its own line',
    content: `[${[good, good, { ...good, rejected: '' }].map((row) => JSON.stringify(row)).join(',\n')}]`,
    file: 'pairs.json',
    what: /is empty/,
    where: ':3, field "rejected"',
  },
  {
    name: 'a row that is no object',
    content: `${jsonLines(good)}["x"]\n`,
    what: /must be an object, not a list/,
    where: ':2',
  },
  {
    name: 'unknown fields',
    content: jsonLines({ question: 'a', answer: 'b' }),
    what: /"question", "answer"/,
    where: ':1',
  },
  {
    name: 'a missing field',
    content: jsonLines({ prompt: 'p', chosen: 'c' }),
    what: /missing field "rejected"/,
    where: ':1, field "rejected"',
  },
  {
    name: 'a missing prompt',
    content: jsonLines(good, { chosen: 'c', rejected: 'r' }),
    what: /missing field "prompt"/,
    where: ':2, field "prompt"',
  },
  {
    name: 'a number for text',
    content: jsonLines({ ...good, chosen: 7 }),
    what: /must be text, not a number/,
    where: ':1, field "chosen"',
  },
  {
    name: 'null for text',
    content: jsonLines({ ...good, prompt: null }),
    what: /text or a list of messages, not null/,
    where: ':1, field "prompt"',
  },
  {
    name: 'text for messages',
    content: jsonLines({ prompt: [message], chosen: 'c', rejected: [answer] }),
    what: /must be a list of messages, not text/,
    where: ':1, field "chosen"',
  },
  {
    name: 'an empty response',
    content: jsonLines(good, { ...good, rejected: '' }),
    what: /is empty/,
    where: ':2, field "rejected"',
  },
  {
    name: 'a blank response',
    content: jsonLines({ ...good, chosen: ' \n' }),
    what: /is empty: it holds only white space/,
    where: ':1, field "chosen"',
  },
  {
    name: 'a blank response message',
    content: jsonLines({ prompt: [message], chosen: [{ ...answer, content: ' ' }], rejected: [answer] }),
    what: /is empty/,
    where: ':1, field "chosen[0].content"',
  },
  {
    name: 'an empty list of messages',
    content: jsonLines({ prompt: [], chosen: [answer], rejected: [answer] }),
    what: /empty list/,
    where: ':1, field "prompt"',
  },
  {
    name: 'a message without role',
    content: jsonLines({ prompt: [{ content: 'x' }], chosen: [answer], rejected: [answer] }),
    what: /missing field/,
    where: ':1, field "prompt[0].role"',
  },
  {
    name: 'messages with nothing in common',
    content: jsonLines({ chosen: [message, answer], rejected: [{ ...message, content: 'ho' }, answer] }),
    what: /no message in common/,
    where: ':1, field "chosen"',
  },
  {
    name: 'a prompt of text beside messages that do not hold it',
    content: jsonLines({ prompt: 'hi', chosen: [answer], rejected: [answer] }),
    what: /^the prompt is text, while chosen and rejected are lists of messages/,
    where: ':1, field "prompt"',
  },
  {
    name: 'an unknown speaker',
    content: jsonLines({ conversations: [{ ...turn, from: 'bot' }], chosen: turn, rejected: turn }),
    what: /unknown speaker "bot"/,
    where: ':1, field "conversations[0].from"',
  },
  {
    name: 'an image',
    content: jsonLines({
      input: { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
      preferred_output: [answer],
      non_preferred_output: [answer],
    }),
    what: /only text/,
    where: ':1, field "input.messages[0].content[0].type"',
  },
  {
    name: 'half a surrogate pair',
    content: '{"prompt":"\\ud83d","chosen":"c","rejected":"r"}',
    what: /surrogate/,
    where: ':1, field "prompt"',
  },
  {
    name: 'mixed forms',
    content: jsonLines(good, { conversations: [turn], chosen: turn, rejected: turn }),
    what: /ShareGPT.*line 1 is TRL with explicit prompt/,
    where: ':2',
  },
  {
    name: 'text and messages mixed',
    content: jsonLines(good, { prompt: [message], chosen: [answer], rejected: [answer] }),
    what: /message lists, but line 1 is plain text/,
    where: ':2',
  },
  {
    name: 'bytes that are not UTF-8',
    content: Buffer.concat([Buffer.from(jsonLines(good)), Buffer.from('{"prompt":"\xe9"}', 'latin1')]),
    what: /not UTF-8: byte 0xe9/,
    where: ':2, byte 12 of the line',
  },
  {
    name: 'bytes that are not UTF-8 in a list',
    content: Buffer.concat([Buffer.from('[\n"é",\n"'), Buffer.from([0xff]), Buffer.from('"]')]),
    file: 'pairs.json',
    what: /not UTF-8: byte 0xff/,
    where: ':3, byte 2 of the line',
  },
  { name: 'UTF-16', content: Buffer.from('\ufeff{}', 'utf16le'), what: /UTF-16/, where: '' },
  { name: 'Parquet', content: 'PAR1....', what: /Parquet/, where: '' },
  {
    name: 'gzip cut off',
    content: gzipSync(jsonLines(good)).subarray(0, 30),
    file: 'pairs.jsonl.gz',
    what: /ends too early/,
    where: '',
  },
  {
    name: 'gzip damaged',
    content: gzipSync(jsonLines(good)).fill(0x55, 12, 40),
    file: 'pairs.jsonl.gz',
    what: /gzip data is damaged/,
    where: '',
  },
];

for (const { name, content, file: fileName, what, where } of cases) {
  test(`${name}: one error that names the place`, async (t) => {
    const file = await datasetFile(t, content, fileName);
    const error = await errorOf(file);
    assert.match(error.what, what);
    assert.equal(error.where, `${file}${where}`);
    assert.ok(error.advice.length > 0);
    assert.equal(error.exitCode, ExitCode.badInput);
    assert.doesNotMatch(error.format().replace(/^(error|  at|  fix): .*$/gm, ''), /\S/, 'three lines');
  });
}

test('no such file, and a folder', async (t) => {
  const file = await datasetFile(t, 'x');
  assert.match((await errorOf(`${file}.gone`)).what, /no such file/);
  assert.match((await errorOf(path.join(file, 'below'))).what, /no such file/);
  assert.match((await errorOf(path.dirname(file))).what, /folder/);
});

test('outcomes go on after bad lines and keep every place', async (t) => {
  const file = await datasetFile(t, `${jsonLines(good)}{oops\n${jsonLines({ ...good, chosen: 1 }, good)}`);
  const outcomes = await readOutcomes(file);
  assert.deepEqual(
    outcomes.map((outcome) => [outcome.row, outcome.line, 'error' in outcome]),
    [
      [0, 1, false],
      [1, 2, true],
      [2, 3, true],
      [3, 4, false],
    ],
  );
});

test('a list of rows is searched for line breaks once, however its lines are', async (t) => {
  const rows = Array.from({ length: 200 }, () => JSON.stringify(good));
  for (const text of [`[${rows.join(',')}]`, `[${rows[0]},\n${rows.join(',')}]`, `[${rows.join(',\n')}]`]) {
    const file = await datasetFile(t, text, 'pairs.json');
    let searched = 0;
    const { indexOf } = String.prototype;
    const counting = t.mock.method(String.prototype, 'indexOf', function (this: string, wanted: string, from = 0) {
      const at = indexOf.call(this, wanted, from);
      if (wanted === '\n' && this.length === text.length) searched += (at < 0 ? this.length : at) - from;
      return at;
    });
    const { pairs } = await readPairs(file);
    counting.mock.restore();
    assert.ok(pairs.length >= 200);
    assert.ok(searched <= text.length, `${searched} of ${text.length} characters`);
  }
});

test('the fault finder agrees with JSON.parse on what is JSON', () => {
  const texts = [
    '{}',
    '[]',
    '{"a":[1,2,{"b":null}]}',
    '"\\u00e9\\n"',
    '-0.5e+3',
    'true',
    ' [ 1 ] ',
    '0',
    '[0,1]',
    '',
    '{',
    '[1,]',
    '{"a":1,}',
    '{"a"}',
    '01',
    '1.',
    '.5',
    '+1',
    '"\\x"',
    '"a\nb"',
    'tru',
    '[1 2]',
    '{a:1}',
    '"',
    'NaN',
    '\u00a01',
  ];
  for (const text of texts) {
    const fault = findJsonFault(text);
    const valid = typeof fault === 'number' && text.slice(fault).trim() === '';
    let parses = true;
    try {
      JSON.parse(text);
    } catch {
      parses = false;
    }
    assert.equal(valid, parses, JSON.stringify(text));
  }
});

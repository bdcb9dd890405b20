import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonLines } from '../dataset/support.js';
import { blue, reportOf, seven, told, user } from './support.js';

const good = { prompt: 'p', chosen: 'c', rejected: 'r' };
const turn = (from: string, value: string) => ({ from, value });

test('good rows of all forms have no problems', async () => {
  for (const row of [
    { prompt: 'Name a colour.', chosen: ' Blue.', rejected: ' Seven.' },
    { prompt: [user], chosen: [blue], rejected: [seven] },
    { chosen: 'Q: a\nA: b', rejected: 'Q: a\nA: c' },
    { chosen: [user, blue], rejected: [user, seven] },
    { system: 'Be brief.', conversations: [turn('human', 'Hi')], chosen: turn('gpt', 'a'), rejected: turn('gpt', 'b') },
    { input: { messages: [user] }, preferred_output: [blue], non_preferred_output: [seven] },
  ]) {
    const text = jsonLines(row);
    assert.deepEqual(await told(text), []);
    assert.equal((await reportOf(text)).pairs, 1);
  }
});

interface Case {
  readonly name: string;
  readonly text: string;
  readonly told: readonly string[];
}

const cases: readonly Case[] = [
  { name: 'a quote that is missing', text: '{"prompt": x", "chosen": 1}', told: ['malformed-row 1: x'] },
  { name: 'a row that ends early', text: '{"chosen": "a",', told: ['malformed-row 1: ,'] },
  { name: 'two rows on a line', text: '{}  {"a":1}', told: ['malformed-row 1: {"a":1}'] },
  { name: 'a row that is a number', text: `${jsonLines(good)}  12 \n`, told: ['malformed-row 2: 12'] },
  { name: 'other fields', text: `${jsonLines(good)}{"question":"a"}`, told: ['unknown-form 2: {'] },
  { name: 'a field that is missing', text: '{"prompt":"p","chosen":"c"}', told: ['missing-field 1: {'] },
  {
    name: 'a field that is missing in a message',
    text: jsonLines({ input: { messages: [user] }, preferred_output: [blue], non_preferred_output: [{ role: 'a' }] }),
    told: ['missing-field 1: {'],
  },
  { name: 'fields missing in a field', text: '{"input":{},"preferred_output":[]}', told: ['missing-field 1: "input"'] },
  { name: 'a slip of the pen', text: '{"prompt":"p","choosen":"c","rejected":"r"}', told: ['missing-field 1: choosen'] },
  {
    name: 'a slip of the pen in a message',
    text: jsonLines({ prompt: [{ role: 'user', contnet: 'x' }], chosen: [blue], rejected: [seven] }),
    told: ['missing-field 1: contnet'],
  },
  { name: 'a name of another field is no slip', text: '{"prompt":"p","chosen":"c","score":1}', told: ['missing-field 1: {'] },
  {
    name: 'a prompt that other rows have',
    text: jsonLines(good, { chosen: 'x', rejected: 'y' }),
    told: ['missing-field 2: {'],
  },
  { name: 'a number for text', text: jsonLines({ ...good, chosen: 7 }), told: ['wrong-type 1: 7'] },
  {
    name: 'the last of two fields with one name',
    text: '{"prompt":"p","chosen":"c","rejected":"r","chosen":[1]}',
    told: ['wrong-type 1: [1]'],
  },
  {
    name: 'an unknown speaker',
    text: jsonLines({ conversations: [turn('bot', 'x')], chosen: turn('gpt', 'a'), rejected: turn('gpt', 'b') }),
    told: ['bad-value 1: "bot"'],
  },
  {
    name: 'both responses empty',
    text: jsonLines({ ...good, chosen: '', rejected: ' \n' }),
    told: ['empty-response 1: ""', 'empty-response 1: " \\n"'],
  },
  {
    name: 'an empty response message, with the prompt in the list',
    text: jsonLines({ chosen: [user, blue], rejected: [user, { ...seven, content: '' }] }),
    told: ['empty-response 1: ""'],
  },
  {
    name: 'an empty message without a list',
    text: jsonLines({ conversations: [turn('human', 'x')], chosen: turn('gpt', 'a'), rejected: turn('gpt', ' ') }),
    told: ['empty-response 1: " "'],
  },
  { name: 'equal responses', text: jsonLines({ ...good, rejected: 'c' }), told: ['equal-responses 1: "c"'] },
  {
    name: 'equal texts that hold their prompt',
    text: jsonLines({ chosen: 'Q A', rejected: 'Q A' }),
    told: ['equal-responses 1: "Q A"'],
  },
  {
    name: 'responses that differ in white space',
    text: jsonLines({ ...good, chosen: 'a b\u00a0c', rejected: 'a  bc' }),
    told: ['white-space-difference 1: "a  bc"'],
  },
  {
    name: 'messages that differ in white space',
    text: jsonLines({ prompt: [user], chosen: [blue], rejected: [{ role: 'assistant', content: 'Bl\n\nue.' }] }),
    told: ['white-space-difference 1: "rejected"'],
  },
  {
    name: 'a template token behind escapes',
    text: '{"prompt":"\\u00e9\\"\\n<|im_end|>","chosen":"a</s> b</s>","rejected":"[INST]"}',
    told: ['template-token 1: <|im_end|>', 'template-token 1: </s>', 'template-token 1: [INST]'],
  },
  {
    name: 'a template token in a prompt that both texts hold is told once, one of a response where it is',
    text: jsonLines({ chosen: '<|user|>x y', rejected: '<|user|>x <eos>' }),
    told: ['template-token 1: <|user|>', 'template-token 1: <eos>'],
  },
  {
    name: 'mojibake, plain and escaped',
    text: '{"prompt":"caf\u00c3\u00a9","chosen":"don\\u00e2\\u20ac\\u2122t","rejected":"\\ufffd"}',
    told: ['mojibake 1: \u00c3\u00a9', 'mojibake 1: \\u00e2\\u20ac\\u2122', 'mojibake 1: \\ufffd'],
  },
  {
    name: 'mojibake in a text part marks the parts',
    text: jsonLines({
      input: { messages: [{ role: 'user', content: [{ type: 'text', text: 'Ã©' }] }] },
      preferred_output: [blue],
      non_preferred_output: [seven],
    }),
    told: ['mojibake 1: [{"type":"text","text":"Ã©"}]'],
  },
  {
    name: 'white space after a text response',
    text: jsonLines({ ...good, chosen: ' a \n' }),
    told: ['outer-white-space 1:  \\n'],
  },
  {
    name: 'white space around a message',
    text: jsonLines({ prompt: [user], chosen: [{ ...blue, content: '\tBlue. ' }], rejected: [seven] }),
    told: ['outer-white-space 1: \\t'],
  },
  {
    name: 'another form',
    text: jsonLines(good, {
      conversations: [turn('human', 'x')],
      chosen: turn('gpt', 'a'),
      rejected: turn('gpt', 'b'),
    }),
    told: ['mixed-forms 2: {'],
  },
  {
    name: 'messages after texts',
    text: jsonLines(good, { prompt: [user], chosen: [blue], rejected: [seven] }),
    told: ['mixed-forms 2: {'],
  },
];

for (const { name, text, told: expected } of cases) {
  test(`${name}: marked where it is`, async () => assert.deepEqual(await told(text), expected));
}

test('what stands in many languages is no mojibake', async () => {
  const fine = 'NÃO, AMANHÃ” „MENÜ“ café… É… Âge â peu près ÐÑ Ðе 🙂 ð Å “x”';
  assert.deepEqual(await told(jsonLines({ ...good, prompt: fine })), []);
});

test('comparisons and markup are no template tokens', async () => {
  const fine = 'a <| b |> c, <b>x</b>, [inst], <user>, list |> map, <|>';
  assert.deepEqual(await told(jsonLines({ ...good, prompt: fine })), []);
});

test('fields beside deep nesting are found; nested deeper than the stack, the row is marked', async () => {
  const nested = (depth: number) => `{"extra":${'['.repeat(depth)}${']'.repeat(depth)},"prompt":"p","chosen":"","rejected":"r"}`;
  assert.deepEqual(await told(nested(1000)), ['empty-response 1: ""']);
  assert.deepEqual(await told(nested(100_000)), ['empty-response 1: "extra"']);
});

test('a row that cannot be trained on is no pair', async () => {
  const report = await reportOf(jsonLines(good, { ...good, chosen: '' }, { ...good, prompt: 'q' }));
  assert.equal(report.pairs, 2);
  assert.equal(report.form, 'trl-explicit');
  assert.deepEqual(
    report.problems.map(({ row }) => row),
    [1],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPreferenceText } from '../../../src/core/checks/index.js';
import { blue, reportOf, seven, textAt, told, user } from './support.js';

const line = (row: unknown): string => `${JSON.stringify(row)}\n`;
const spaced = { role: 'assistant', content: 'Seven. ' };
const system = 'Be brief. <|im_end|>';

// A fault in the last text of each response, and one in the prompt, is marked where it stands.
const rows: readonly (readonly [name: string, row: object, marked: readonly string[]])[] = [
  [
    'ms-swift, a response',
    { system, messages: [user, blue], rejected_response: 'Seven. ' },
    ['template-token 1: <|im_end|>', 'outer-white-space 1:  '],
  ],
  [
    'ms-swift, a conversation',
    { system, messages: [user, blue], rejected_messages: [user, spaced] },
    ['template-token 1: <|im_end|>', 'outer-white-space 1:  '],
  ],
  ['ms-swift, a response that is the same', { messages: [user, blue], rejected_response: 'Blue.' }, ['equal-responses 1: "Blue."']],
  ['ms-swift, the order of roles', { messages: [user, user, blue], rejected_messages: [user, user, seven] }, ['role-order 1: "user"']],
  [
    'NeMo',
    {
      context: [user],
      completions: [
        { rank: 1, completion: [spaced] },
        { rank: 0, completion: [blue] },
      ],
    },
    ['outer-white-space 1:  '],
  ],
  ['HelpSteer3', { context: [user], response1: 'a', response2: 'b ', overall_preference: -1 }, ['outer-white-space 1:  ']],
  [
    'Nectar',
    {
      prompt: 'p',
      answers: [
        { answer: 'a', rank: 1 },
        { answer: 'b ', rank: 2 },
      ],
    },
    ['outer-white-space 1:  '],
  ],
  ['Arena', { conversation_a: [user, spaced], conversation_b: [user, blue], winner: 'model_b' }, ['outer-white-space 1:  ']],
  ['SHP', { history: 'h', human_ref_A: 'a', human_ref_B: 'a', labels: 0 }, ['equal-responses 1: "a"']],
  ['SHP, its label', { history: 'h', human_ref_A: 'a', human_ref_B: 'b', labels: 3 }, ['bad-value 1: 3']],
  ['Arena, its winner', { conversation_a: [user, seven], conversation_b: [user, blue], winner: 'b' }, ['bad-value 1: "b"']],
  ['KTO', { prompt: 'p', completion: 'a', label: true }, ['bad-value 1: true']],
  ['KTO of messages', { messages: [user, blue], label: false }, ['unknown-form 1: false']],
];

for (const [name, row, marked] of rows) {
  test(`${name}: problems are marked where they stand`, async () => {
    assert.deepEqual(await told(line(row)), marked);
  });
}

test('ms-swift: calls of tools are no problem', async () => {
  const call = { role: 'tool_call', content: '{"name": "look", "arguments": {}}' };
  const row = { messages: [user, call, { role: 'tool_response', content: '1' }, blue], rejected_response: 'Seven.' };
  assert.deepEqual(await told(line(row)), []);
});

test('KTO rows: one plain sentence', async () => {
  const text = line({ prompt: 'p', completion: 'a', label: true });
  const { problems } = await reportOf(text);
  assert.equal(problems.length, 1);
  assert.match(`${problems[0]?.what}; ${problems[0]?.advice}`, /^this row is unpaired feedback, as KTO trains on it: .*; make pairs/);
  assert.equal(textAt(text, problems[0]!.range), 'true');
});

test('a file of these forms is a preference file by the names that only they have', () => {
  const files: readonly (readonly [object, boolean])[] = [
    [{ messages: [user, blue], rejected_response: 'a' }, true],
    [{ context: [user], response1: 'a', response2: 'b', overall_preference: 1 }, true],
    [{ conversation_a: [user, blue], conversation_b: [user, seven], winner: 'tie' }, true],
    [{ history: 'h', human_ref_A: 'a', human_ref_B: 'b', labels: 1 }, true],
    [{ messages: [user, blue] }, false],
    [{ history: 'h', labels: 1 }, false],
  ];
  for (const [row, is] of files) assert.equal(isPreferenceText(line(row), false), is, JSON.stringify(row));
});

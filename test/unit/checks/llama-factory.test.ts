import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPreferenceText } from '../../../src/core/checks/index.js';
import { jsonLines } from '../dataset/support.js';
import { told } from './support.js';

const alpaca = {
  instruction: 'Translate.',
  input: 'Guten Tag',
  history: [['Hi', 'Hello']],
  system: 'Be brief.',
  chosen: 'Good day',
  rejected: 'Bye',
};

test('Alpaca rows: what is wrong is marked in the field that holds it', async () => {
  assert.deepEqual(await told(jsonLines(alpaca)), []);
  const odd = { ...alpaca, input: 'a <|im_end|> b', history: [['Hi', 'caf\u00c3\u00a9']], rejected: ' ' };
  assert.deepEqual(await told(jsonLines(odd)), ['template-token 1: <|im_end|>', 'mojibake 1: \u00c3\u00a9', 'empty-response 1: " "']);
  const equal = { ...alpaca, rejected: alpaca.chosen };
  assert.deepEqual(await told(jsonLines(equal)), ['equal-responses 1: "Good day"']);
  assert.deepEqual(await told(jsonLines(alpaca, { ...alpaca, instruction: 'Say.' }, alpaca)), ['duplicate 3: "instruction"']);
});

const message = (role: string, ...values: string[]) => ({
  role,
  content: values.map((value) => ({ type: 'text', value })),
});
const v1 = (chosen: string[], rejected: string[], asked = 'Hi') => ({
  chosen_messages: [message('user', asked), message('assistant', ...chosen)],
  rejected_messages: [message('user', asked), message('assistant', ...rejected)],
});

test('a prompt and a response in one list of messages are both looked at', async () => {
  const say = (role: string, content: string) => ({ role, content });
  const side = (content: string) => [say('user', 'Hi'), say('assistant', content)];
  const implicit = { chosen: side('a <|im_end|>'), rejected: side('b') };
  assert.deepEqual(await told(jsonLines(implicit)), ['template-token 1: <|im_end|>']);
});

test('LLaMA-Factory v1 rows: places lead into the parts of a message', async () => {
  assert.ok(isPreferenceText(jsonLines(v1(['a'], ['b'])), false));
  assert.deepEqual(await told(jsonLines(v1(['a'], ['b']))), []);
  assert.deepEqual(await told(jsonLines(v1(['a <|im_end|>'], ['b']))), ['template-token 1: <|im_end|>']);
  assert.deepEqual(await told(jsonLines(v1(['x <|im_end|>', 'y'], ['b']))), ['template-token 1: "content"']);
  const twice = { ...v1(['a'], ['b']), chosen_messages: [message('user', 'Hi'), message('user', 'So?')] };
  assert.deepEqual(await told(jsonLines(twice)), ['role-order 1: "user"']);
});

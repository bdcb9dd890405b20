import assert from 'node:assert/strict';
import { test } from 'node:test';
import { datasetFile, errorOf, jsonLines, readPairs } from './support.js';

const place = { row: 0, line: 1 };
const said = (content: string) => [{ role: 'assistant', content }];

test('Alpaca preference: instruction and input, history, system, tools', async (t) => {
  const row = {
    instruction: 'Translate.',
    input: 'Guten Tag',
    history: [['Hi', 'Hello']],
    system: 'Be brief.',
    chosen: 'Good day',
    rejected: 'Bye',
    tools: '[{"name": "look"}]',
  };
  const { dataset, pairs } = await readPairs(await datasetFile(t, jsonLines(row)));
  assert.equal(dataset.form, 'alpaca');
  assert.deepEqual(pairs, [
    {
      kind: 'messages',
      prompt: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Hello' },
        { role: 'user', content: 'Translate.\nGuten Tag' },
      ],
      chosen: said('Good day'),
      rejected: said('Bye'),
      tools: [{ name: 'look' }],
      ...place,
    },
  ]);
});

test('Alpaca preference: an empty input adds nothing; what is wrong is said', async (t) => {
  const row = { instruction: 'Name a colour.', input: '', chosen: ['Blue.', 'Red.'], rejected: 'Seven.' };
  const { pairs } = await readPairs(await datasetFile(t, jsonLines(row)));
  assert.equal(pairs.length, 2);
  for (const pair of pairs) assert.deepEqual(pair.prompt, [{ role: 'user', content: 'Name a colour.' }]);
  const bad = await errorOf(await datasetFile(t, jsonLines({ ...row, history: [['alone']] })));
  assert.match(bad.where, /field "history\[0\]"/);
  const empty = await errorOf(await datasetFile(t, jsonLines({ ...row, instruction: ' ' })));
  assert.match(empty.where, /field "instruction"/);
});

const v1 = (role: string, ...content: [type: string, value: string][]) => ({
  role,
  content: content.map(([type, value]) => ({ type, value })),
  loss_weight: 1,
});

test('LLaMA-Factory v1: the prompt is what both sides have in common; parts become messages', async (t) => {
  const tools = '[{"type": "function", "function": {"name": "look"}}]';
  const prompt = [v1('system', ['text', 'Be brief.'], ['tools', tools]), v1('user', ['text', 'Is it '], ['text', 'raining?'])];
  const row = {
    chosen_messages: [...prompt, v1('assistant', ['reasoning', 'Hm.'], ['tool_call', '{"name": "look", "arguments": {"at": "sky"}}'])],
    rejected_messages: [...prompt, v1('assistant', ['text', 'No.'])],
  };
  const { dataset, pairs } = await readPairs(await datasetFile(t, jsonLines(row)));
  assert.equal(dataset.form, 'llamafactory-v1');
  const call = { type: 'function', function: { name: 'look', arguments: { at: 'sky' } } };
  assert.deepEqual(pairs, [
    {
      kind: 'messages',
      prompt: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Is it raining?' },
      ],
      // As transformers has it, content that is null is not there.
      chosen: [{ role: 'assistant', reasoning_content: 'Hm.', tool_calls: [call] }],
      rejected: said('No.'),
      tools: JSON.parse(tools),
      ...place,
    },
  ]);
});

test('LLaMA-Factory v1: what is wrong is said with its field', async (t) => {
  const user = v1('user', ['text', 'Hi']);
  const rows: [row: object, where: RegExp, what: RegExp][] = [
    [
      { chosen_messages: [user, v1('assistant', ['image_url', 'x.png'])], rejected_messages: [user] },
      /chosen_messages\[1\]\.content\[0\]\.type/,
      /image_url/,
    ],
    [{ chosen_messages: [user] }, /rejected_messages/, /missing/],
    [
      { chosen_messages: [user, v1('assistant', ['text', 'a'])], rejected_messages: [v1('user', ['text', 'Ho']), user] },
      /chosen_messages/,
      /in common/,
    ],
    [
      { chosen_messages: [user, v1('assistant', ['text', ' '])], rejected_messages: [user, v1('assistant', ['text', 'b'])] },
      /chosen_messages\[1\]\.content/,
      /empty/,
    ],
  ];
  for (const [row, where, what] of rows) {
    const error = await errorOf(await datasetFile(t, jsonLines(row)));
    assert.match(error.where, where);
    assert.match(error.what, what);
  }
});

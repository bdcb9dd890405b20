import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dataset, type MessagePair } from '../../../src/core/dataset/index.js';
import { exactText } from '../../../src/core/exact-json/index.js';
import { ChatTemplate } from '../../../src/core/tokenizer/chat-template.js';
import { datasetFile, jsonLines, readPairs } from './support.js';

const user = { role: 'user', content: 'hi' };
const said = (content: string): object => ({ role: 'assistant', content });
const turn = (from: string, value: string): object => ({ from, value });
const call = '{"name": "f", "arguments": {"2": 1.0, "1": 12345678901234567890}}';
const inputs = {
  tools: [{ type: 'function', function: { name: 'f' } }],
  documents: [{ title: 't', text: 'x' }],
  chat_template_kwargs: { enable_thinking: false },
};
const written = { tools: inputs.tools, documents: inputs.documents, chatTemplateKwargs: inputs.chat_template_kwargs };

/** A row of each form whose responses are messages for the chat template. */
const forms: Readonly<Record<string, object>> = {
  'trl-explicit': { prompt: [user], chosen: [said('a')], rejected: [said('b')] },
  'several responses': { prompt: [user], chosen: [[said('a')], [said('b')]], rejected: [[said('c')]] },
  'trl-implicit': { chosen: [user, said('a')], rejected: [user, said('b')] },
  sharegpt: { conversations: [turn('human', 'hi')], chosen: turn('gpt', 'a'), rejected: turn('gpt', 'b') },
  alpaca: { instruction: 'hi', chosen: 'a', rejected: 'b' },
  'llamafactory-v1': {
    chosen_messages: [{ role: 'user', content: 'hi' }, said('a')],
    rejected_messages: [{ role: 'user', content: 'hi' }, said('b')],
  },
  openai: { input: { messages: [user] }, preferred_output: [said('a')], non_preferred_output: [said('b')] },
  ranked: { prompt: [user], responses: ['a', 'b', 'c'], ranks: [1, 2, 3] },
  scored: {
    instruction: 'hi',
    completions: [
      { response: 'a', score: 2.0 },
      { response: 'b', score: 1.0 },
    ],
  },
};

for (const [name, row] of Object.entries(forms)) {
  test(`${name}: tools, documents and arguments of a row go with all of its pairs, from lists and from JSON text`, async (t) => {
    const texts = Object.fromEntries(Object.entries(inputs).map(([field, value]) => [field, JSON.stringify(value)]));
    const none = { tools: null, documents: '', chat_template_kwargs: null };
    const file = await datasetFile(t, jsonLines({ ...row, ...inputs }, { ...row, ...texts }, { ...row, ...none }, row));
    const { pairs } = await readPairs(file);
    const count = pairs.length / 4;
    assert.ok(count >= 1);
    for (const [index, pair] of pairs.entries()) {
      assert.equal(pair.kind, 'messages');
      const { tools, documents, chatTemplateKwargs } = pair as MessagePair;
      assert.deepEqual(
        { tools, documents, chatTemplateKwargs },
        index < 2 * count ? written : { tools: undefined, documents: undefined, chatTemplateKwargs: undefined },
      );
    }
  });
}

test('a column documents that holds none is a column like any other, and is told of as left out', async (t) => {
  const file = await datasetFile(t, jsonLines({ ...forms['trl-explicit'], documents: ['a.pdf', 'b.pdf'] }));
  const dataset = await Dataset.open(file);
  for await (const pair of dataset.pairs()) assert.ok(!('documents' in pair));
  assert.deepEqual(
    dataset.columns.unread.map(({ name }) => name),
    ['documents'],
  );
});

test('a column of whole floats holds something', async (t) => {
  const file = await datasetFile(t, JSON.stringify({ ...forms['trl-explicit'], score: 0 }).replace('"score":0', '"score":8.0'));
  const dataset = await Dataset.open(file);
  for await (const pair of dataset.pairs()) assert.equal(pair.row, 0);
  assert.deepEqual(
    dataset.columns.unread.map(({ name }) => name),
    ['score'],
  );
});

test('tools of a message are as they are written, tool calls from text too', async (t) => {
  const row = { conversations: [turn('human', 'hi')], chosen: turn('function_call', call), rejected: turn('gpt', 'b') };
  const { pairs } = await readPairs(await datasetFile(t, jsonLines(row)));
  assert.equal(
    exactText((pairs[0] as MessagePair).chosen),
    '[{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":{"2":1.0,"1":12345678901234567890}}}]}]',
  );
});

/** What a template makes of a row's prompt, and of the whole with each response. */
async function rendered(file: string, template: string): Promise<string[]> {
  const { pairs } = await readPairs(file);
  const { prompt, chosen, rejected, tools, documents, chatTemplateKwargs: kwargs } = pairs[0] as MessagePair;
  const context = { tools, documents, kwargs, specialTokens: {} };
  const chat = ChatTemplate.of(template, 'a template');
  return [
    chat.render({ ...context, messages: prompt, addGenerationPrompt: true }),
    ...[chosen, rejected].map((own) => chat.render({ ...context, messages: [...prompt, ...own], addGenerationPrompt: false })),
  ];
}

const turns =
  '{% for m in messages %}<{{ m.role }}>{% if m.reasoning_content %}({{ m.reasoning_content }}){% endif %}{{ m.content }}{% endfor %}';

test('an argument of a row reaches the template: the empty block of thought is part of the prompt', async (t) => {
  const thinking = `${turns}{% if add_generation_prompt %}<assistant>{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}{% endif %}`;
  const row = { ...forms['trl-explicit'], chat_template_kwargs: { enable_thinking: false } };
  const file = await datasetFile(t, jsonLines(row));
  assert.deepEqual(await rendered(file, thinking), ['<user>hi<assistant><think></think>', '<user>hi<assistant>a', '<user>hi<assistant>b']);
});

test('reasoning is printed by whatever name it is given', async (t) => {
  for (const name of ['reasoning', 'thinking', 'reasoning_content']) {
    const row = { prompt: [user], chosen: [{ role: 'assistant', [name]: 'two and two', content: '4' }], rejected: [said('5')] };
    const [, chosen] = await rendered(await datasetFile(t, jsonLines(row)), turns);
    assert.equal(chosen, '<user>hi<assistant>(two and two)4');
  }
});

test('messages whose fields stand in another order are the same message', async (t) => {
  const chosen = [user, said('hello'), { role: 'user', content: 'how?', n: 1 }, said('fine')];
  const file = await datasetFile(
    t,
    '{"chosen":' +
      JSON.stringify(chosen) +
      ',"rejected":[{"content":"hi","role":"user"},{"content":"hello","role":"assistant"},' +
      '{"n":1.0,"content":"how?","role":"user"},{"content":"bad","role":"assistant"}]}',
  );
  const { pairs } = await readPairs(file);
  assert.equal(pairs[0]?.prompt.length, 3);
  assert.deepEqual([pairs[0]?.chosen, pairs[0]?.rejected], [[said('fine')], [said('bad')]]);
});

test('fields of a message that are null are not there, those within are', async (t) => {
  const odd = { role: 'user', content: 'hi', tool_calls: null, name: null, meta: { a: null } };
  const template = "{% for m in messages %}{{ m|tojson }}{% if 'tool_calls' in m %}{{ m.tool_calls|length }}{% endif %}{% endfor %}";
  const file = await datasetFile(t, jsonLines({ prompt: [odd], chosen: [said('a')], rejected: [said('b')] }));
  assert.equal((await rendered(file, template))[0], '{"role": "user", "content": "hi", "meta": {"a": null}}');
});

test('values of the rows in a file are printed as Python prints them', async (t) => {
  const line =
    '{"prompt":[{"role":"user","content":"hi","a":{"flag":true,"n":2.0,"none":null,"o":{"a":1},"t":1.0,"id":12345678901234567890,"2":"b","1":"a","e":1e-7}}],"chosen":[{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b"}]}';
  const template = '{% for k, v in messages[0].a.items() %}{{ k }}={{ v }};{% endfor %}{{ messages[0].a | tojson }}';
  const expected =
    "flag=True;n=2.0;none=None;o={'a': 1};t=1.0;id=12345678901234567890;2=b;1=a;e=1e-07;" +
    '{"flag": true, "n": 2.0, "none": null, "o": {"a": 1}, "t": 1.0, "id": 12345678901234567890, "2": "b", "1": "a", "e": 1e-07}';
  assert.equal((await rendered(await datasetFile(t, line), template))[0], expected);
});

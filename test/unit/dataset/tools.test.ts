import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import type { MessagePair } from '../../../src/core/dataset/index.js';
import { ChatTemplate } from '../../../src/core/tokenizer/chat-template.js';
import { datasetFile, errorOf, jsonLines, readPairs } from './support.js';

const fixtures = path.resolve(import.meta.dirname, '../../fixtures/datasets/good');

/** Writes out all that a template may want of a message and of the tools. */
const template = ChatTemplate.of(
  '{% for tool in tools or [] %}[{{ tool.function.name }}]{% endfor %}' +
    "{% for m in messages %}{{ '\\n' + m.role }}" +
    '{% if m.name %} {{ m.name }}{% endif %}{% if m.tool_call_id %} to {{ m.tool_call_id }}{% endif %}:' +
    '{% if m.content %} {{ m.content }}{% endif %}' +
    '{% for call in m.tool_calls or [] %} {{ call.function.name }}({{ call.function.arguments | tojson }}){% endfor %}' +
    '{% endfor %}',
  'a template',
);

function render(pair: MessagePair): string {
  const messages = [...pair.prompt, ...pair.chosen];
  return template.render({ messages, tools: pair.tools, addGenerationPrompt: false, specialTokens: {} });
}

const beginning = `[sum]
system: Use tools.
user: 1+2?
assistant: sum({"a": 1, "b": 2})
tool sum to c1: 3
`;

for (const [name, answer] of [
  ['tool-calls.jsonl', 'assistant: 3.'],
  ['tool-calls-openai.jsonl', 'assistant: sum({"a": 1, "b": 2})'],
] as const) {
  test(`${name}: system, tools, tool calls and their answers reach the chat template`, async () => {
    const { pairs } = await readPairs(path.join(fixtures, name));
    assert.equal(render(pairs[0] as MessagePair), beginning + answer);
  });
}

const call = { from: 'function_call', value: '{"name": "sum", "arguments": {"a": 1, "b": 2}}' };
const sharegpt = {
  system: 'Use tools.',
  conversations: [{ from: 'human', value: '1+2?' }, call, { from: 'observation', value: '3' }],
  chosen: { from: 'gpt', value: '3.' },
  rejected: call,
};

test('ShareGPT: a function call is a message with tool calls', async (t) => {
  const { pairs } = await readPairs(await datasetFile(t, jsonLines(sharegpt)));
  assert.equal(
    render(pairs[0] as MessagePair),
    '\nsystem: Use tools.\nuser: 1+2?\nassistant: sum({"a": 1, "b": 2})\ntool: 3\nassistant: 3.',
  );
  assert.ok(!('content' in ((pairs[0] as MessagePair).rejected[0] ?? {})));
});

test('ShareGPT: a function call that is none names the field', async (t) => {
  const at = async (value: string): Promise<readonly string[]> => {
    const file = await datasetFile(t, jsonLines({ ...sharegpt, chosen: { from: 'function_call', value } }));
    const { what, where } = await errorOf(file);
    return [what, where.slice(file.length)];
  };
  assert.deepEqual(await at('sum(1, 2)'), ['field "chosen.value" is a tool call, but not JSON', ':1, field "chosen.value"']);
  assert.deepEqual(await at('{"arguments": {}}'), ['missing field "chosen.value.name"', ':1, field "chosen.value.name"']);
});

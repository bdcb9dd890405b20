import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { ChatTemplate } from '../../../src/core/tokenizer/chat-template.js';
import { spelt } from '../exact-json/spelt.js';
import { readPairs } from './support.js';

const folder = path.join(import.meta.dirname, 'trl');
/** For each file and row: what TRL gives of the prompt, of prompt and chosen, of prompt and rejected. */
const cases = JSON.parse(readFileSync(path.join(folder, 'trl.json'), 'utf8')) as Record<string, string[][]>;

/** The same of our reading. */
async function read(name: string): Promise<string[][]> {
  const { pairs } = await readPairs(path.join(folder, name));
  return pairs.map((pair) => {
    if (pair.kind === 'text') {
      const whole = (response: string): string => pair.prompt + (response.endsWith('</s>') ? response : `${response}</s>`);
      return [pair.prompt, whole(pair.chosen), whole(pair.rejected)].map((text) => spelt(JSON.stringify(text)));
    }
    const { prompt, chosen, rejected, tools, documents, chatTemplateKwargs } = pair;
    const names = ['messages', 'tools', 'documents', ...Object.keys(chatTemplateKwargs ?? {})];
    const all = [...new Set(names)].map((name) => `"${name}": ${name}`);
    // What the engine makes of them is part of the question.
    const template = ChatTemplate.of(`{{ { ${all.join(', ')} } | tojson }}`, 'a template');
    const context = { tools, documents, kwargs: chatTemplateKwargs, specialTokens: {}, addGenerationPrompt: false };
    return [prompt, [...prompt, ...chosen], [...prompt, ...rejected]].map((messages) => spelt(template.render({ messages, ...context })));
  });
}

const [same, differing] = [true, false].map((isSame) => Object.keys(cases).filter((name) => name.startsWith('differs') !== isSame));

test('TRL was asked about all kinds of rows', () => {
  const count = (end: string): number => (same ?? []).filter((name) => name.endsWith(end)).length;
  assert.ok(count('.jsonl') > 50 && count('.parquet') > 30 && count('.hub.parquet') > 4 && count('.csv') > 1);
});

for (const name of same ?? []) {
  test(`${name}: chat templates and tokenizers are given what TRL gives them`, async () => {
    assert.deepEqual(await read(name), cases[name]);
  });
}

for (const name of differing ?? []) {
  test(`${name}: not as TRL, and the docs say so`, async () => {
    assert.notDeepEqual(await read(name), cases[name]);
  });
}

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { ollamaTemplate, type OllamaTemplate } from '../../../src/core/gguf/ollama-template.js';
import { ChatTemplate } from '../../../src/core/tokenizer/chat-template.js';

const families = path.join(import.meta.dirname, '../tokenizer/templates/families');
/** TRL's own templates, which `npm test` fetches (scripts/trl-templates.mjs). */
const trl = path.join(import.meta.dirname, '../../../.cache/trl/templates');

function of(text: string, bos?: string): OllamaTemplate {
  const template = ChatTemplate.of(text, 'chat_template.jinja');
  const specialTokens = { bos_token: bos ?? '<s>', eos_token: '</s>' };
  return ollamaTemplate(
    (messages, addGenerationPrompt, now) => template.render({ messages, addGenerationPrompt, specialTokens }, now),
    bos,
  );
}

const file = (folder: string, name: string): string => readFileSync(path.join(folder, `${name}.jinja`), 'utf8');

test('what stands around contents is found; BOS is left to Ollama', () => {
  const llama = of(file(families, 'llama2'), '<s>');
  assert.deepEqual(llama.notes, []);
  assert.match(
    llama.template!,
    /^\{\{ if \.System \}\}\[INST\] <<SYS>>\n\{\{ \.System \}\}\n<<\/SYS>>\n\n\{\{ else \}\}\[INST\] \{\{ end \}\}/,
  );
  // It stays where nobody else puts it, and is missed where Ollama would put one.
  assert.match(of(file(families, 'llama2')).template!, /^\{\{ if \.System \}\}<s>\[INST\]/);
  assert.deepEqual(of(file(families, 'qwen2'), '<s>').notes, ['Ollama begins a chat with <s>, and the chat template does not']);
});

test('a template that takes no system message says so', () => {
  const { template, notes } = of(file(families, 'gemma2'), '<bos>');
  assert.ok(template !== undefined && !template.includes('.System'));
  assert.deepEqual(notes, ['the chat template takes no system message, and Ollama leaves one out']);
});

test('what the other language cannot say is not said: dates, places that depend on what follows, contents that are changed', () => {
  const turns = '{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}';
  assert.notEqual(of(turns).template, undefined);
  for (const text of [
    file(families, 'smollm3'),
    file(families, 'mistral-v3-tools'),
    `{{ strftime_now("%d %B %Y") }}${turns}`,
    turns.replace('m.content', 'm.content | upper'),
    turns.replace('m.content', 'm.content | replace("\\n\\n", "\\n")'),
    turns.replace('<{{ m.role }}>', '<{{ m.role }} {{ loop.index }}>'),
    '{{ raise_exception("no") }}',
  ]) {
    const { template, notes } = of(text);
    assert.equal(template, undefined, text);
    assert.match(notes[0]!, /cannot be said in a Modelfile/);
  }
});

test('what is code in Go, and what ends a text in a Modelfile, stays what it is', () => {
  const { template } = of('{% for m in messages %}{{ "{{x}}" }}"""{{ m.content }}{% endfor %}{% if add_generation_prompt %}!{% endif %}');
  assert.match(template!, /^\{\{ if \.System \}\}\{\{ "\{\{" \}\}x\{\{ "\}\}" \}\}\{\{ "\\x22\\x22\\x22" \}\}\{\{ \.System \}\}/);
  assert.ok(!template!.includes('"""'));
});

test('TRL’s templates of the families that are trained', (t) => {
  if (!existsSync(trl)) return t.skip(`TRL's templates are not in ${trl}`);
  const said = readdirSync(trl)
    .filter((name) => /^(llama3|llama3_1|qwen2_5|qwen3|qwen3_instruct_2507|gemma|gemma3|phi3|phi3_5)\.jinja$/.test(name))
    .map((name) => [
      name,
      of(readFileSync(path.join(trl, name), 'utf8'), /llama|gemma/.test(name) ? '<s>' : undefined).template !== undefined,
    ]);
  assert.ok(said.length >= 8);
  for (const [name, is] of said) assert.ok(is, String(name));
});

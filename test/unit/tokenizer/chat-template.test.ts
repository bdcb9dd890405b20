import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test, type TestContext } from 'node:test';
import type { PairText } from '../../../src/core/dataset/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { ChatTemplate, type ChatInput } from '../../../src/core/tokenizer/chat-template.js';
import { ModelTokenizer, PairTokenizer, tokenizerHash } from '../../../src/core/tokenizer/index.js';
import { templateEngine } from '../../../src/core/tokenizer/jinja/engine.js';

after(() => templateEngine().close());

const user = (content: string, more: object = {}) => ({ role: 'user', content, ...more });
const assistant = (content: string, more: object = {}) => ({ role: 'assistant', content, ...more });
const base: ChatInput = { messages: [user('hi')], addGenerationPrompt: false, specialTokens: { bos_token: '<s>' } };

function render(template: string, input: Partial<ChatInput> = {}): string {
  return ChatTemplate.of(template, 'the file').render({ ...base, ...input });
}

function refused(action: () => unknown): WishboneError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof WishboneError, String(error));
    return error;
  }
  return assert.fail('nothing was refused');
}

test('small cases that other engines get wrong', () => {
  const of = (template: string, messages: object[]): string => render(template, { messages: messages as ChatInput['messages'] });
  assert.equal(of("{{ messages[-1].content.lstrip('\\n') }}", [user('\n    return x + 1')]), '    return x + 1');
  assert.equal(
    of(
      "{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}{% continue %}{% endif %}[{{ m.role }}]{{ m.content }}{% endfor %}",
      [{ role: 'system', content: 'Be brief.' }, user('hi')],
    ),
    'Be brief.[user]hi',
  );
  assert.equal(of('a\r\n{% if true %}\r\nb\r\n{% endif %}\r\nc\r\n', [user('')]), 'a\nb\nc');
  assert.equal(
    of('{% for k, v in messages[0].a.items() %}{{ k }}={{ v }};{% endfor %}', [user('', { a: { flag: true, none: null, o: { a: 1 } } })]),
    "flag=True;none=None;o={'a': 1};",
  );
  assert.equal(of('{% if messages[0].x == [] %}A{% else %}B{% endif %}', [user('', { x: [] })]), 'A');
  assert.equal(
    of('{% raw %}{{ x }}{% endraw %}{{ none|string }}{{ 7 % 4 }}{{ "{}".format(1) }}{{ "a" * 3 }}{{ "a" < "b" }}', [user('')]),
    '{{ x }}None31aaaTrue',
  );
});

test('a message is seen without its null fields, and its reasoning under all its names', () => {
  const keys = '{% for m in messages %}{{ m | dictsort | list }};{% endfor %}';
  assert.equal(render(keys, { messages: [user('hi', { tool_calls: null, name: null })] }), "[('content', 'hi'), ('role', 'user')];");
  assert.equal(render('{{ "content" in messages[0] }}', { messages: [{ role: 'assistant', content: null }] }), 'False');
  for (const name of ['reasoning', 'thinking', 'reasoning_content']) {
    const messages = [assistant('4', { [name]: 'two and two' })];
    assert.equal(render('{{ messages[0].reasoning_content }}|{{ messages[0].thinking }}', { messages }), 'two and two|two and two', name);
  }
  // The first name that has a value; a null is none.
  const both = [assistant('4', { reasoning: 'r', thinking: 't', reasoning_content: null })];
  assert.equal(render('{{ messages[0].reasoning_content }}', { messages: both }), 't');
  // Deeper nulls stay.
  assert.equal(render('{{ messages[0].a }}', { messages: [user('', { a: { b: null } })] }), "{'b': None}");
});

test('tools, documents, special tokens and more variables', () => {
  const all = '{{ tools }}|{{ documents }}|{{ bos_token }}|{{ eos_token is defined }}|{{ enable_thinking }}|{{ add_generation_prompt }}';
  assert.equal(render(all), 'None|None|<s>|False||False');
  assert.equal(
    render(all, {
      tools: [{ a: 1 }],
      documents: [{ title: 't' }],
      kwargs: { enable_thinking: false, bos_token: '<x>' },
      addGenerationPrompt: true,
    }),
    "[{'a': 1}]|[{'title': 't'}]|<x>|False|False|True",
  );
  // As TRL calls it, they may come among the variables too, and win there.
  assert.equal(render(all, { tools: [{ a: 1 }], kwargs: { tools: null, documents: [{ b: 2 }] } }), "None|[{'b': 2}]|<s>|False||False");
  assert.equal(render('no', { kwargs: { chat_template: 'yes {{ bos_token }}' } }), 'yes <s>');
  for (const name of ['add_generation_prompt', 'continue_final_message', 'tokenize', 'messages', 'padding', 'max_length']) {
    const error = refused(() => render('x', { kwargs: { [name]: true } }));
    assert.match(error.what, new RegExp(`chat_template_kwargs cannot hold "${name}"`));
  }
  assert.match(refused(() => render('x', { kwargs: { tools: 'a' } })).what, /"tools": it must be a list/);
  assert.match(refused(() => render('x', { documents: ['a'] })).what, /documents must be a list of objects; one is 'a'/);
  assert.match(refused(() => render('x', { tools: ['a'] })).what, /tools must be a list of objects/);
  assert.match(refused(() => render('x', { messages: [] })).what, /there is no message to render/);
});

test('many are rendered together; one that fails does not hold up the others', () => {
  const template = ChatTemplate.of(
    "{% if messages[0].content == 'bad' %}\n{{ raise_exception('no bad ones') }}{% endif %}{{ messages[-1].content }}",
    'the file',
  );
  const inputs = ['a', 'bad', 'c'].map((content) => ({
    ...base,
    messages: [user(content)],
    parts: [
      { messages: [], addGenerationPrompt: true },
      { messages: [assistant(`${content}!`)], addGenerationPrompt: false },
    ],
  }));
  const [first, second, third] = template.renderAll(inputs);
  assert.deepEqual(
    [first, third],
    [
      ['a', 'a!'],
      ['c', 'c!'],
    ],
  );
  assert.ok(second instanceof WishboneError);
  assert.match(second.what, /no bad ones \(line 2 of the template\)/);
});

test('one that never ends in the midst of many is found, with its line', () => {
  const template = ChatTemplate.of(
    "{% set n = namespace(a=[0], b=[0]) %}{% for i in range(60) %}{% set n.a = [n.a, n.a] %}{% set n.b = [n.b, n.b] %}{% endfor %}\n{{ messages[0].content == 'slow' and n.a == n.b }}",
    'the file',
  );
  const results = template.renderAll(
    ['a', 'slow', 'b'].map((content) => ({ ...base, messages: [user(content)], parts: [{ messages: [], addGenerationPrompt: false }] })),
  );
  assert.deepEqual([results[0], results[2]], [['False'], ['False']]);
  assert.match((results[1] as WishboneError).what, /longer than 3 seconds and was stopped \(line 2 of the template: \{\{ messages/);
});

const fixture = path.join(import.meta.dirname, 'fixture');

async function model(t: TestContext, templates: Record<string, string>, config: object = {}): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-template-'));
  t.after(() => rm(folder, { recursive: true }));
  await cp(path.join(fixture, 'gpt2-like'), folder, { recursive: true });
  await rm(path.join(folder, 'chat_template.jinja'), { force: true });
  await writeFile(path.join(folder, 'tokenizer_config.json'), JSON.stringify({ eos_token: '</s>', chat_template: null, ...config }));
  await mkdir(path.join(folder, 'additional_chat_templates'));
  for (const [name, text] of Object.entries(templates)) await writeFile(path.join(folder, name), text);
  return folder;
}

const rendered = async (folder: string, input: Partial<ChatInput> = {}): Promise<string> =>
  (await ModelTokenizer.load(folder)).chatTemplate.render({ ...base, ...input });

test('which of several templates is taken, as transformers takes it', async (t) => {
  const tools = [{ a: 1 }];
  const list = [
    { name: 'default', template: 'default' },
    { name: 'tool_use', template: 'tools' },
    { name: 'rag', template: 'rag' },
  ];
  const several = await model(t, {}, { chat_template: list });
  assert.equal(await rendered(several), 'default');
  assert.equal(await rendered(several, { tools }), 'tools');
  assert.equal(await rendered(several, { tools: [] }), 'tools');
  assert.equal(await rendered(several, { kwargs: { chat_template: 'rag' } }), 'rag');
  // A file wins over all of the config's.
  await writeFile(path.join(several, 'chat_template.jinja'), 'file');
  assert.equal(await rendered(several, { tools }), 'file');
  await writeFile(path.join(several, 'additional_chat_templates/tool_use.jinja'), 'more');
  assert.equal(await rendered(several, { tools }), 'more');
  assert.equal(await rendered(several), 'file');
  const none = await model(t, { 'additional_chat_templates/rag.jinja': 'x' }, { chat_template: 'config' });
  const tokenizer = await ModelTokenizer.load(none);
  assert.match(refused(() => tokenizer.chatTemplate.render(base)).what, /several chat templates \(rag\), and none is named "default"/);
  const wrong = await model(t, {}, { chat_template: [{ name: 'default' }] });
  await assert.rejects(ModelTokenizer.load(wrong), /must be text, or a list of templates/);
});

test('a template file is read as Python reads text', async (t) => {
  const folder = await model(t, { 'chat_template.jinja': 'a\r\n{% if true %}\r\nb\rc{% endif %}\r\n' });
  assert.equal(await rendered(folder), 'a\nb\nc');
  await writeFile(path.join(folder, 'chat_template.jinja'), Buffer.from([0x61, 0xff]));
  await assert.rejects(ModelTokenizer.load(folder), /not UTF-8/);
});

test('tokens are kept by all templates, and by the day where one writes the date', async (t) => {
  const hashes = new Set<string>();
  for (const more of ['a', 'b', '{{ strftime_now("%d") }}']) {
    hashes.add(await tokenizerHash(await model(t, { 'chat_template.jinja': 'x', 'additional_chat_templates/tool_use.jinja': more })));
  }
  assert.equal(hashes.size, 3);
});

test('a pair brings its tools, documents and variables to all three texts', async (t) => {
  const template =
    '{{ tools | length if tools }}{{ documents[0].title if documents }}{% for m in messages %}{{ m.content }}{% endfor %}' +
    '{% if add_generation_prompt %}{% if enable_thinking is false %}<think></think>{% endif %}{% endif %}';
  const tokenizer = await ModelTokenizer.load(await model(t, { 'chat_template.jinja': template }));
  const pairs = new PairTokenizer(tokenizer, { maxLength: 1000, file: 'pairs.jsonl', vocabSize: 1e6 });
  const pair: PairText = {
    kind: 'messages',
    prompt: [user('hi')],
    chosen: [assistant('<think></think>yes')],
    rejected: [assistant('<think></think>no')],
    tools: [{}, {}, {}],
    documents: [{ title: 'D' }],
    chatTemplateKwargs: { enable_thinking: false },
    row: 0,
    line: 1,
  };
  const [renderings] = pairs.renderingsEach([pair]);
  assert.ok(renderings !== undefined && !(renderings instanceof WishboneError));
  const { prompt, chosen, rejected } = renderings;
  assert.equal(tokenizer.decode(prompt), '3Dhi<think></think>');
  assert.equal(tokenizer.decode(chosen), '3Dhi<think></think>yes');
  assert.equal(tokenizer.decode(rejected), '3Dhi<think></think>no');
  const bad: PairText = { ...pair, chatTemplateKwargs: { tokenize: false }, line: 7 };
  assert.match(refused(() => pairs.tokenize(bad)).where, /^pairs\.jsonl:7, with field "chat_template_kwargs"$/);
  const outcomes = pairs.tokenizeEach([pair, { ...pair, kind: 'text', prompt: 'a', chosen: 'b', rejected: 'c' }, bad]);
  assert.deepEqual(
    outcomes.map((outcome) => (outcome instanceof WishboneError ? outcome.what.slice(0, 40) : outcome.kind)),
    ['pair', 'pair', 'chat_template_kwargs cannot hold "tokeni'],
  );
});

import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { PairText } from '../../../src/core/dataset/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { ModelTokenizer, PairTokenizer, type TemplateName } from '../../../src/core/tokenizer/index.js';

const fixture = path.join(import.meta.dirname, 'fixture');

async function copyOf(t: TestContext, name = 'gpt2-like'): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-tokenizer-'));
  t.after(() => rm(folder, { recursive: true }));
  await cp(path.join(fixture, name), folder, { recursive: true });
  return folder;
}

async function changeConfig(folder: string, change: object): Promise<void> {
  const file = path.join(folder, 'tokenizer_config.json');
  await writeFile(file, JSON.stringify({ ...(JSON.parse(await readFile(file, 'utf8')) as object), ...change }));
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

const text: PairText = { kind: 'text', prompt: 'a', chosen: 'b', rejected: 'c', row: 3, line: 7 };
const messages: PairText = {
  kind: 'messages',
  prompt: [{ role: 'user', content: 'a' }],
  chosen: [{ role: 'assistant', content: 'b' }],
  rejected: [{ role: 'assistant', content: 'c' }],
  row: 3,
  line: 7,
};
const options = { maxLength: 100, file: 'pairs.jsonl', vocabSize: 640 };

test('missing and damaged files are named', async (t) => {
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    const folder = await copyOf(t);
    await writeFile(path.join(folder, name), '{"cut": ');
    await assert.rejects(
      ModelTokenizer.load(folder),
      (error) => error instanceof WishboneError && error.where.endsWith(name) && /JSON/.test(error.what),
    );
    await rm(path.join(folder, name));
    await assert.rejects(
      ModelTokenizer.load(folder),
      (error) => error instanceof WishboneError && error.where.endsWith(name) && error.what.includes(name),
    );
  }
});

test('a tokenizer without its parts, or of a kind that is not known', async (t) => {
  const folder = await copyOf(t);
  const file = path.join(folder, 'tokenizer.json');
  const whole = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  for (const part of ['model', 'added_tokens']) {
    const { [part]: _left, ...rest } = whole;
    await writeFile(file, JSON.stringify(rest));
    await assert.rejects(
      ModelTokenizer.load(folder),
      (error) => error instanceof WishboneError && error.where === file && error.what.includes(part),
    );
  }
  // As with the Rust library, a decoder may be missing: tokens are joined by spaces then.
  await writeFile(file, JSON.stringify({ ...whole, decoder: null }));
  const plain = await ModelTokenizer.load(folder);
  assert.equal(plain.decode(plain.encode('a</s>', false)), 'a </s>');
  await writeFile(file, JSON.stringify({ ...whole, pre_tokenizer: { type: 'Mystery' } }));
  await assert.rejects(ModelTokenizer.load(folder), (error) => error instanceof WishboneError && /Mystery/.test(error.what));
});

test('chat_template.jinja wins over the config; a named default is found', async (t) => {
  const folder = await copyOf(t);
  const rendered = async (): Promise<string> => {
    const tokenizer = await ModelTokenizer.load(folder);
    return tokenizer.chatTemplate.render({
      messages: [{ role: 'user', content: 'hi' }],
      addGenerationPrompt: false,
      specialTokens: tokenizer.specialTokenTexts,
    });
  };
  await changeConfig(folder, {
    chat_template: [
      { name: 'tools', template: 'no' },
      { name: 'default', template: 'yes {{ eos_token }}' },
    ],
  });
  assert.equal(await rendered(), 'yes </s>');
  await writeFile(path.join(folder, 'chat_template.jinja'), '{%- if messages %}\n{%- endif %}jinja {{ bos_token }}');
  assert.equal(await rendered(), 'jinja <s>');
  await writeFile(path.join(folder, 'chat_template.jinja'), 'fine\n{% if %}');
  const pairs = new PairTokenizer(await ModelTokenizer.load(folder), options);
  const error = refused(() => pairs.tokenize(messages));
  assert.match(error.what, /cannot be read: .* \(line 2 of the template\)$/);
  assert.ok(error.where.endsWith('chat_template.jinja') && !error.where.includes('pairs.jsonl'), error.where);
});

test('messages need a chat template, texts an end-of-sequence token', async (t) => {
  const folder = await copyOf(t);
  await changeConfig(folder, { chat_template: null, eos_token: null });
  const pairs = new PairTokenizer(await ModelTokenizer.load(folder), options);
  assert.match(refused(() => pairs.tokenize(messages)).what, /no chat template/);
  assert.match(refused(() => pairs.tokenize(text)).where, /tokenizer_config\.json, field "eos_token"/);
  await writeFile(path.join(folder, 'special_tokens_map.json'), JSON.stringify({ eos_token: { content: '</s>' } }));
  assert.equal(new PairTokenizer(await ModelTokenizer.load(folder), options).tokenize(text).kind, 'pair');
});

test("a template's own refusal is passed on with file and line", async (t) => {
  const pairs = new PairTokenizer(await ModelTokenizer.load(await copyOf(t, 'llama2-like')), options);
  const error = refused(() => pairs.tokenize({ ...messages, prompt: [{ role: 'system', content: 'x' }, ...messages.prompt] }));
  assert.match(error.what, /Only user and assistant roles are supported/);
  assert.match(error.where, /^pairs\.jsonl:7, with /);
});

test('a token outside the vocabulary of the model is refused', async (t) => {
  const pairs = new PairTokenizer(await ModelTokenizer.load(await copyOf(t)), { ...options, vocabSize: 3 });
  const error = refused(() => pairs.tokenize(text));
  assert.match(error.what, /outside the model's vocabulary of 3/);
  assert.equal(error.where, 'pairs.jsonl:7');
});

test('max_length cuts the end, counts it, and skips what loses a whole response', async (t) => {
  const tokenizer = await ModelTokenizer.load(await copyOf(t));
  const long: PairText = { ...text, prompt: 'one two three', chosen: ' four', rejected: ' five six seven eight' };
  const whole = new PairTokenizer(tokenizer, options).tokenize(long);
  assert.ok(whole.kind === 'pair' && whole.cut === 0);
  const { promptLength, rejected } = whole.pair;
  const cut = new PairTokenizer(tokenizer, { ...options, maxLength: rejected.length - 1 }).tokenize(long);
  assert.ok(cut.kind === 'pair');
  assert.equal(cut.cut, 1);
  assert.deepEqual([...cut.pair.rejected], [...rejected.slice(0, -1)]);
  assert.deepEqual(new PairTokenizer(tokenizer, { ...options, maxLength: promptLength }).tokenize(long), {
    kind: 'skipped',
    place: { row: 3, line: 7 },
  });
});

test('templates by name stand in for one that is not there, with BOS where the tokenizer puts it', async (t) => {
  const chat: PairText = {
    ...messages,
    prompt: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
    ],
    chosen: [{ role: 'assistant', content: 'Yes' }],
  };
  const rendered = async (folder: string, name: TemplateName): Promise<string[]> => {
    const tokenizer = await ModelTokenizer.load(folder, name);
    const outcome = new PairTokenizer(tokenizer, options).tokenize(chat);
    assert.ok(outcome.kind === 'pair');
    const { chosen, promptLength } = outcome.pair;
    return [chosen.slice(0, promptLength), chosen.slice(promptLength)].map((ids) => tokenizer.decode(ids));
  };
  const noBos = await copyOf(t);
  const bos = await copyOf(t, 'llama3-like');
  for (const folder of [noBos, bos]) {
    await changeConfig(folder, { chat_template: null });
    const begin = folder === bos ? '<s>' : '';
    assert.deepEqual(await rendered(folder, 'chatml'), [
      `${begin}<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n`,
      'Yes<|im_end|>\n',
    ]);
    assert.deepEqual(await rendered(folder, 'zephyr'), [
      `${begin}<|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\n`,
      'Yes</s>\n',
    ]);
    assert.deepEqual(await rendered(folder, 'plain'), [`${begin}Be brief.\n\nHuman: Hi\n\nAssistant:`, ' Yes</s>']);
  }
  const plain = new PairTokenizer(await ModelTokenizer.load(noBos, 'plain'), options);
  const withTools = refused(() => plain.tokenize({ ...chat, tools: [{ name: 'look' }] }));
  assert.match(withTools.what, /no place for tools/);
  assert.match(withTools.where, /^pairs\.jsonl:7, with chat template "plain"/);
});

test('a template by name is refused where its tokens are missing', async (t) => {
  const folder = await copyOf(t);
  const file = path.join(folder, 'tokenizer.json');
  await writeFile(file, (await readFile(file, 'utf8')).replaceAll('<|im_start|>', '<|im_begin|>'));
  await assert.rejects(
    ModelTokenizer.load(folder, 'chatml'),
    (error) => error instanceof WishboneError && /<\|im_start\|>.*chatml/.test(error.what) && error.where === file,
  );
  await changeConfig(folder, { eos_token: null });
  await assert.rejects(
    ModelTokenizer.load(folder, 'plain'),
    (error) => error instanceof WishboneError && /end-of-sequence/.test(error.what),
  );
});

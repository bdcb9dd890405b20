import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { PairText } from '../../../src/core/dataset/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { ModelTokenizer, PairTokenizer } from '../../../src/core/tokenizer/index.js';

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
  for (const part of ['model', 'added_tokens', 'decoder']) {
    const { [part]: _left, ...rest } = whole;
    await writeFile(file, JSON.stringify(rest));
    await assert.rejects(
      ModelTokenizer.load(folder),
      (error) => error instanceof WishboneError && error.where === file && error.what.includes(part),
    );
  }
  await writeFile(file, JSON.stringify({ ...whole, pre_tokenizer: { type: 'Mystery' } }));
  await assert.rejects(
    ModelTokenizer.load(folder),
    (error) => error instanceof WishboneError && /Mystery/.test(error.what),
  );
});

test('chat_template.jinja wins over the config; a named default is found', async (t) => {
  const folder = await copyOf(t);
  const rendered = async (): Promise<string> => {
    const tokenizer = await ModelTokenizer.load(folder);
    return tokenizer.chatTemplate.render({
      messages: [],
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
  await writeFile(path.join(folder, 'chat_template.jinja'), '{% if %}');
  await assert.rejects(
    ModelTokenizer.load(folder),
    (error) => error instanceof WishboneError && error.where.endsWith('chat_template.jinja'),
  );
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
  const error = refused(() =>
    pairs.tokenize({ ...messages, prompt: [{ role: 'system', content: 'x' }, ...messages.prompt] }),
  );
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

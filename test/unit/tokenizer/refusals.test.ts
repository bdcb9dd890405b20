import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { PairText } from '../../../src/core/dataset/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { ModelTokenizer, PairTokenizer } from '../../../src/core/tokenizer/index.js';

const fixture = path.join(import.meta.dirname, 'fixture');
const options = { maxLength: 100, file: 'pairs.jsonl', vocabSize: 1_000_000 };
const pair = (prompt: string): PairText => ({ kind: 'text', prompt, chosen: ' b', rejected: ' c', row: 3, line: 7 });

/** A copy of a folder with changed files. */
async function folderWith(t: TestContext, name: string, changes: Readonly<Record<string, object>>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-tokenizer-'));
  t.after(() => rm(folder, { recursive: true }));
  await cp(path.join(fixture, name), folder, { recursive: true });
  for (const [file, change] of Object.entries(changes)) {
    const old = await readFile(path.join(folder, file), 'utf8').catch(() => '{}');
    await writeFile(path.join(folder, file), JSON.stringify({ ...(JSON.parse(old) as object), ...change }));
  }
  return folder;
}

async function refusal(folder: string, row: PairText): Promise<WishboneError> {
  const pairs = new PairTokenizer(await ModelTokenizer.load(folder), options);
  try {
    pairs.tokenizeAll([pair('a'), row]);
  } catch (error) {
    assert.ok(error instanceof WishboneError, String(error));
    return error;
  }
  return assert.fail('nothing was refused');
}

test('a special token that only the configs name is refused by name where it would be trained', async (t) => {
  const eos = { eos_token: '<|nowhere|>' };
  const folder = await folderWith(t, 'gpt2-like', { 'tokenizer_config.json': eos });
  const error = await refusal(folder, pair('a'));
  assert.match(error.what, /"<\|nowhere\|>".*tokenizer\.json/);
  assert.match(error.where, /pairs\.jsonl:\d+/);
  // A token that is not used is no matter; one that the folder gives an id is known to it.
  const unused = await folderWith(t, 'gpt2-like', { 'tokenizer_config.json': { pad_token: '<|nowhere|>' } });
  new PairTokenizer(await ModelTokenizer.load(unused), options).tokenize(pair('a'));
  const flags = { lstrip: false, normalized: false, rstrip: false, single_word: false, special: true };
  const size = Object.keys(
    (JSON.parse(await readFile(path.join(folder, 'tokenizer.json'), 'utf8')) as { model: { vocab: object } }).model.vocab,
  ).length;
  const given = { ...eos, added_tokens_decoder: { [size]: { content: '<|nowhere|>', ...flags } } };
  const known = await ModelTokenizer.load(await folderWith(t, 'gpt2-like', { 'tokenizer_config.json': given }));
  assert.deepEqual(known.encode('<|nowhere|>', false), [size]);
  new PairTokenizer(known, options).tokenize(pair('a'));
});

test('a hostile pattern is refused within seconds, with its file and the row', async (t) => {
  const split = { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated', invert: false };
  const folder = await folderWith(t, 'gpt2-like', { 'tokenizer.json': { pre_tokenizer: split } });
  const began = performance.now();
  const error = await refusal(folder, pair(`${'a'.repeat(40)}!`));
  assert.ok(performance.now() - began < 10_000);
  assert.match(error.what, /\(a\+\)\+\$/);
  assert.match(error.where, /pairs\.jsonl:\d+.*tokenizer\.json/);
});

test('half a surrogate pair is refused, not trained as another character', async (t) => {
  const folder = await folderWith(t, 'gpt2-like', {});
  assert.match((await refusal(folder, pair('a\ud800'))).what, /surrogate/);
});

test('a class that nothing here rebuilds is refused by name', async (t) => {
  const folder = await folderWith(t, 'gpt2-like', { 'tokenizer_config.json': { tokenizer_class: 'XLNetTokenizer' } });
  await assert.rejects(
    ModelTokenizer.load(folder),
    (error) => error instanceof WishboneError && /XLNetTokenizer/.test(error.what) && /tokenizer_class/.test(error.where),
  );
});

test('words are told by Unicode; the unknown token of a word model may stand in tokenizer.json alone', async (t) => {
  const vocab = { '[none]': 0, naïve: 1, Zwölf: 2, größe: 3, für: 4 };
  const folder = await folderWith(t, 'gpt2-like', {
    'tokenizer.json': {
      ...{ added_tokens: [], normalizer: null, pre_tokenizer: { type: 'Whitespace' }, post_processor: null, decoder: null },
      model: { type: 'WordLevel', vocab, unk_token: '[none]' },
    },
    'tokenizer_config.json': { bos_token: null, eos_token: null, unk_token: null },
  });
  const tokenizer = await ModelTokenizer.load(folder);
  assert.deepEqual(tokenizer.encode('naïve Zwölf größe\u0085für\ufeffx', false), [1, 2, 3, 4, 0, 0]);
  assert.equal(tokenizer.decode([1, 2]), 'naïve Zwölf');
});

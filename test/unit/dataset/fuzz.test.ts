import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Dataset, datasetForms, findSources, type PairText } from '../../../src/core/dataset/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { datasetFile } from './support.js';

const good = path.resolve(import.meta.dirname, '../../fixtures/datasets/good');

/** Reads all there is to read. What is wrong is a WishboneError with a place; what is read is a whole pair. */
async function readAll(file: string, options: Partial<Parameters<typeof Dataset.open>[1]> = {}): Promise<number> {
  let pairs = 0;
  try {
    const dataset = await Dataset.open(file, { pairing: 'all', minMargin: 0, ...options });
    for await (const outcome of dataset.outcomes()) {
      if ('error' in outcome) checkError(outcome.error, file);
      else checkPair(outcome.pair);
      if ('pair' in outcome) pairs++;
    }
  } catch (error) {
    checkError(error, file);
  }
  return pairs;
}

function checkError(error: unknown, file: string): void {
  assert.ok(error instanceof WishboneError, error instanceof Error ? error.stack : String(error));
  assert.ok(error.where.startsWith(file), error.where);
  assert.ok(error.what.length > 0 && error.advice.length > 0);
}

function checkPair(pair: PairText): void {
  for (const part of [pair.prompt, pair.chosen, pair.rejected]) {
    if (pair.kind === 'text') assert.equal(typeof part, 'string');
    else {
      assert.ok(Array.isArray(part));
      for (const { role, content } of part) {
        assert.equal(typeof role, 'string');
        assert.ok(content === null || content === undefined || typeof content === 'string');
      }
    }
  }
  assert.ok(pair.chosen.length > 0 && pair.rejected.length > 0);
}

for (const name of [
  ...['trl-explicit-messages.jsonl', 'sharegpt-array.json', 'trl-implicit-text.jsonl.gz', 'openai.jsonl'],
  ...['trl-explicit.csv', 'trl-explicit.tsv', 'ultrafeedback.jsonl'],
]) {
  test(`${name} with bytes changed, taken out and put in is read, or refused with a place`, async (t) => {
    const bytes = await readFile(path.join(good, name));
    const file = await datasetFile(t, bytes, name);
    assert.ok((await readAll(file)) > 0);
    const edit = fc.record({
      at: fc.nat(bytes.length - 1),
      removed: fc.nat(6),
      added: fc.oneof(
        fc.uint8Array({ maxLength: 4 }),
        fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', '\n', '\r', '\ud83d', '\0').map((text) => Buffer.from(text)),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        let changed = Buffer.from(bytes);
        for (const { at, removed, added } of edits) {
          changed = Buffer.concat([changed.subarray(0, at), added, changed.subarray(at + removed)]);
        }
        await writeFile(file, changed);
        await readAll(file);
      }),
      { numRuns: 100 },
    );
  });
}

/** Values that could stand anywhere in a row, those that rows are made of more often than others. */
const words = fc.constantFrom(
  ...['', ' ', 'a', 'user', 'assistant', 'system', 'human', 'gpt', 'tool', 'function_call', 'text', 'reasoning'],
  ...['tool_call', 'tools', '{"name": "f"}', '[{"name": "f"}]', '[]', 'null', '\ud800'],
);
const names = fc.constantFrom(
  ...['prompt', 'chosen', 'rejected', 'conversations', 'input', 'messages', 'preferred_output', 'non_preferred_output'],
  ...['role', 'content', 'from', 'value', 'type', 'tools', 'tool_calls', 'system', 'instruction', 'history', 'source'],
  ...['chosen_messages', 'rejected_messages', 'completions', 'response', 'responses', 'ranks', 'scores', 'score'],
  ...['rejected_response', 'context', 'response1', 'response2', 'overall_preference', 'answers', 'answer', 'rank', 'completion'],
  ...['conversation_a', 'conversation_b', 'winner', 'turn', 'human_ref_A', 'human_ref_B', 'labels', 'label', 'loss'],
  '__proto__',
);
const { value: anything } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    words,
    fc.constantFrom(null, true, 0, 1, -0.5, 1e300),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(names, tie('value'), { maxKeys: 4 }),
    fc.record({ role: words, content: tie('value') }),
    fc.record({ from: words, value: tie('value') }),
    fc.record({ type: words, value: tie('value') }),
  ),
}));
const rowFields = fc.dictionary(names, anything, { minKeys: 2, maxKeys: 8 });

const said = (role: string, ...values: unknown[]) => ({ role, content: values });
const part = { type: 'text', value: 'Blue.' };
const llamaFactory = [
  { instruction: 'Name a colour.', input: '', history: [['a', 'b']], system: 's', chosen: 'Blue.', rejected: 'Seven.' },
  { chosen_messages: [said('user', part), said('assistant', part)], rejected_messages: [said('user', part), said('assistant')] },
];

const [asked, answered] = [
  { role: 'user', content: 'q' },
  { role: 'assistant', content: 'a' },
];
const published = [
  { messages: [asked, { role: 'tool_call', content: '{"name": "f"}' }, answered], rejected_response: 'b', system: 's' },
  { messages: [asked, { ...answered, loss: true }], rejected_messages: [asked, { ...answered, content: 'b' }] },
  { context: [asked], completions: [1, 0].map((rank) => ({ rank, completion: [{ ...answered, content: `${rank}` }] })) },
  { context: [asked], response1: 'a', response2: 'b', overall_preference: -1 },
  { prompt: 'p', answers: [2, 1].map((rank) => ({ rank, answer: `${rank}` })) },
  { conversation_a: [asked, answered], conversation_b: [asked, { ...answered, content: 'b' }], winner: 'model_b', turn: 1 },
  { history: 'p', human_ref_A: 'a', human_ref_B: 'b', labels: 1, score_ratio: 2 },
  { prompt: 'p', completion: 'a', label: true },
];

/** Rows of every form. */
async function goodRows(): Promise<object[]> {
  const files = (await readdir(good)).filter((name) => /^(?!deeply).*\.jsonl$/.test(name));
  const texts = await Promise.all(files.map((name) => readFile(path.join(good, name), 'utf8')));
  const lines = texts.flatMap((text) =>
    text
      .replace('\ufeff', '')
      .split('\n')
      .filter((line) => line.trim() !== ''),
  );
  return [...lines.map((line) => JSON.parse(line) as object), ...llamaFactory, ...published];
}

/** A copy with something else in one place: `turns` lead there, one choice at each level. */
function changed(value: unknown, turns: readonly number[], other: unknown): unknown {
  const [turn, ...left] = turns;
  if (turn === undefined || typeof value !== 'object' || value === null) return other;
  const keys = Object.keys(value);
  const key = keys[turn % Math.max(1, keys.length)];
  if (key === undefined) return other;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<string, unknown>;
  copy[key] = changed(copy[key], left, other);
  return copy;
}

test('rows of any values are read as pairs, or refused with file, row and field', async (t) => {
  const file = await datasetFile(t, '');
  const changedRow = fc
    .tuple(fc.constantFrom(...(await goodRows())), fc.array(fc.nat(7), { minLength: 1, maxLength: 5 }), anything)
    .map(([row, turns, other]) => changed(row, turns, other));
  let pairs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 3, arbitrary: changedRow }, rowFields), { minLength: 1, maxLength: 4 }),
      fc.constantFrom(undefined, ...datasetForms),
      fc.constantFrom({}, { prompt: 'instruction', chosen: 'value', rejected: 'content' }, { chosen: '__proto__' }),
      async (rows, form, columns) => {
        await writeFile(file, rows.map((row) => JSON.stringify(row)).join('\n'));
        pairs += await readAll(file, { form, columns });
      },
    ),
    { numRuns: 1500 },
  );
  assert.ok(pairs > 20, `${pairs} pairs were good`);
});

test('a dataset_info.json of any values names its files, or is refused with a place', async (t) => {
  const file = await datasetFile(t, '', 'dataset_info.json');
  await writeFile(path.join(path.dirname(file), 'pairs.jsonl'), '{}');
  const text = fc.oneof(words, fc.constantFrom('pairs.jsonl', '.', '..', '\0', 'alpaca', 'sharegpt', 'openai', 'role'));
  const odd = fc.oneof(text, fc.constantFrom(null, 3, true, [], {}));
  const mostly = <T>(value: fc.Arbitrary<T>) => fc.oneof({ weight: 6, arbitrary: value }, { weight: 1, arbitrary: odd });
  const entry = fc.record(
    {
      file_name: mostly(fc.constant('pairs.jsonl')),
      ranking: mostly(fc.constant(true)),
      formatting: mostly(fc.constantFrom('alpaca', 'sharegpt', 'openai')),
      num_samples: mostly(fc.constantFrom(3, null)),
      columns: mostly(fc.dictionary(fc.constantFrom('prompt', 'messages', 'chosen', '__proto__'), mostly(words))),
      tags: mostly(fc.dictionary(fc.constantFrom('role_tag', 'user_tag', 'function_tag', '__proto__'), mostly(words))),
      hf_hub_url: text,
    },
    { requiredKeys: ['file_name', 'ranking'] },
  );
  let found = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof(anything, fc.record({ d: fc.oneof(entry, anything) })), async (info) => {
      await writeFile(file, JSON.stringify(info));
      try {
        const sources = await findSources(`${file}#d`);
        assert.ok(sources.length > 0);
        found++;
      } catch (error) {
        assert.ok(error instanceof WishboneError, error instanceof Error ? error.stack : String(error));
        assert.ok(error.where.startsWith(path.dirname(file)) || error.where.includes('field'), error.where);
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(found > 5, `${found} were good`);
});

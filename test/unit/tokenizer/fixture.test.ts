import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Dataset } from '../../../src/core/dataset/index.js';
import { ModelTokenizer, PairTokenizer } from '../../../src/core/tokenizer/index.js';

// Made by scripts/fixtures/tokenizer.py with Hugging Face's tokenizers, transformers and TRL.
interface Expected {
  readonly texts: readonly { readonly text: string; readonly plain: number[]; readonly special: number[] }[];
  readonly max_length: number;
  readonly trl: readonly {
    readonly rows: readonly object[];
    readonly prepared: readonly { row: number; prompt_ids: number[]; chosen_ids: number[]; rejected_ids: number[] }[];
  }[];
}

const fixtures = path.join(import.meta.dirname, 'fixture');

for (const name of ['gpt2-like', 'llama3-like', 'llama2-like']) {
  const folder = path.join(fixtures, name);

  test(`${name}: token ids equal those of Hugging Face's tokenizers`, async () => {
    const { texts } = await expected(folder);
    const tokenizer = await ModelTokenizer.load(folder);
    assert.ok(texts.length >= 20);
    for (const { text, plain, special } of texts) {
      assert.deepEqual(tokenizer.encode(text, false), plain, JSON.stringify(text));
      assert.deepEqual(tokenizer.encode(text, true), special, JSON.stringify(text));
    }
  });

  test(`${name}: pairs are tokenised, bounded, dropped and cut as by TRL`, async (t) => {
    const { trl, max_length: maxLength } = await expected(folder);
    const tokenizer = await ModelTokenizer.load(folder);
    const scratch = await mkdtemp(path.join(tmpdir(), 'wishbone-tokenizer-'));
    t.after(() => rm(scratch, { recursive: true }));
    let compared = 0;
    for (const { rows, prepared } of trl) {
      const file = path.join(scratch, 'pairs.jsonl');
      await writeFile(file, rows.map((row) => JSON.stringify(row)).join('\n'));
      const pairTokenizer = new PairTokenizer(tokenizer, { maxLength, file, vocabSize: 4096 });
      const dataset = await Dataset.open(file);
      for await (const pair of dataset.pairs()) {
        const outcome = pairTokenizer.tokenize(pair);
        const want = prepared.find(({ row }) => row === pair.row);
        const what = JSON.stringify(rows[pair.row]);
        if (!want) {
          assert.equal(outcome.kind, 'skipped', what);
          continue;
        }
        assert.ok(outcome.kind === 'pair', what);
        const chosen = [...want.prompt_ids, ...want.chosen_ids];
        const rejected = [...want.prompt_ids, ...want.rejected_ids];
        assert.deepEqual([...outcome.pair.chosen], chosen.slice(0, maxLength), what);
        assert.deepEqual([...outcome.pair.rejected], rejected.slice(0, maxLength), what);
        assert.equal(outcome.pair.promptLength, Math.max(1, want.prompt_ids.length), what);
        const cut = Math.max(0, chosen.length - maxLength) + Math.max(0, rejected.length - maxLength);
        assert.equal(outcome.cut, cut, what);
        compared++;
      }
    }
    assert.ok(compared >= 15, `${compared} pairs compared`);
  });
}

test('a token that merges across the text boundary belongs to the responses', async () => {
  const tokenizer = await ModelTokenizer.load(path.join(fixtures, 'gpt2-like'));
  const pairTokenizer = new PairTokenizer(tokenizer, { maxLength: 100, file: 'x', vocabSize: 4096 });
  const outcome = pairTokenizer.tokenize({
    kind: 'text',
    prompt: 'The harb',
    chosen: 'our.',
    rejected: 'inger.',
    row: 0,
    line: 1,
  });
  assert.ok(outcome.kind === 'pair');
  const prompt = tokenizer.encode('The harb', true);
  assert.ok(outcome.pair.promptLength < prompt.length, 'the fixture merges over the boundary');
  assert.deepEqual([...outcome.pair.chosen], tokenizer.encode('The harbour.</s>', true), 'as a model would read it');
});

async function expected(folder: string): Promise<Expected> {
  return JSON.parse(await readFile(path.join(folder, 'expected.json'), 'utf8')) as Expected;
}

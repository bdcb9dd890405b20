import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Dataset, type PairText } from '../../../src/core/dataset/index.js';
import { ModelTokenizer, PairTokenizer } from '../../../src/core/tokenizer/index.js';

// Made by scripts/fixtures/tokenizer.py with Hugging Face's tokenizers, transformers and TRL.
interface Inputs {
  readonly texts: readonly string[];
  /** Sets of preference rows. */
  readonly rows: Readonly<Record<string, readonly object[]>>;
}
interface Expected {
  /** Ids of each text, without special tokens and with them. */
  readonly plain: readonly number[][];
  readonly special: readonly number[][];
  /** Of each set that the tokenizer's chat template can be given. */
  readonly trl: Readonly<Record<string, Trl>>;
}
interface Trl {
  /** Every row, uncut. */
  readonly whole: readonly { prompt_ids: number[]; chosen_ids: number[]; rejected_ids: number[] }[];
  /** Rows that are not dropped: row, then of each side the tokens that are left and how many of them are scored. */
  readonly cut: readonly { readonly max_length: number; readonly kept: readonly [number, ...number[]][] }[];
}

const fixtures = path.join(import.meta.dirname, 'fixture');
const kinds = [...['gpt2-like', 'llama3-like', 'qwen2-like', 'roberta-like'], ...['llama2-like', 'mistral-like', 'gemma-like', 't5-like']];

async function json<T>(...names: string[]): Promise<T> {
  return JSON.parse(await readFile(path.join(fixtures, ...names), 'utf8')) as T;
}

for (const name of kinds) {
  const folder = path.join(fixtures, name);

  test(`${name}: token ids equal those of Hugging Face's tokenizers`, async () => {
    const { texts } = await json<Inputs>('inputs.json');
    const { plain, special } = await json<Expected>(name, 'expected.json');
    const tokenizer = await ModelTokenizer.load(folder);
    assert.ok(texts.length >= 20);
    for (const [index, text] of texts.entries()) {
      assert.deepEqual(tokenizer.encode(text, false), plain[index], JSON.stringify(text));
      assert.deepEqual(tokenizer.encode(text, true), special[index], JSON.stringify(text));
    }
  });

  test(`${name}: pairs are tokenised, bounded, dropped and cut as by TRL`, async (t) => {
    const inputs = await json<Inputs>('inputs.json');
    const { trl } = await json<Expected>(name, 'expected.json');
    const tokenizer = await ModelTokenizer.load(folder);
    const scratch = await mkdtemp(path.join(tmpdir(), 'wishbone-tokenizer-'));
    t.after(() => rm(scratch, { recursive: true }));
    let cut = 0;
    let dropped = 0;
    for (const [set, { whole, cut: cuts }] of Object.entries(trl)) {
      const rows = inputs.rows[set] ?? assert.fail(set);
      assert.equal(whole.length, rows.length);
      const file = path.join(scratch, `${set}.jsonl`);
      await writeFile(file, rows.map((row) => JSON.stringify(row)).join('\n'));
      const pairs: PairText[] = [];
      for await (const pair of (await Dataset.open(file)).pairs()) pairs.push(pair);
      assert.equal(pairs.length, rows.length);
      const everything = { max_length: 1e6, kept: whole.map((row, index) => [index, ...uncut(row)] as const) };
      for (const { max_length: maxLength, kept } of [everything, ...cuts]) {
        const pairTokenizer = new PairTokenizer(tokenizer, { maxLength, file, vocabSize: 4096 });
        for (const pair of pairs) {
          const what = `${JSON.stringify(rows[pair.row])}, max_length ${maxLength}`;
          const outcome = pairTokenizer.tokenize(pair);
          const wanted = kept.find(([row]) => row === pair.row);
          if (wanted === undefined) {
            assert.equal(outcome.kind, 'skipped', what);
            dropped++;
            continue;
          }
          assert.ok(outcome.kind === 'pair', what);
          const { prompt_ids: prompt, chosen_ids: chosen, rejected_ids: rejected } = whole[pair.row]!;
          const sequences = [
            [...prompt, ...chosen],
            [...prompt, ...rejected],
          ];
          const [, ...counts] = wanted;
          assert.deepEqual([...outcome.pair.chosen], sequences[0]!.slice(0, counts[0]), what);
          assert.deepEqual([...outcome.pair.rejected], sequences[1]!.slice(0, counts[2]), what);
          // Nothing predicts the first token: where TRL scores it, its loss leaves it out.
          const { promptLength } = outcome.pair;
          assert.equal(promptLength, Math.max(1, prompt.length), what);
          const unscored = promptLength - prompt.length;
          const scored = [outcome.pair.chosen, outcome.pair.rejected].map(({ length }) => length - promptLength + unscored);
          assert.deepEqual(scored, [counts[1], counts[3]], what);
          const lost = sequences.reduce((sum, { length }) => sum + length, 0) - counts[0]! - counts[2]!;
          assert.equal(outcome.cut, lost, what);
          if (lost > 0) cut++;
        }
      }
    }
    assert.ok(cut >= 10 && dropped >= 10, `${cut} pairs cut, ${dropped} dropped`);
  });
}

/** Tokens of each side, and how many of them are scored, when nothing is cut. */
function uncut({ prompt_ids: prompt, chosen_ids: chosen, rejected_ids: rejected }: Trl['whole'][number]): number[] {
  return [chosen, rejected].flatMap((response) => [prompt.length + response.length, response.length]);
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

// docs/coming-from-trl.md says where CPO's and ORPO's trainers see other tokens than DPO's, which are Wishbone's. The rows and
// tokenizers are those of test/unit/tokenizer, the trainers' tokens are made by scripts/fixtures/trl_differences.py.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Dataset } from '../../../src/core/dataset/index.js';
import { ModelTokenizer, PairTokenizer } from '../../../src/core/tokenizer/index.js';

type Side = readonly [prompt: number, ids: readonly number[]];
type Row = { readonly chosen: Side; readonly rejected: Side } | { readonly error: string };
interface Differences {
  readonly tokens: Readonly<Record<string, Readonly<Record<string, readonly Row[]>>>>;
}

const repository = path.resolve(import.meta.dirname, '../../..');
const tokenizers = path.join(repository, 'test/unit/tokenizer/fixture');

/** How CPO's sequence is another than ours: a token before or after it, or the prompt's end. */
function difference(ours: Side, theirs: Side, bos: number, eos: number): string {
  const found: string[] = [];
  let [prompt, ids] = theirs;
  if (ids[0] === bos && ours[1][0] !== bos) {
    found.push('BOS');
    ids = ids.slice(1);
    prompt--;
  }
  if (ids.length === ours[1].length + 1 && ids.at(-1) === eos) {
    found.push('EOS');
    ids = ids.slice(0, -1);
  }
  if (ids.length !== ours[1].length || ids.some((id, index) => id !== ours[1][index])) found.push('tokens');
  else if (prompt !== ours[0]) found.push('end of the prompt');
  return found.join(', ') || 'none';
}

test('where CPO and ORPO see other tokens: BOS, EOS and the end of the prompt, and nothing else', async (t) => {
  const scratch = await mkdtemp(path.join(tmpdir(), 'wishbone-differences-'));
  t.after(() => rm(scratch, { recursive: true }));
  const read = async <T>(file: string): Promise<T> => JSON.parse(await readFile(file, 'utf8')) as T;
  const { rows } = await read<{ rows: Record<string, readonly object[]> }>(path.join(tokenizers, 'inputs.json'));
  const { tokens } = await read<Differences>(path.join(repository, 'test/fixtures/losses/differences.json'));
  const found = new Map<string, Set<string>>();
  for (const [name, sets] of Object.entries(tokens)) {
    const tokenizer = await ModelTokenizer.load(path.join(tokenizers, name));
    for (const [set, expected] of Object.entries(sets)) {
      const file = path.join(scratch, `${set}.jsonl`);
      await writeFile(file, rows[set]!.map((row) => JSON.stringify(row)).join('\n'));
      const pairTokenizer = new PairTokenizer(tokenizer, { maxLength: 1e6, file, vocabSize: 4096 });
      assert.equal(expected.length, rows[set]!.length, 'rows were added: run scripts/fixtures/trl_differences.py');
      const of = found.set(`${name}, ${set}`, new Set()).get(`${name}, ${set}`)!;
      for await (const pair of (await Dataset.open(file)).pairs()) {
        const outcome = pairTokenizer.tokenize(pair);
        const theirs = expected[pair.row]!;
        if (outcome.kind !== 'pair' || 'error' in theirs) {
          of.add('refused there');
          continue;
        }
        for (const side of ['chosen', 'rejected'] as const) {
          const ours: Side = [outcome.pair.promptLength, [...outcome.pair[side]]];
          of.add(difference(ours, theirs[side], 1, 2));
        }
      }
    }
  }
  const kinds = (name: string, set: string): string => [...(found.get(`${name}, ${set}`) ?? [])].sort().join('; ');
  for (const set of ['text', 'implicit']) {
    // Tokenizers that begin texts with BOS: only the prompt's end, where a token reaches across it; a row in which it moves by
    // more than one token is an error there.
    assert.equal(kinds('llama3-like', set), 'end of the prompt; none', set);
    for (const name of ['llama2-like', 'mistral-like', 'gemma-like'])
      assert.equal(kinds(name, set), 'end of the prompt; none; refused there', name);
    // Those that do not: a BOS that DPO's trainer has not, too.
    for (const name of ['gpt2-like', 'qwen2-like']) assert.equal(kinds(name, set), 'BOS; BOS, end of the prompt', name);
  }
  // A template that writes BOS and ends with EOS is left as it is; one that does not gets both.
  for (const name of ['llama2-like', 'mistral-like']) assert.equal(kinds(name, 'messages'), 'none', name);
  for (const name of ['gpt2-like', 'llama3-like', 'qwen2-like', 'gemma-like']) assert.equal(kinds(name, 'messages'), 'BOS, EOS', name);
});

import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { pairCost } from '../../../src/core/checks/pair-cost.js';
import { RowTokenizer } from '../../../src/core/checks/row-tokens.js';
import type { RowProblem } from '../../../src/core/checks/types.js';
import { WishboneError } from '../../../src/core/errors.js';
import { buildPlan, totalFlops } from '../../../src/core/plan/index.js';
import { DEFAULT_PLAN } from '../../../src/core/options/index.js';
import { tokeniseDataset } from '../../../src/core/tokenise/index.js';
import { commonPrefix, type TokenPair } from '../../../src/core/tokenizer/index.js';
import { blue, seven, user } from './support.js';

const root = path.join(import.meta.dirname, '../../..');
const tinyLlama = path.join(root, 'examples/tiny-llama');
const gpt2Like = path.join(root, 'test/unit/tokenizer/fixture/gpt2-like');
const shape = { hiddenSize: 8, intermediateSize: 12, layers: 3, queryHeads: 4, kvHeads: 2, headDim: 2, vocabSize: 9 };

test('what a pair costs is what a plan that holds it alone costs', async () => {
  const tokens = fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(tokens, tokens, tokens, async (prompt, one, other) => {
      const [chosen, rejected] = [Int32Array.from([...prompt, ...one]), Int32Array.from([...prompt, ...other])];
      const pair: TokenPair = { row: 0, line: 1, chosen, rejected, promptLength: prompt.length };
      const lengths = {
        prompt: prompt.length,
        chosen: chosen.length,
        rejected: rejected.length,
        shared: commonPrefix(chosen, rejected),
      };
      const cost = pairCost(lengths, shape);
      for (const [sharing, count, flops] of [
        ['none', cost.naiveTokens, cost.flops!.naive],
        ['pair', cost.sharedTokens, cost.flops!.shared],
      ] as const) {
        const sha256 = { dataset: '', tokenizer: '' };
        const plan = await buildPlan(
          { pairs: [pair], skipped: 0, truncated: 0, shape, sha256, datasetFile: '' },
          { sharing, capacity: 64, batch_size: 1, epochs: 1, seed: 1, max_length: 64 },
        );
        assert.equal(plan.tokens.length, count);
        assert.equal(totalFlops(plan), flops);
      }
    }),
    { numRuns: 200 },
  );
});

test('rows have the tokens that a run trains on', async () => {
  const dataset = path.join(root, 'examples/preferences.jsonl');
  const plan = { ...DEFAULT_PLAN, max_length: 400 };
  const { pairs, truncated } = await tokeniseDataset({ dataset, model: tinyLlama, plan });
  const tokenizer = await RowTokenizer.load(tinyLlama);
  const lines = (await readFile(dataset, 'utf8')).trim().split('\n');
  const rows = lines.map((line) => tokenizer.row(line, 400)!);
  assert.deepEqual(
    rows.flatMap((row) => row.pairs.map(({ prompt, chosen, rejected, shared }) => [prompt, chosen, rejected, shared])),
    pairs.map(({ promptLength, chosen, rejected }) => [promptLength, chosen.length, rejected.length, commonPrefix(chosen, rejected)]),
  );
  assert.ok(truncated > 0);
  const cut = rows.filter(({ problems }) => problems.some(({ check }) => check === 'over-length'));
  assert.equal(cut.length, truncated);
  assert.ok(rows.every((row) => row.pairs.every(({ flops }) => flops !== undefined)));
});

test('messages that the chat template refuses: its words, at the prompt', async (context) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-template-'));
  context.after(() => rm(folder, { recursive: true }));
  await cp(tinyLlama, folder, { recursive: true });
  const template = "{% if messages[0].role == 'system' %}{{ raise_exception('No system messages, please.') }}{% endif %}";
  const file = path.join(folder, 'tokenizer_config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  await writeFile(file, JSON.stringify({ ...config, chat_template: `${template}${String(config['chat_template'])}` }));
  const tokenizer = await RowTokenizer.load(folder);
  const row = { prompt: [{ role: 'system', content: 'Be brief.' }, user], chosen: [blue], rejected: [seven] };
  const text = JSON.stringify(row);
  const { pairs, problems } = tokenizer.row(text, 1000)!;
  assert.deepEqual([pairs.length, problems.map(({ check }) => check)], [0, ['template-refusal']]);
  const [{ what, span }] = problems as [RowProblem];
  assert.match(what, /refuses the messages: .*No system messages, please\./);
  assert.equal(text.slice(span.start, span.end), JSON.stringify(row.prompt));
  const allowed = JSON.stringify({ ...row, prompt: [user] });
  assert.deepEqual(tokenizer.row(allowed, 1000)!.problems, []);
});

test('over length: how much is cut, at the response that is; nothing left: the pair is skipped', async () => {
  const tokenizer = await RowTokenizer.load(tinyLlama);
  const row = { prompt: [user], chosen: [blue], rejected: [{ ...seven, content: 'one two three four five six' }] };
  const text = JSON.stringify(row);
  const [whole] = tokenizer.row(text, 1000)!.pairs;
  assert.deepEqual(tokenizer.row(text, 1000)!.problems, []);
  const { prompt, chosen, rejected } = whole!;
  assert.ok(rejected > chosen);
  const { pairs, problems } = tokenizer.row(text, rejected - 3)!;
  assert.deepEqual(pairs[0]!.cut, { chosen: Math.max(0, chosen - rejected + 3), rejected: 3 });
  const last = problems.at(-1)!;
  assert.equal(last.check, 'over-length');
  assert.match(last.what, new RegExp(`${rejected} tokens: 3 are cut off at max_length ${rejected - 3}`));
  assert.equal(text.slice(last.span.start, last.span.end), JSON.stringify(row.rejected));
  const none = tokenizer.row(text, prompt)!;
  assert.deepEqual([none.pairs.length, none.problems.map(({ check }) => check)], [0, ['skipped-pair']]);
});

test('a token over the boundary, and texts without a common beginning', async () => {
  const tokenizer = await RowTokenizer.load(gpt2Like);
  const told = (row: object) => tokenizer.row(JSON.stringify(row), 100)!.problems.map(({ check }) => check);
  assert.deepEqual(told({ prompt: 'The answer is ', chosen: 'the one', rejected: 'the other' }), ['boundary-merge']);
  assert.deepEqual(told({ prompt: 'The answer is', chosen: ' the one', rejected: ' the other' }), []);
  assert.deepEqual(told({ chosen: 'The answer is the', rejected: 'The answer is this' }), [], 'the cut is ours');
  assert.deepEqual(told({ prompt: '', chosen: 'one', rejected: 'two' }), ['no-common-prefix']);
  const { pairs } = tokenizer.row(JSON.stringify({ prompt: 'a', chosen: ' b', rejected: ' c' }), 100)!;
  assert.equal(pairs[0]!.flops, undefined, 'the folder has no config.json');
});

test('a row of several responses has the tokens of each pair, and each problem once', async () => {
  const tokenizer = await RowTokenizer.load(gpt2Like);
  const row = { prompt: 'Say', responses: [' a', ' b', ' c d e f g h i j k'], ranks: [1, 2, 3] };
  const { pairs, problems } = tokenizer.row(JSON.stringify(row), 6)!;
  assert.equal(pairs.length, 3);
  assert.deepEqual(
    problems.map(({ check, span }) => [check, JSON.stringify(row).slice(span.start, span.end)]),
    [['over-length', JSON.stringify(row.responses[2])]],
  );
});

test('rows that cannot be trained on have no tokens, and a folder that lacks something is named', async () => {
  const tokenizer = await RowTokenizer.load(tinyLlama);
  for (const text of ['{', '7', '{}', '{"prompt":"a"}', '{"prompt":"a","chosen":"","rejected":"b"}']) {
    assert.equal(tokenizer.row(text, 100), undefined, text);
  }
  await assert.rejects(RowTokenizer.load(path.join(root, 'src')), WishboneError);
});

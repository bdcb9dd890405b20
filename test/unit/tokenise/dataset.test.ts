import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { WishboneError } from '../../../src/core/errors.js';
import { obtainPlan } from '../../../src/core/prepare/index.js';
import { DEFAULT_PLAN } from '../../../src/core/options/index.js';
import { fileHash } from '../../../src/core/files/file-hash.js';
import { tokeniseDataset, type DatasetRequest, type TokenisedDataset } from '../../../src/core/tokenise/index.js';
import { bundledTokeniser, scratchFolder, tokenizedModel } from './support.js';

const words = ['harbour', 'quiet', 'storm', 'weather', 'nets', 'crates', 'zwölf', '東京', '🙂', 'bread', 'fresh', 'water'];

function rows(count: number, first = 0): string {
  const text = (seed: number, length: number): string =>
    Array.from({ length }, (_, i) => words[(seed * 7 + i * i + 3 * i) % words.length]).join(' ');
  return Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      prompt: `Question ${first + i}: ${text(first + i, 5 + (i % 9))}? `,
      chosen: text(i + 1, 1 + (i % 5)),
      rejected: `No ${text(i + 2, 1 + (i % 3))}`,
    }),
  ).join('\n');
}

async function request(t: TestContext, content: string): Promise<DatasetRequest & { dataset: string; cacheFolder: string }> {
  const folder = await scratchFolder(t);
  const dataset = path.join(folder, 'pairs.jsonl');
  await writeFile(dataset, content);
  const plan = { ...DEFAULT_PLAN, max_length: 512 };
  return { dataset, model: await tokenizedModel(t), plan, cacheFolder: path.join(folder, 'cache') };
}

const tokensOf = ({ pairs }: TokenisedDataset): unknown[] =>
  pairs.map(({ row, line, chosen, rejected, promptLength }) => [row, line, [...chosen], [...rejected], promptLength]);

test('threads make what one thread makes, in the same order', async (t) => {
  const asked = { ...(await request(t, rows(6000))), cacheLimit: 0 };
  const alone = await tokeniseDataset(asked);
  const worker = await bundledTokeniser(t);
  const together = await tokeniseDataset({ ...asked, threads: { worker, threads: 3 } });
  assert.equal(alone.pairs.length, 6000);
  assert.deepEqual(tokensOf(together), tokensOf(alone));
  assert.deepEqual(together.cuts, alone.cuts);
});

test('of several faults the first in the file is told, whichever thread found one', async (t) => {
  const bad = JSON.stringify({ prompt: 'x', chosen: 'y', rejected: '' });
  const long = JSON.stringify({ prompt: 'x', chosen: 'y '.repeat(2000), rejected: 'z' });
  const asked = await request(t, [rows(4000), long, rows(500), bad].join('\n'));
  const threads = { worker: await bundledTokeniser(t), threads: 2 };
  const plan = { ...asked.plan, max_length: 4096 };
  await assert.rejects(tokeniseDataset({ ...asked, plan, threads }), (error) => {
    assert.ok(error instanceof WishboneError);
    assert.equal(error.where, `${asked.dataset}:4001`);
    assert.match(error.what, /512 positions/);
    return true;
  });
  await assert.rejects(tokeniseDataset({ ...asked, threads }), /rejected/);
});

test('cancelling ends the threads and rejects with the reason', async (t) => {
  const asked = await request(t, rows(20_000));
  const cancel = new AbortController();
  const reason = new Error('changed my mind');
  const work = { signal: cancel.signal, onProgress: () => cancel.abort(reason) };
  const threads = { worker: await bundledTokeniser(t), threads: 2 };
  await assert.rejects(tokeniseDataset({ ...asked, threads }, work), (error) => error === reason);
});

test('a tokenizer that a thread cannot load is one clear error', async (t) => {
  const asked = await request(t, rows(10));
  await writeFile(path.join(asked.model, 'tokenizer.json'), '{"cut": ');
  const threads = { worker: await bundledTokeniser(t), threads: 2 };
  await assert.rejects(
    tokeniseDataset({ ...asked, threads }),
    (error) => error instanceof WishboneError && error.where.endsWith('tokenizer.json'),
  );
});

test('tokens come from the cache until anything that decides them changes', async (t) => {
  const asked = await request(t, rows(50));
  const entries = async (): Promise<number> => (await readdir(path.join(asked.cacheFolder, 'tokens'))).length;
  const first = await tokeniseDataset(asked);
  assert.equal(await entries(), 1);
  const [name] = await readdir(path.join(asked.cacheFolder, 'tokens'));
  const file = path.join(asked.cacheFolder, 'tokens', name as string);
  const made = await stat(file);
  const again = await tokeniseDataset(asked);
  assert.deepEqual(tokensOf(again), tokensOf(first));
  assert.deepEqual({ ...again, pairs: 0 }, { ...first, pairs: 0 });
  assert.equal((await stat(file)).ino, made.ino, 'read, not written again');
  await tokeniseDataset({ ...asked, plan: { ...asked.plan, max_length: 9 } });
  assert.equal(await entries(), 2);
  await tokeniseDataset({ ...asked, plan: { ...asked.plan, max_prompt_length: 5 } });
  assert.equal(await entries(), 3);
  await tokeniseDataset({ ...asked, plan: { ...asked.plan, batch_size: 7, sharing: 'none' } });
  assert.equal(await entries(), 3, 'how pairs are laid out does not matter');
  await writeFile(path.join(asked.model, 'chat_template.jinja'), '{{ messages[0].content }}');
  await tokeniseDataset(asked);
  assert.equal(await entries(), 4);
  await writeFile(asked.dataset, rows(51));
  assert.equal((await tokeniseDataset(asked)).pairs.length, 51);
});

test('a damaged entry is made again', async (t) => {
  const asked = await request(t, rows(20));
  const first = await tokeniseDataset(asked);
  const folder = path.join(asked.cacheFolder, 'tokens');
  const [name] = await readdir(folder);
  const file = path.join(folder, name as string);
  for (const damage of ['', 'x'.repeat(100)]) {
    await writeFile(file, damage);
    assert.deepEqual(tokensOf(await tokeniseDataset(asked)), tokensOf(first));
  }
});

test('cached tokens with bytes changed or cut off are taken as tokens that hold, or made again', async (t) => {
  const asked = await request(t, rows(8));
  await tokeniseDataset(asked);
  const folder = path.join(asked.cacheFolder, 'tokens');
  const file = path.join(folder, (await readdir(folder))[0] as string);
  const bytes = await readFile(file);
  const header = 8 + Number(bytes.readBigUInt64LE(0));
  await fc.assert(
    fc.asyncProperty(fc.nat(header + 400), fc.integer({ min: 1, max: 255 }), fc.boolean(), async (at, change, isCut) => {
      const damaged = Buffer.from(bytes);
      damaged[at % bytes.length]! ^= change;
      await writeFile(file, isCut ? damaged.subarray(0, at) : damaged);
      const { pairs } = await tokeniseDataset(asked);
      for (const { chosen, rejected, promptLength } of pairs) {
        assert.ok(promptLength >= 1 && promptLength < Math.min(chosen.length, rejected.length));
      }
    }),
    { numRuns: 60 },
  );
});

test('what is kept of a plan, with bytes changed or cut off, is the same or made again', async (t) => {
  const asked = await request(t, rows(8));
  const { summary, reference } = await obtainPlan(asked, {}, { files: false });
  const folder = path.join(asked.cacheFolder, 'plans');
  const file = path.join(folder, (await readdir(folder)).find((name) => name.endsWith('.json')) as string);
  const bytes = await readFile(file);
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), async (at, change, isCut) => {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= change;
      await writeFile(file, isCut ? damaged.subarray(0, at) : damaged);
      const again = await obtainPlan(asked, {}, { files: false });
      assert.deepEqual({ ...again.summary, seconds: 0 }, { ...summary, seconds: 0 });
      assert.deepEqual(again.reference, reference);
    }),
    { numRuns: 60 },
  );
});

test('without a cache nothing is kept; one that cannot be written is as good as none', async (t) => {
  const asked = await request(t, rows(5));
  await tokeniseDataset({ ...asked, cacheLimit: 0 });
  await assert.rejects(readdir(asked.cacheFolder));
  const cacheFolder = asked.dataset;
  assert.equal((await tokeniseDataset({ ...asked, cacheFolder })).pairs.length, 5);
});

test('what is cut is counted, and the prompt keeps its end', async (t) => {
  const asked = await request(t, rows(30));
  const whole = await tokeniseDataset(asked);
  const plan = { ...asked.plan, max_prompt_length: 6, max_length: 10 };
  const cut = await tokeniseDataset({ ...asked, plan });
  let [promptsCut, promptTokensCut, truncated, truncatedTokens] = [0, 0, 0, 0];
  whole.pairs.forEach((pair, index) => {
    const from = Math.max(0, pair.promptLength - 6);
    if (from > 0) promptsCut++;
    promptTokensCut += from;
    const over = [pair.chosen, pair.rejected].map((tokens) => Math.max(0, tokens.length - from - 10));
    if (over.some((tokens) => tokens > 0)) truncated++;
    truncatedTokens += over.reduce((a, b) => a + b);
    const got = cut.pairs[index];
    assert.ok(got);
    assert.equal(got.promptLength, Math.min(6, pair.promptLength));
    assert.deepEqual([...got.chosen], [...pair.chosen.slice(from, from + 10)]);
    assert.deepEqual([...got.rejected], [...pair.rejected.slice(from, from + 10)]);
  });
  assert.ok(promptsCut > 0 && truncatedTokens > 0);
  const counts = { pairs: 30, skipped: 0, truncated, truncatedTokens, promptsCut, promptTokensCut };
  assert.deepEqual(cut.cuts, counts);
});

test('held-out pairs: as many as asked for, by seed, and no prompt on both sides', async (t) => {
  const asked = await request(t, [rows(100), rows(100)].join('\n'));
  const split = (seed: number, fraction: number): Promise<TokenisedDataset> =>
    tokeniseDataset({ ...asked, plan: { ...asked.plan, seed, eval_fraction: fraction } });
  const prompt = ({ chosen, promptLength }: TokenisedDataset['pairs'][number]): string => chosen.slice(0, promptLength).join();
  const first = await split(1, 0.1);
  assert.ok(Math.abs(first.evalPairs.length - 20) <= 2, `${first.evalPairs.length} pairs`);
  assert.equal(first.pairs.length + first.evalPairs.length, 200);
  const trained = new Set(first.pairs.map(prompt));
  assert.ok(first.evalPairs.every((pair) => !trained.has(prompt(pair))));
  const rowsOf = ({ evalPairs }: TokenisedDataset): number[] => evalPairs.map(({ row }) => row);
  assert.deepEqual(rowsOf(await split(1, 0.1)), rowsOf(first));
  assert.notDeepEqual(rowsOf(await split(2, 0.1)), rowsOf(first));
  assert.equal((await split(1, 0)).evalPairs.length, 0);
});

test('a plan that is written shares nothing with the cache, and what was changed in the cache trains nobody', async (t) => {
  const asked = await request(t, rows(300));
  const [first, second, third, fourth] = ['1', '2', '3', '4'].map((name) => path.join(path.dirname(asked.dataset), name));
  const write = async (file: string): Promise<void> => (await obtainPlan(asked, {}, { files: true })).write(file);
  await write(first!);
  const hash = await fileHash(first!);
  await write(second!);
  assert.equal(await fileHash(second!), hash, 'the one in the cache is the same');
  // Whoever writes into a run's plan changes that run alone.
  for (const file of [first!, second!]) await writeFile(file, 'x', { flag: 'r+' });
  await write(third!);
  assert.equal(await fileHash(third!), hash);
  const plans = path.join(asked.cacheFolder, 'plans');
  const kept = (await readdir(plans)).filter((name) => name.endsWith('.safetensors')).map((name) => path.join(plans, name));
  assert.equal(kept.length, 1);
  assert.equal(new Set(await Promise.all([third!, ...kept].map(async (file) => (await stat(file)).ino))).size, 2);
  await writeFile(kept[0]!, 'x', { flag: 'r+' });
  await write(fourth!);
  assert.equal(await fileHash(fourth!), hash, 'it is made again');
  assert.equal(await fileHash(kept[0]!), hash, 'and put there again');
});

import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { build } from 'esbuild';
import { WishboneError } from '../../../src/core/errors.js';
import { readPlan } from '../../../src/core/plan/index.js';
import { prepareRun, type RunRequest } from '../../../src/core/prepare/index.js';
import type { Progress } from '../../../src/core/work/progress.js';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING, LEAST_CAPACITY } from '../../../src/core/options/index.js';
import { readRun } from '../../../src/core/run/folder.js';
import { runTask } from '../../../src/core/tasks/index.js';
import { modelFolder } from '../model/support.js';

const repository = path.resolve(import.meta.dirname, '../../..');

function rows(count: number): string {
  return Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      prompt: `Question ${i}: how do I keep bread fresh? `,
      chosen: `Freeze it ${i}.`,
      rejected: 'The harbour.',
    }),
  ).join('\n');
}

async function request(t: TestContext, count: number): Promise<RunRequest & { dataset: string }> {
  const model = await modelFolder(t);
  await cp(path.join(repository, 'test/unit/tokenizer/fixture/gpt2-like'), model, { recursive: true });
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-prepare-'));
  t.after(() => rm(folder, { recursive: true }));
  const dataset = path.join(folder, 'pairs.jsonl');
  await writeFile(dataset, rows(count));
  return {
    dataset,
    model,
    plan: { ...DEFAULT_PLAN, batch_size: 8, max_length: 512 },
    training: DEFAULT_TRAINING,
    runner: DEFAULT_RUNNER,
    runsFolder: path.join(folder, 'runs'),
    cacheFolder: path.join(folder, 'cache'),
  };
}

async function bundledWorker(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-worker-'));
  t.after(() => rm(folder, { recursive: true }));
  const outfile = path.join(folder, 'prepare.js');
  await build({
    entryPoints: [path.join(repository, 'src/workers/prepare.ts')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile,
    logLevel: 'error',
    mainFields: ['module', 'main'],
  });
  return outfile;
}

async function runsIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).filter((name) => name !== '.gitignore');
}

test('a run folder holds the config and a plan that says the same', async (t) => {
  const asked = await request(t, 30);
  const { folder, summary } = await prepareRun(asked);
  const { config } = await readRun(folder);
  const plan = await readPlan(path.join(folder, 'plan.safetensors'));
  // What was left to be decided is a number by then.
  assert.deepEqual(config.plan, { ...asked.plan, capacity: LEAST_CAPACITY });
  assert.equal(plan.metadata.capacity, LEAST_CAPACITY);
  assert.deepEqual(config.dataset, {
    path: asked.dataset,
    sha256: plan.metadata.sha256.dataset,
    format: 'trl-explicit',
    pairs: 30,
  });
  assert.equal(config.model.path, asked.model);
  assert.equal(summary.pairs, 30);
  assert.equal(summary.steps, 4);
  assert.equal(summary.planTokens, plan.tokens.length);
  assert.ok(summary.tokenRatio > 1 && summary.flopsRatio > 1 && summary.fill > 0 && summary.fill <= 1);
});

test('several responses: the options pair them, the summary counts them, the run says how', async (t) => {
  const asked = await request(t, 0);
  const row = { prompt: 'How do I keep bread fresh? ', responses: ['Freeze it.', 'Bag it.', 'No.'], scores: [5, 4.5, 1] };
  await writeFile(asked.dataset, JSON.stringify(row));
  const all = await prepareRun({ ...asked, plan: { ...asked.plan, min_margin: 1 } });
  assert.deepEqual([all.summary.pairs, all.summary.pairsMade, all.summary.droppedByMargin], [2, 2, 1]);
  const { config } = await readRun(all.folder);
  assert.deepEqual([config.dataset.format, config.dataset.pairs, config.plan.min_margin], ['scored', 2, 1]);
  const plan = await readPlan(path.join(all.folder, 'plan.safetensors'));
  assert.deepEqual([...plan.pairRow], [0, 0]);
  const best = await prepareRun({ ...asked, plan: { ...asked.plan, pairing: 'best' } });
  assert.deepEqual([best.summary.pairs, best.summary.droppedByMargin], [2, 0]);
  await assert.rejects(prepareRun({ ...asked, plan: { ...asked.plan, format: 'openai' } }), /missing field "input"/);
});

test('bad input leaves no run behind', async (t) => {
  const asked = await request(t, 3);
  await writeFile(asked.dataset, `${rows(3)}\n{"prompt": "x"}`);
  await assert.rejects(prepareRun(asked), (error) => error instanceof WishboneError && error.where.includes(':4'));
  assert.deepEqual(await runsIn(asked.runsFolder), []);
});

test('a sequence longer than the model has positions is refused', async (t) => {
  const asked = await request(t, 1);
  await writeFile(asked.dataset, JSON.stringify({ prompt: 'x '.repeat(300), chosen: 'a', rejected: 'b' }));
  const plan = { ...asked.plan, max_length: 1024, capacity: 4096 };
  await assert.rejects(prepareRun({ ...asked, plan }), /512 positions/);
  // All of it is prompt, so nothing is left to train on.
  await assert.rejects(prepareRun(asked), /no pair can be used/);
});

test('the worker makes the same run and tells how far it is', async (t) => {
  const asked = await request(t, 2000);
  const worker = await bundledWorker(t);
  const progress: Progress[] = [];
  const result = await runTask('prepare', asked, { worker, onProgress: (report) => progress.push(report) });
  const { summary } = await prepareRun(asked);
  assert.deepEqual(result.summary, summary);
  assert.ok(progress.some(({ phase, done, total }) => phase === 'tokenise' && done > 0 && done <= total));
  assert.ok(progress.some(({ phase }) => phase === 'write'));
});

test('errors of the worker arrive as they were', async (t) => {
  const asked = await request(t, 3);
  await writeFile(asked.dataset, 'not JSON');
  await assert.rejects(runTask('prepare', asked, { worker: await bundledWorker(t) }), (error) => {
    assert.ok(error instanceof WishboneError);
    assert.equal(error.where, `${asked.dataset}:1:1`);
    return true;
  });
});

test('cancelling the worker rejects with the reason and leaves nothing', async (t) => {
  const asked = await request(t, 20_000);
  const worker = await bundledWorker(t);
  const cancel = new AbortController();
  const reason = new Error('changed my mind');
  let reports = 0;
  const preparing = runTask('prepare', asked, {
    worker,
    signal: cancel.signal,
    onProgress: () => {
      if (++reports === 2) cancel.abort(reason);
    },
  });
  await assert.rejects(preparing, (error) => error === reason);
  assert.deepEqual(await runsIn(asked.runsFolder), []);
  await assert.rejects(runTask('prepare', asked, { worker, signal: cancel.signal }), (error) => error === reason);
});

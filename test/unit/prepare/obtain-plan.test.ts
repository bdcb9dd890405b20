import assert from 'node:assert/strict';
import { chmod, readdir, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { forecastPlan } from '../../../src/core/forecast/index.js';
import { InspectedPlan } from '../../../src/core/inspect/inspected-plan.js';
import { DEFAULT_PLAN } from '../../../src/core/options/index.js';
import { binCount } from '../../../src/core/plan/index.js';
import { obtainPlan } from '../../../src/core/prepare/index.js';
import { scratchFolder, tokenizedModel } from '../tokenise/support.js';

const row = (i: number): string => JSON.stringify({ prompt: `Question ${i}? `, chosen: `Yes ${i}.`, rejected: 'No.' });

async function setUp(t: TestContext) {
  const folder = await scratchFolder(t);
  const cacheFolder = path.join(folder, 'cache');
  const before = process.env['WISHBONE_CACHE'];
  process.env['WISHBONE_CACHE'] = cacheFolder;
  t.after(() => {
    if (before === undefined) delete process.env['WISHBONE_CACHE'];
    else process.env['WISHBONE_CACHE'] = before;
  });
  const dataset = path.join(folder, 'pairs.jsonl');
  await writeFile(dataset, Array.from({ length: 40 }, (_, i) => row(i)).join('\n'));
  const request = { dataset, model: await tokenizedModel(t), plan: { ...DEFAULT_PLAN, batch_size: 8, capacity: 64 } };
  return { folder, request, plans: path.join(cacheFolder, 'plans') };
}

/** Phases that work went through; a plan from the cache is not made. */
function followed() {
  const phases = new Set<string>();
  return { phases, work: { onProgress: ({ phase }: { phase: string }) => void phases.add(phase) } };
}

test('runs, forecasts and views take one way to a plan: what one made, the others find', async (t) => {
  const { folder, request, plans } = await setUp(t);
  const forecast = await forecastPlan({ ...request, device: { kind: 'gpu' }, planFile: path.join(folder, 'asked.safetensors') });
  const [kept] = (await readdir(plans)).filter((name) => name.endsWith('.safetensors'));
  assert.ok(kept, 'the forecast leaves its plan for the run');

  const planned = await obtainPlan(request, {}, { files: true });
  assert.deepEqual(planned.summary, forecast.summary);
  assert.equal(planned.reference.sha256, forecast.datasetSha256);
  const inspected = await InspectedPlan.open({ kind: 'dataset', ...request });
  assert.equal(inspected.info.name, 'pairs.jsonl');
  assert.equal(binCount(inspected.plan), forecast.summary.bins);
  assert.deepEqual(inspected.plan.tokens, (await planned.plan()).tokens);
  assert.deepEqual(
    (await readdir(plans)).filter((name) => name.endsWith('.safetensors')),
    [kept],
    'and nothing is made twice',
  );
});

test('a plan of the cache that is damaged is made again', async (t) => {
  const { request, plans } = await setUp(t);
  const first = await (await obtainPlan(request, {}, { files: true })).plan();
  const again = await obtainPlan(request, {}, { files: true });
  const [kept] = (await readdir(plans)).filter((name) => name.endsWith('.safetensors'));
  await chmod(path.join(plans, kept!), 0o644);
  await truncate(path.join(plans, kept!), 100);
  assert.deepEqual((await again.plan()).tokens, first.tokens);
  assert.deepEqual((await (await obtainPlan(request, {}, { files: true })).plan()).tokens, first.tokens);
});

test('a plan whose summary alone is kept is made when it is asked for', async (t) => {
  const { request, plans } = await setUp(t);
  const { work, phases } = followed();
  const first = await obtainPlan(request, {}, { files: false });
  assert.deepEqual(
    (await readdir(plans)).filter((name) => name.endsWith('.safetensors')),
    [],
  );
  const again = await obtainPlan(request, work, { files: false });
  assert.equal(phases.size, 0, 'the summary is found');
  assert.deepEqual((await again.plan()).tokens, (await first.plan()).tokens);
});

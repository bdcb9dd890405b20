import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import { WishboneError } from '../../../src/core/errors.js';
import { writeSafetensors } from '../../../src/core/files/safetensors.js';
import { createRunFolder, PLAN_FILE, readRun, RUN_FILE } from '../../../src/core/run/index.js';
import { checkPlanUnchanged } from '../../../src/core/run/unchanged-plan.js';
import { exampleConfig, fakeRunner, STEADY, temporaryFolder } from './support.js';
import { startRunner } from '../../../src/core/runner/index.js';

const STEPS = 4;

/** The header of a plan, which is all that is looked at. */
async function writePlanOf(file: string, plan: Readonly<Record<string, unknown>>): Promise<void> {
  const { sharing, capacity, batch_size, epochs, seed, max_length } = plan;
  const metadata = {
    ...{ format: 'wishbone-plan', version: 1, sharing, capacity, batch_size, epochs, seed, max_length, vocab_size: 8 },
    sha256: { dataset: '', tokenizer: '' },
    counts: { pairs: 8, skipped: 0, truncated: 0, naive_tokens: 8, plan_tokens: 8 },
  };
  const steps = new Int32Array(STEPS + 1);
  const tensors = new Map([['step_bin_start', { dtype: 'I32' as const, shape: [steps.length], data: steps }]]);
  await writeSafetensors(file, { metadata: { wishbone: JSON.stringify(metadata) }, tensors });
}

test('a run.json that was changed says nothing of a plan that is made: a run is refused by the field', async (t) => {
  const folder = await temporaryFolder(t);
  const config = exampleConfig();
  const run = await createRunFolder(path.join(folder, 'runs'), config, (file) => writePlanOf(file, { ...config.plan }));
  const file = path.join(run, RUN_FILE);
  const check = async (changed: Readonly<Record<string, unknown>>): Promise<void> => {
    await writeFile(file, JSON.stringify({ ...config, plan: { ...config.plan, ...changed } }));
    await checkPlanUnchanged(await readRun(run));
  };
  await check({});
  await check({ max_steps: STEPS, epochs: 9 });
  const others = { sharing: 'none', capacity: 4096, batch_size: 8, seed: 1, max_length: 512, epochs: 41, max_steps: 9 };
  for (const [field, value] of Object.entries(others)) {
    await assert.rejects(check({ [field]: value }), (error) => {
      assert.ok(error instanceof WishboneError);
      assert.equal(error.where, `${file}, field plan.${field}`);
      assert.ok(error.what.includes(String(value)), error.what);
      return true;
    });
  }
  // It is what starts a run that looks.
  const runner = await fakeRunner(folder, STEADY);
  await assert.rejects(startRunner(run, { runner, resume: true }), /plan/);
  await rm(path.join(run, PLAN_FILE));
  await check({ epochs: 41 });
});

import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import { planCost } from '../../../src/core/cost/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import {
  earlierRuns,
  Forecaster,
  type ForecastState,
  forecastPlan,
  parseMemory,
  type PlanForecastRequest,
} from '../../../src/core/forecast/index.js';
import { inspectModel } from '../../../src/core/model/index.js';
import { readPlan } from '../../../src/core/plan/index.js';
import type { WorkOptions } from '../../../src/core/work/progress.js';
import { createRunFolder } from '../../../src/core/run/index.js';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING, LEAST_CAPACITY, type TrainingOptions } from '../../../src/core/options/index.js';
import { EVENTS_FILE } from '../../../src/core/events/index.js';
import { useRunner } from '../../../src/core/runner/index.js';
import { makeLargeModel } from '../../support/large-model.js';
import { eventLine, exampleConfig, startLine, stepLine, temporaryFolder } from '../run/support.js';

const examples = path.resolve(import.meta.dirname, '../../../examples');
const dataset = path.join(examples, 'preferences.jsonl');
const model = path.join(examples, 'tiny-llama');
const plan = { ...DEFAULT_PLAN, batch_size: 8 };
const options = { plan, training: DEFAULT_TRAINING, runner: DEFAULT_RUNNER };

test('a forecast is what the plan comes to by the cost model', async (context) => {
  const planFile = path.join(await temporaryFolder(context), 'plan.safetensors');
  const forecast = await forecastPlan({ dataset, model, plan, planFile, device: { kind: 'gpu' } });
  const written = await readPlan(planFile);
  const { config } = await inspectModel(model);
  const cost = planCost(written, config, { passes: { forward: 1, backward: 1 } });
  assert.ok(Math.abs(forecast.seconds.training / cost.total - 1) < 1e-9);
  // A reference in every step is a forward pass more; the whole is then what `planCost` says of a DPO step.
  assert.ok(Math.abs((forecast.seconds.training + forecast.seconds.forward) / planCost(written, config).total - 1) < 0.02, 'passes add up');
  const { step, bin, tokens, overMean } = forecast.slowest;
  const first = written.stepBinStart[step - 1]! + bin - 1;
  assert.equal(written.binStart[first + 1]! - written.binStart[first]!, tokens);
  assert.ok(overMean >= 1);
  assert.equal(forecast.summary.planTokens, written.metadata.counts.plan_tokens);
});

test('an adapter alone takes less time than all parameters, and moments in bf16 less than in f32', async (context) => {
  const large = path.join(await temporaryFolder(context), 'large');
  await makeLargeModel(large, model);
  const of = async (training: Partial<TrainingOptions>) => {
    const request = { dataset, model: large, plan, device: { kind: 'gpu' } as const, training: { ...DEFAULT_TRAINING, ...training } };
    return (await forecastPlan(request)).seconds;
  };
  const [all, adapter, bf16] = [await of({}), await of({ use_peft: true }), await of({ adam_moments: 'bfloat16' })];
  assert.ok(adapter.training < all.training, 'no gradients of weights, and next to no update');
  assert.ok(bf16.training < all.training && bf16.forward === all.forward);
});

test('the pace of earlier runs is that of their steps but the first', async (context) => {
  const runs = await temporaryFolder(context);
  const folder = await createRunFolder(runs, exampleConfig(), (file) => writeFile(file, ''));
  const steps = [1, 2, 3].map((step) => stepLine(step, { steps: 3, tokens: 100, seconds: step === 1 ? 50 : 2 })).join('');
  await writeFile(path.join(folder, EVENTS_FILE), startLine({ steps: 3 }) + eventLine('ceiling', { flops: 5e10 }) + steps);
  const [pace] = await earlierRuns([runs, path.join(runs, 'nowhere')]);
  assert.equal(pace?.secondsPerToken, 0.02);
  assert.equal(pace?.ceiling, 5e10);
  assert.equal(pace?.forwardAgain, 0);
  assert.equal(pace?.adapter, false);
  const again = eventLine('recompute', { layers: 4, mlp: 2, block: 1 });
  await writeFile(path.join(folder, EVENTS_FILE), startLine({ steps: 3 }) + again + steps);
  assert.equal((await earlierRuns([runs]))[0]?.forwardAgain, (0.5 * 2 + 0.7) / 4);
});

/** A forecaster whose plans are made here, and the states it goes through. */
function forecaster(
  plans: (request: PlanForecastRequest, work: WorkOptions) => ReturnType<typeof forecastPlan>,
  mayAskRunner = false,
): { forecaster: Forecaster; states: ForecastState[]; settled: () => Promise<ForecastState> } {
  const states: ForecastState[] = [];
  const means = {
    plan: plans,
    backends: async () => [],
    earlier: async () => [],
    capacity: async () => LEAST_CAPACITY,
    mayAskRunner: () => mayAskRunner,
    restMilliseconds: 5,
  };
  const made = new Forecaster(means, (state) => states.push(state));
  const settled = async (): Promise<ForecastState> => {
    for (;;) {
      const last = states.at(-1);
      const waits = last?.kind === 'working' || (last?.kind === 'done' && mayAskRunner && last.memory === undefined);
      if (last !== undefined && !waits) return last;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  return { forecaster: made, states, settled };
}

test('of many changes only the last is worked out, and what does not change the plan plans nothing', async () => {
  let planned = 0;
  const made = forecaster((request, work) => {
    planned++;
    return forecastPlan(request, work);
  });
  const input = { dataset, model, ...options };
  for (const epochs of [1, 2, 3]) made.forecaster.update({ ...input, plan: { ...plan, epochs } });
  const done = await made.settled();
  assert.ok(done.kind === 'done' && done.plan.summary.epochs === 3);
  assert.equal(done.kind === 'done' && done.time, undefined, 'nothing is known of this CPU yet');
  assert.equal(planned, 1);
  made.forecaster.update({ ...input, plan: { ...plan, epochs: 3 }, training: { ...DEFAULT_TRAINING, beta: 0.5 } });
  assert.equal((await made.settled()).kind, 'done');
  assert.equal(planned, 1);
  made.forecaster.forget();
  made.forecaster.update(input);
  await made.settled();
  assert.equal(planned, 2);
  await made.forecaster.dispose();
});

test('the rank of an adapter and the precision of moments plan nothing again, and times are those of a plan for them', async () => {
  const requests: PlanForecastRequest[] = [];
  const made = forecaster((request, work) => {
    requests.push(request);
    return forecastPlan(request, work);
  });
  for (const changed of [{ lora_r: 16 }, { lora_r: 64 }, { lora_r: 64, adam_moments: 'bfloat16' }] as const) {
    const training = { ...DEFAULT_TRAINING, use_peft: true, ...changed };
    made.forecaster.update({ dataset, model, ...options, training });
    const done = await made.settled();
    assert.ok(done.kind === 'done');
    const { seconds, speedup } = await forecastPlan({ ...(requests[0] as PlanForecastRequest), training });
    for (const [now, anew] of [
      [done.plan.seconds.training, seconds.training],
      [done.plan.speedup.packed, speedup.packed],
      [done.plan.speedup.unpacked, speedup.unpacked],
    ] as const) {
      assert.ok(Math.abs(now / anew - 1) < 1e-9, JSON.stringify(changed));
    }
  }
  assert.equal(requests.length, 1);
  made.forecaster.update({ dataset, model, ...options });
  await made.settled();
  assert.equal(requests.length, 2, 'all parameters take another time in each bin');
  await made.forecaster.dispose();
});

test('a forecast that is overtaken is cancelled and says nothing', async () => {
  const cancelled: boolean[] = [];
  const made = forecaster(async (request, { signal }) => {
    if (request.plan.epochs === 1) {
      await new Promise((resolve) => signal!.addEventListener('abort', resolve));
      cancelled.push(true);
      signal!.throwIfAborted();
    }
    return forecastPlan(request);
  });
  made.forecaster.update({ dataset, model, ...options });
  await new Promise((resolve) => setTimeout(resolve, 50));
  made.forecaster.update({ dataset, model, ...options, plan: { ...plan, epochs: 2 } });
  const done = await made.settled();
  assert.ok(done.kind === 'done' && done.plan.summary.epochs === 2);
  assert.deepEqual(cancelled, [true]);
  assert.ok(made.states.every(({ kind }) => kind !== 'failed'));
  made.forecaster.update(undefined);
  assert.equal(made.states.at(-1)?.kind, 'none');
  await made.forecaster.dispose();
});

test('bad data is one error; the runner is asked for memory with the plan in its hands', async (context) => {
  const folder = await temporaryFolder(context);
  const bad = path.join(folder, 'bad.jsonl');
  await writeFile(bad, '{"prompt": "p", "chosen": "a", "rejected": 9}\n');
  const failed = forecaster(forecastPlan);
  failed.forecaster.update({ dataset: bad, model, ...options });
  const state = await failed.settled();
  assert.ok(state.kind === 'failed' && state.error instanceof WishboneError && state.error.where.startsWith(`${bad}:1`));
  await failed.forecaster.dispose();

  const runner = path.join(folder, 'runner');
  const seen = path.join(folder, 'seen');
  await writeFile(
    runner,
    `#!/bin/sh\ncp "$2/run.json" "${seen}"\ntest -s "$2/plan.safetensors" || exit 9\necho '{"backend":"cpu","bytes":7,"weights":1,"optimizer":2,"activations":4,"context":0,"recompute":{"layers":2,"mlp":0,"block":2}}'\n`,
  );
  await chmod(runner, 0o755);
  useRunner(runner);
  context.after(() => useRunner(''));
  const made = forecaster(forecastPlan, true);
  made.forecaster.update({ dataset, model, ...options });
  const done = await made.settled();
  assert.ok(done.kind === 'done' && !(done.memory instanceof WishboneError));
  assert.equal(done.kind === 'done' && done.memory?.bytes, 7);
  const { training } = JSON.parse(await readFile(seen, 'utf8')) as { training: unknown };
  assert.deepEqual(training, DEFAULT_TRAINING);

  await writeFile(runner, '#!/bin/sh\necho "error: no" >&2\necho "  at: there" >&2\necho "  fix: that" >&2\nexit 3\n');
  made.forecaster.update({ dataset, model, ...options, training: { ...DEFAULT_TRAINING, beta: 1 } });
  const refused = await made.settled();
  assert.ok(refused.kind === 'done' && refused.memory instanceof WishboneError && refused.memory.what === 'no');
  await made.forecaster.dispose();
});

test('where rows are bad, what is left without them is told after the error; where it is no way out, nothing is', async (context) => {
  const folder = await temporaryFolder(context);
  const bad = path.join(folder, 'bad.jsonl');
  const row = JSON.stringify({ prompt: 'p ', chosen: 'a', rejected: 'b' });
  await writeFile(bad, [row, '{"cut', row, '{"prompt": "p"}', row].join('\n'));
  const asked: string[] = [];
  const made = forecaster((request, work) => {
    asked.push(request.plan.on_bad_row);
    return forecastPlan({ ...request, cacheLimit: 0 }, work);
  });
  const settled = async (): Promise<Extract<ForecastState, { kind: 'failed' }>> => {
    const state = await made.settled();
    assert.equal(state.kind, 'failed');
    await new Promise((resolve) => setTimeout(resolve, 300));
    return made.states.at(-1) as Extract<ForecastState, { kind: 'failed' }>;
  };
  made.forecaster.update({ dataset: bad, model, ...options });
  const { error, without } = await settled();
  assert.ok(error instanceof WishboneError && error.where.startsWith(`${bad}:2`));
  assert.deepEqual([without?.leftOutRows, without?.pairs], [2, 3]);
  assert.deepEqual(asked, ['stop', 'skip']);
  await writeFile(bad, `[${row}, {"cut`);
  made.forecaster.update({ dataset: bad, model, ...options });
  assert.equal((await settled()).without, undefined);
  assert.deepEqual(asked, ['stop', 'skip', 'stop'], 'a fault of the file is not tried again');
  await made.forecaster.dispose();
});

test('what is no memory plan is refused', () => {
  assert.throws(() => parseMemory('', 'runner'), WishboneError);
  assert.throws(() => parseMemory('{"backend":"cpu","bytes":-1}', 'runner'), WishboneError);
  const plan = { backend: 'cpu', bytes: 7, weights: 1, optimizer: 2, activations: 4, context: 0 };
  const recompute = { layers: 4, mlp: 1, block: 2 };
  assert.deepEqual(parseMemory(JSON.stringify({ ...plan, recompute }), 'runner'), { ...plan, recompute });
  for (const wrong of [null, 'block', { layers: 4, mlp: 1 }, { ...recompute, block: 0.5 }, { ...recompute, mlp: -1 }])
    assert.throws(() => parseMemory(JSON.stringify({ ...plan, recompute: wrong }), 'runner'), WishboneError);
});

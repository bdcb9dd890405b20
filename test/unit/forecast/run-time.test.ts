import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';

import { cpu, h200 } from '../../../src/core/cost/index.js';
import {
  checkpointCount,
  type EarlierRun,
  forecastPlan,
  planSeconds,
  runTime,
  type RunTimeRequest,
  writtenBytes,
} from '../../../src/core/forecast/index.js';
import { inspectModel, type LlamaShape } from '../../../src/core/model/index.js';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING, type TrainingOptions } from '../../../src/core/options/index.js';

const SHAPE: LlamaShape = {
  hiddenSize: 2048,
  intermediateSize: 8192,
  layers: 16,
  queryHeads: 32,
  kvHeads: 8,
  headDim: 64,
  vocabSize: 128256,
};
/** A 1B in bf16 on a GPU: 10 s for a forward pass over the plan, 30 s for the rest of the training. */
const REQUEST: RunTimeRequest = {
  plan: DEFAULT_PLAN,
  training: { ...DEFAULT_TRAINING, save_minutes: 0 },
  runner: DEFAULT_RUNNER,
  summary: { planTokens: 1e6, steps: 100, pairs: 2000, evalPairs: 0, parameters: 1e9 },
  model: { folder: '/m/1b', shape: SHAPE, parameters: 1e9, bytes: 2e9 },
  backend: 'cuda',
  predicted: { forward: 10, training: 30 },
  isRateKnown: true,
  device: 'an NVIDIA H200',
  earlier: [],
};
const EARLIER: EarlierRun = {
  run: 'harbor',
  model: '/m/1b',
  backend: 'cuda',
  device: 'NVIDIA H200',
  precision: 'bf16',
  adapter: false,
  parameters: 1e9,
  secondsPerToken: 60 / 1e6,
  ceiling: 7e14,
  spent: { start: 1, load: 4, ceiling: 0.25, reference: 9, train: 55, export: 8 },
  exportedBytes: 4e9,
};
const seconds = (training: Partial<TrainingOptions> = {}, more: Partial<RunTimeRequest> = {}) =>
  runTime({ ...REQUEST, ...more, training: { ...REQUEST.training, ...training } })!.seconds;

test('a run in the other precision says nothing of the pace', () => {
  const other = { ...EARLIER, precision: 'fp8' as const };
  assert.equal(seconds({}, { earlier: [other] }).train, seconds().train);
  const fp8 = { earlier: [other], runner: { ...DEFAULT_RUNNER, precision: 'fp8' as const } };
  assert.equal(seconds({}, fp8).train, 60);
});

test('a run that trained an adapter says nothing of the pace of one that trains all, nor the other way round', () => {
  const adapter = { ...EARLIER, adapter: true };
  assert.equal(seconds({}, { earlier: [adapter] }).train, seconds().train);
  assert.equal(seconds({ use_peft: true }, { earlier: [EARLIER] }).train, seconds({ use_peft: true }).train);
  assert.equal(seconds({ use_peft: true }, { earlier: [adapter] }).train, 60);
});

test('what is computed again takes its share of a forward pass, as the runner chose it', () => {
  const auto = (recomputed: RunTimeRequest['recomputed']) => seconds({}, { recomputed }).train;
  assert.equal(auto(undefined), 30, 'not known: nothing');
  assert.equal(auto({ layers: 16, mlp: 0, block: 0 }), 30);
  assert.equal(auto({ layers: 16, mlp: 8, block: 0 }), 32.5);
  assert.equal(auto({ layers: 16, mlp: 4, block: 8 }), 30 + 10 * ((0.5 * 4 + 0.7 * 8) / 16));
  const mlp = { runner: { ...DEFAULT_RUNNER, recompute: 'mlp' as const } };
  assert.equal(seconds({}, { ...mlp, recomputed: { layers: 16, mlp: 0, block: 0 } }).train, 35, 'what was asked for is not chosen');
});

test('the pace of an earlier run counts less what it computed again and this one does not', () => {
  const paced = (forwardAgain: number | undefined, more: Partial<RunTimeRequest> = {}) =>
    seconds({}, { ...more, earlier: [{ ...EARLIER, forwardAgain }] });
  assert.equal(paced(0).train, 60);
  assert.equal(paced(undefined).train, 60);
  assert.equal(paced(1).train, 45, '30 of 40 predicted seconds');
  assert.equal(paced(1).reference, 15);
  assert.equal(paced(0.7, { runner: { ...DEFAULT_RUNNER, recompute: 'block' } }).train, 60);
  assert.equal(paced(0, { recomputed: { layers: 16, mlp: 0, block: 16 } }).train, 74);
});

test('without earlier runs: steps by the cost model, files by plain rates of bytes', () => {
  const time = runTime(REQUEST)!;
  assert.deepEqual([time.seconds.train, time.seconds.reference], [30, 10]);
  assert.ok(Math.abs(time.seconds.load! - 2e9 / 1.4e9) < 1e-9);
  assert.ok(Math.abs(time.seconds.export! - 2e9 / 1.2e9) < 1e-9);
  const sum = Object.values(time.seconds).reduce((a, b) => a + b, 0);
  assert.equal(time.total, sum);
  assert.deepEqual(time.sources, ['steps as predicted for an NVIDIA H200', 'files at 1.4 GB/s']);
});

test('what the options ask for is counted', () => {
  assert.equal(seconds({ loss_type: 'simpo' }).reference, undefined);
  assert.deepEqual([seconds({ reference: 'in_step' }).train, seconds({ reference: 'in_step' }).reference], [40, undefined]);
  assert.equal(seconds({}, { plan: { ...DEFAULT_PLAN, epochs: 5 } }).reference, 2, 'once for all epochs');
  assert.equal(seconds({ reference: 'in_step' }, { runner: { ...DEFAULT_RUNNER, recompute: 'block' } }).train, 47);
  // A tenth of the pairs, four times, and once for the reference.
  const evaluated = seconds({ eval_steps: 25 }, { summary: { ...REQUEST.summary, evalPairs: 200 } });
  assert.deepEqual([evaluated.evaluation, evaluated.reference], [4, 11]);
  assert.equal(seconds({ sample_steps: 50 }).samples! > 0, true);
  const kept = seconds({ save_steps: 10, save_final: true });
  assert.ok(kept.checkpoints! > 0 && kept.export! > 10, 'the last checkpoint is written beside the export');
  assert.equal(seconds({ export_dtype: 'float32' }).export, 4e9 / 1.2e9);
});

test('earlier runs of the model on this machine count for more; of others only what does not depend on their size', () => {
  const time = runTime({ ...REQUEST, earlier: [EARLIER] })!;
  assert.deepEqual([time.seconds.train, time.seconds.reference], [60, 20], 'the reference is slower by as much as the steps');
  assert.deepEqual([time.seconds.start, time.seconds.load, time.seconds.ceiling, time.seconds.export], [undefined, 5, 0.25, 4]);
  assert.deepEqual(time.sources, ['steps at the pace of harbor', 'files as fast as in earlier runs here']);
  const tiny = { ...EARLIER, model: '/m/tiny', parameters: 1e6, exportedBytes: 2e6 };
  const other = runTime({ ...REQUEST, earlier: [tiny] })!;
  assert.deepEqual([other.seconds.train, other.seconds.ceiling], [30, 0.25]);
  assert.ok(Math.abs(other.seconds.load! - 2e9 / 1.4e9) < 1e-9);
  assert.equal(runTime({ ...REQUEST, earlier: [{ ...EARLIER, backend: 'cpu' }] })!.seconds.train, 30, 'another device says nothing');
});

test('where nothing is known of the device there is no time', () => {
  assert.equal(runTime({ ...REQUEST, isRateKnown: false }), undefined);
  assert.equal(runTime({ ...REQUEST, isRateKnown: false, earlier: [EARLIER] })!.seconds.train, 60);
});

test('checkpoints by steps and by time; the last step writes none by itself', () => {
  const count = (training: Partial<TrainingOptions>, took: number): number =>
    checkpointCount({ ...DEFAULT_TRAINING, save_minutes: 0, ...training }, 100, took);
  assert.deepEqual([count({}, 1e6), count({ save_steps: 50 }, 0), count({ save_steps: 30 }, 0)], [0, 1, 3]);
  assert.deepEqual([count({ save_minutes: 10 }, 599), count({ save_minutes: 10 }, 1800)], [0, 3]);
});

test('what is written: the dtype that is asked for, and of an adapter no more than it has', () => {
  const of = (training: Partial<TrainingOptions>) => writtenBytes(REQUEST.model, { ...DEFAULT_TRAINING, ...training });
  assert.deepEqual(of({}), { exported: 2e9, checkpoint: 12e9 });
  assert.equal(of({ export_dtype: 'float32' }).exported, 4e9);
  // PEFT's count of a rank-16 adapter of all linear layers of Llama-3.2-1B.
  assert.equal(of({ use_peft: true, export_dtype: 'float32' }).exported, 4 * 11_272_192);
  assert.equal(of({ use_peft: true, merge_adapter: true }).exported, 2 * (1e9 + 11_272_192));
});

test('the times from a summary alone are about those from its plan', async () => {
  const examples = path.resolve(import.meta.dirname, '../../../examples');
  const [dataset, model] = [path.join(examples, 'preferences.jsonl'), path.join(examples, 'tiny-llama')];
  const { config } = await inspectModel(model);
  for (const [device, speed] of [
    [{ kind: 'gpu' }, h200],
    [{ kind: 'cpu', ceiling: 1e11 }, cpu(1e11)],
  ] as const) {
    const { summary, seconds } = await forecastPlan({ dataset, model, plan: DEFAULT_PLAN, device });
    const quick = planSeconds(summary, config, { device: speed });
    for (const pass of ['forward', 'training'] as const) {
      const ratio = quick[pass] / seconds[pass];
      assert.ok(ratio > 0.9 && ratio < 1.1, `${device.kind}, ${pass}: ${ratio}`);
    }
  }
});

test("an optimizer in the host's memory goes over the bus in every step, of what is trained, and only on a GPU", () => {
  const runner = { ...DEFAULT_RUNNER, offload: 'optimizer' as const };
  const bus = 48e9;
  const train = (training: Partial<TrainingOptions>, more: Partial<RunTimeRequest> = {}): number =>
    seconds(training, { runner, ...more }).train! - 30;
  assert.ok(Math.abs(train({}) - (100 * 1e9 * 12) / bus) < 1e-9);
  assert.ok(Math.abs(train({ adam_moments: 'bfloat16' }) - (100 * 1e9 * 8) / bus) < 1e-9);
  assert.ok(train({ use_peft: true }) > 0 && train({ use_peft: true }) < 1);
  assert.equal(train({}, { backend: 'cpu' }), 0);
  // Its memory has to be found first.
  assert.ok(Math.abs(seconds({}, { runner }).load! - seconds().load! - (1e9 * 12) / 3.5e9) < 1e-9);
});

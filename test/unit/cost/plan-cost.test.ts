import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  additiveSeconds,
  binCost,
  binSeconds,
  countTiles,
  cpu,
  gpu,
  h200,
  planCost,
  stepCost,
  stepSeconds,
  sumSeconds,
  TILE_SIZE,
} from '../../../src/core/cost/index.js';
import { attentionSpeed } from '../../../src/core/cost/device.js';
import { sumFlops } from '../../../src/core/model/index.js';
import { binCount, stepCount, totalFlops } from '../../../src/core/plan/index.js';
import { naiveFlops, planOf, planOptions, shape, tokenPairs } from '../plan/support.js';

/** Llama-3.2-1B. */
const llama = {
  hiddenSize: 2048,
  intermediateSize: 8192,
  layers: 16,
  queryHeads: 32,
  kvHeads: 8,
  headDim: 64,
  vocabSize: 128256,
};

function near(value: number, expected: number, tolerance = 1e-12): void {
  assert.ok(Math.abs(value - expected) <= tolerance * Math.abs(expected), `${value} against ${expected}`);
}

test('a bin counts what its dense mask and its targets say', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, async (pairs, options) => {
      const plan = await planOf(pairs, options);
      for (let bin = 0; bin < binCount(plan); bin++) {
        const [begin, end] = [plan.binStart[bin]!, plan.binStart[bin + 1]!];
        let visiblePairs = 0;
        for (let q = 0; q < end - begin; q++) {
          for (let k = 0; k <= q; k++) if (q < plan.visibleUntil[begin + k]!) visiblePairs++;
        }
        const cost = binCost(plan, bin, shape);
        assert.equal(cost.tokens, end - begin);
        assert.equal(cost.visiblePairs, visiblePairs);
        assert.equal(cost.readRows, new Set(plan.targetRow.subarray(plan.targetStart[bin]!, plan.targetStart[bin + 1]!)).size);
        assert.equal(sumFlops(cost.flops), plan.binFlops[bin]);
        assert.deepEqual(cost.tiles, countTiles(plan.visibleUntil.subarray(begin, end)));
      }
    }),
  );
});

test('a plan costs what its bins cost; without sharing it costs what the naive plan of the same pairs does', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, async (pairs, options) => {
      const plan = await planOf(pairs, options);
      const naive = await planOf(pairs, { ...options, sharing: 'none' });
      const cost = planCost(plan, shape);
      const bins = Array.from({ length: binCount(plan) }, (_, bin) => binCost(plan, bin, shape));
      const steps = Array.from({ length: stepCount(plan) }, (_, step) => stepCost(plan, step, shape));
      assert.equal(cost.bins, bins.length);
      assert.equal(cost.tokens, plan.tokens.length);
      near(sumFlops(cost.flops), totalFlops(plan));
      const once = steps.length * stepSeconds(shape);
      near(
        cost.total,
        bins.reduce((sum, bin) => sum + sumSeconds(bin.seconds), once),
      );
      assert.equal(
        cost.tiles.skipped,
        bins.reduce((sum, bin) => sum + bin.tiles.skipped, 0),
      );

      const naiveCost = planCost(naive, shape);
      for (const baseline of [cost.naive, cost.unpacked]) {
        assert.equal(baseline.tokens, naive.tokens.length);
        assert.equal(baseline.visiblePairs, naiveCost.visiblePairs);
        assert.equal(baseline.readRows, naiveCost.readRows);
        near(sumFlops(baseline.flops), naiveFlops(pairs, options.epochs));
      }
      near(cost.flopsRatio, totalFlops(naive) / totalFlops(plan));
      assert.equal(cost.unpacked.bins, plan.pairRow.length);
      assert.equal(
        cost.binsLowerBound,
        steps.reduce((sum, step) => sum + Math.ceil(step.tokens / options.capacity), 0),
      );
      assert.ok(cost.bins >= cost.binsLowerBound);
      for (const step of steps) assert.ok(step.slowestOverMean >= 1 - 1e-12);
    }),
  );
});

/** Pairs with prompts and responses of so many tokens, nothing else in common. */
function pairsOf(lengths: readonly (readonly [prompt: number, chosen: number, rejected: number])[]) {
  return lengths.map(([prompt, chosen, rejected], row) => {
    const sequence = (response: number, token: number): Int32Array =>
      Int32Array.from({ length: prompt + response }, (_, at) => (at < prompt ? row % 6 : token));
    const [a, b] = [(row + 1) % 6, (row + 2) % 6];
    return { row, line: row + 1, promptLength: prompt, chosen: sequence(chosen, a), rejected: sequence(rejected, b) };
  });
}

test('without packing every pair is two rows as long as the longer', async () => {
  const options = { sharing: 'pair', capacity: 4096, batch_size: 2, epochs: 1, seed: 1, max_length: 4096 } as const;
  const plan = await planOf(
    pairsOf([
      [100, 30, 60],
      [200, 300, 40],
    ]),
    options,
  );
  const { unpacked } = planCost(plan, llama);
  // The model's passes are alike, so each is timed as the mean: 160 and 500 tokens twice, of 2 and 4 tiles.
  const computedPairs = ((2 * (1 + 2) + 2 * (1 + 2 + 3 + 4)) / 2) * TILE_SIZE ** 2;
  const mean = binSeconds(llama, { tokens: (2 * 160 + 2 * 500) / 2, readRows: 430 / 2, computedPairs });
  near(unpacked.total, 2 * sumSeconds(mean) + stepSeconds(llama));
  assert.equal(unpacked.tokens, 130 + 160 + 500 + 240);
});

test('predicted speedup: 1 without sharing, near the ratio of FLOPs with it, more over unpacked rows', async () => {
  const pairs = pairsOf(Array.from({ length: 120 }, (_, i) => [150 + ((37 * i) % 300), 20 + ((53 * i) % 90), 30 + ((29 * i) % 70)]));
  const options = { capacity: 8192, batch_size: 60, epochs: 1, seed: 1, max_length: 4096 } as const;
  const naive = planCost(await planOf(pairs, { ...options, sharing: 'none' }), llama);
  near(naive.predictedSpeedup, 1, 0.01);
  const shared = planCost(await planOf(pairs, { ...options, sharing: 'pair' }), llama);
  near(shared.predictedSpeedup, shared.flopsRatio, 0.03);
  assert.ok(shared.predictedSpeedup > 1.4);
  assert.ok(shared.predictedSpeedupUnpacked > shared.predictedSpeedup);
});

test('the time used for balancing is that of the bin as it is laid out, to a few percent', async () => {
  const pairs = pairsOf(Array.from({ length: 120 }, (_, i) => [50 + ((91 * i) % 900), 20 + ((53 * i) % 400), 30 + ((29 * i) % 300)]));
  const options = { capacity: 8192, batch_size: 60, epochs: 1, seed: 1, max_length: 4096 } as const;
  const time = additiveSeconds(llama);
  for (const sharing of ['none', 'pair'] as const) {
    const plan = await planOf(pairs, { ...options, sharing });
    for (let bin = 0; bin < binCount(plan); bin++) {
      const { tokens, readRows, visiblePairs, seconds } = binCost(plan, bin, llama);
      const sum = tokens * time.perToken + readRows * time.perReadRow + visiblePairs * time.perVisiblePair;
      near(sum, sumSeconds(seconds), 0.03);
    }
  }
});

test('seconds: by hand for one bin; short bins are bound by reading the weights', () => {
  const work = { tokens: 16384, readRows: 7000, computedPairs: 300 * TILE_SIZE ** 2 };
  const { matmul, attention, memory } = binSeconds(llama, work);
  const layer = 2048 * (2048 + 1024) + 2048 * 2048 + 3 * 2048 * 8192;
  const rows = 15 * 16384 + 7000;
  const linear = 2 * (16 * 16384 * 2048 * 3072 + rows * (layer - 2048 * 3072) + 7000 * 2048 * 128256);
  near(matmul, (4 * linear) / 660e12);
  const area = 4 * 32 * 64 * 16 * 300 * TILE_SIZE ** 2;
  near(attention, (2 * area) / 439e12 + (2.5 * area) / 454e12);
  near(memory, (16384 * 16 * 2 * 2048 * (2 * 4 + 10)) / 3.7e12);
  const weights = 16 * layer + 2048 * 128256;
  near(binSeconds(llama, { tokens: 1, readRows: 1, computedPairs: TILE_SIZE ** 2 }).matmul, (14 * weights) / 3.7e12);
  near(stepSeconds(llama), (34 * weights) / 3.7e12);
  near(stepSeconds(llama, { training: { momentBytes: 2 } }), (26 * weights) / 3.7e12);
});

test('adapters alone: the weights have no gradient, and what layers read and give is read for their products', () => {
  const work = { tokens: 16384, readRows: 7000, computedPairs: 300 * TILE_SIZE ** 2 };
  const training = { adapterParameters: 11e6, momentBytes: 4 as const };
  const [all, adapters] = [binSeconds(llama, work), binSeconds(llama, work, { training })];
  near(adapters.matmul, (3 / 4) * all.matmul);
  assert.equal(adapters.attention, all.attention);
  near(adapters.memory, all.memory + (16384 * 16 * 2 * 2 * (4 * 2048 + 3 * 8192 + 5120)) / 3.7e12);
  const short = { tokens: 1, readRows: 1, computedPairs: TILE_SIZE ** 2 };
  near(binSeconds(llama, short, { training }).matmul, (6 / 14) * binSeconds(llama, short).matmul);
  near(stepSeconds(llama, { training }), (34 * 11e6) / 3.7e12);
});

test('a device with smaller tiles computes fewer masked scores', async () => {
  const pairs = pairsOf([
    [100, 30, 60],
    [70, 20, 30],
    [200, 300, 40],
  ]);
  const plan = await planOf(pairs, { sharing: 'pair', capacity: 4096, batch_size: 3, epochs: 1, seed: 1, max_length: 4096 });
  const device = cpu(100e9);
  const { full, partial } = countTiles(plan.visibleUntil, 32);
  const { attention } = binCost(plan, 0, llama, { device }).seconds;
  const flops = 4 * 32 * 64 * 16 * (full + partial) * 32 ** 2;
  near(attention, (2 * flops) / 84e9 + (2.5 * flops) / 95e9);
});

test('attention speed by head size: known, between two, below and above all', () => {
  assert.equal(attentionSpeed(h200, 64).forward, 439e12);
  assert.equal(attentionSpeed(h200, 96).forward, (439e12 + 645e12) / 2);
  assert.equal(attentionSpeed(h200, 32).backward, 454e12 / 2);
  assert.equal(attentionSpeed(h200, 256).forward, 645e12);
});

test('in FP8 the linear layers are faster, attention and head are not', () => {
  const work = { tokens: 16_384, readRows: 7000, computedPairs: 1e7 };
  const [bf16, fp8] = [binSeconds(llama, work), binSeconds(llama, work, { device: gpu('NVIDIA H200', 'fp8') })];
  const head = (2 * 4 * llama.hiddenSize * llama.vocabSize * work.readRows) / h200.matmul;
  assert.ok(fp8.matmul > head && fp8.matmul - head < 0.65 * (bf16.matmul - head), `${fp8.matmul} of ${bf16.matmul}, head ${head}`);
  assert.equal(fp8.attention, bf16.attention);
  assert.ok(fp8.memory > bf16.memory, 'quantising moves data');
});

test('a GPU is known by its name; one that was never measured counts as an H200, and says so', () => {
  assert.equal(gpu('NVIDIA H100 80GB HBM3').name, 'NVIDIA H100');
  assert.equal(gpu('NVIDIA H200').name, 'NVIDIA H200');
  assert.equal(gpu('NVIDIA GeForce RTX 4090').name, 'NVIDIA H200');
});

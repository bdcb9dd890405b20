import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import {
  allReduceSeconds,
  allReduceWays,
  counterpartsSeconds,
  halfReduceSeconds,
  NCCL_BYTES,
  NETWORK,
  NVLINK,
} from '../../../src/core/cost/communication.js';
import { h200, stepSeconds } from '../../../src/core/cost/index.js';
import { cardForecast, cardForecasts, type MemoryForecast } from '../../../src/core/forecast/index.js';
import { DEFAULT_TRAINING } from '../../../src/core/options/index.js';

const GiB = 2 ** 30;
/** Llama-3.2-1B. */
const shape = { hiddenSize: 2048, intermediateSize: 8192, layers: 16, queryHeads: 32, kvHeads: 8, headDim: 64, vocabSize: 128256 };
const parameters = 1.24e9;
const memory: MemoryForecast = {
  backend: 'cuda',
  bytes: 40 * GiB,
  weights: 2.3 * GiB,
  optimizer: 18.5 * GiB,
  activations: 19 * GiB,
  context: 0.2 * GiB,
  deviceBytes: 140 * GiB,
  fits: true,
};
const request = {
  summary: { steps: 100, bins: 800, pairs: 12_800, epochs: 1, parameters },
  training: DEFAULT_TRAINING,
  runner: { shard: 'auto' as const, offload: 'none' as const },
  shape,
  time: { seconds: { load: 5, train: 47, reference: 12, export: 3 }, total: 67, sources: [] },
  stepSeconds: stepSeconds(shape, { device: h200 }),
  memory,
};

test('a sum over devices takes what its bytes take, the faster of ring and tree', () => {
  assert.equal(allReduceSeconds(1e9, { hosts: 1, perHost: 1 }), 0);
  const two = allReduceSeconds(1e9, { hosts: 1, perHost: 2 });
  assert.ok(Math.abs(two - (1e9 / NVLINK.bandwidth + 2 * NVLINK.latency)) < 1e-9);
  // Little data: a tree's few messages.
  const little = allReduceSeconds(1000, { hosts: 1, perHost: 64 });
  assert.ok(little < 2 * 63 * NVLINK.latency && little > 2 * 6 * NVLINK.latency);
  // Machines add up an eighth each.
  const many = allReduceSeconds(8e9, { hosts: 4, perHost: 8 });
  assert.ok(
    Math.abs(many - allReduceSeconds(8e9, { hosts: 1, perHost: 8 }) - (1.5 * 1e9) / NETWORK.bandwidth - 6 * NETWORK.latency) < 1e-9,
  );
  assert.equal(halfReduceSeconds(1e9, 4), allReduceSeconds(1e9, { hosts: 1, perHost: 4 }) / 2);
});

test('gradients go round a ring, a few bytes along a tree, and the runner knows the same of NCCL', () => {
  const cluster = { hosts: 4, perHost: 8 };
  assert.deepEqual(allReduceWays(4e9, cluster), { within: 'ring', between: 'ring' });
  assert.deepEqual(allReduceWays(1000, cluster), { within: 'tree', between: 'tree' });
  assert.deepEqual(allReduceWays(4e9, { hosts: 1, perHost: 1 }), { within: undefined, between: undefined });
  const registry = readFileSync(path.resolve(import.meta.dirname, '../../../native-runner/src/backend/registry.cpp'), 'utf8');
  const [, mib] = /\.communication = (\d+) \* mib/.exec(registry) ?? [];
  assert.equal(Number(mib) * 2 ** 20, NCCL_BYTES);
});

test('one card takes what was predicted, more take less, but never their share alone', () => {
  const [one, ...more] = cardForecasts(request);
  assert.ok(Math.abs(one!.seconds - request.time.total) < 1e-6);
  assert.deepEqual([one!.communication, one!.exposed, one!.memory], [0, 0, memory.bytes]);
  let before = one!;
  for (const card of more) {
    const ratio = (request.time.seconds.train + request.time.seconds.reference) / card.cards + request.time.seconds.load + 3;
    assert.ok(card.seconds < before.seconds && card.seconds > ratio, `${card.cards} cards`);
    assert.ok(card.exposed > 0 && card.exposed < card.communication);
    assert.ok(card.slowed > 0 && card.exposed + card.slowed < card.communication);
    assert.equal(card.shard, 'none', 'what fits is not sharded');
    before = card;
  }
  const hosts = cardForecast(request, { hosts: 4, perHost: 8 });
  assert.ok(hosts.communication > before.communication && hosts.seconds < before.seconds);
});

test('what does not fit is sharded, the least that helps, and memory says how much that spares', () => {
  const small = { ...memory, deviceBytes: 37 * GiB };
  const [one, two, , eight] = cardForecasts({ ...request, memory: small });
  assert.equal(one!.fits, false);
  // Half of the optimizer state, which is three quarters of what stands beside the weights.
  assert.equal(two!.shard, 'optimizer');
  assert.ok(Math.abs(two!.memory! - (memory.bytes + NCCL_BYTES - memory.optimizer * 0.75 * 0.5)) < 1);
  assert.equal(two!.fits, true);
  const tiny = cardForecasts({ ...request, memory: { ...memory, deviceBytes: 20 * GiB } });
  assert.deepEqual([tiny[1]!.shard, tiny[1]!.fits], ['parameters', false], 'nothing helps');
  assert.ok(eight!.memory! < two!.memory!);
  const asked = cardForecasts({ ...request, runner: { shard: 'parameters', offload: 'none' } });
  assert.ok(asked[3]!.memory! < cardForecasts({ ...request, runner: { shard: 'gradients', offload: 'none' } })[3]!.memory!);
  assert.ok(asked[3]!.communication > cardForecasts(request)[3]!.communication);
});

test('several machines share out what one does: the memory of a card is that of its machine, and parts go between them once a step', () => {
  const of = (shard: 'none' | 'optimizer' | 'gradients' | 'parameters', hosts: number, perHost: number) =>
    cardForecast({ ...request, runner: { shard, offload: 'none' } }, { hosts, perHost });
  for (const shard of ['optimizer', 'gradients', 'parameters'] as const) {
    assert.ok(Math.abs(of(shard, 4, 8).memory! - NCCL_BYTES - of(shard, 1, 8).memory!) < 1, 'and a second communicator');
    // As many bins a card.
    const one = cardForecast(
      { ...request, summary: { ...request.summary, bins: 200, pairs: 3200 }, runner: { shard, offload: 'none' } },
      { hosts: 1, perHost: 8 },
    );
    const between = of(shard, 4, 8).communication - one.communication;
    assert.ok(Math.abs(between - counterpartsSeconds(4 * parameters, { hosts: 4, perHost: 8 })) < 1e-9, shard);
  }
  assert.equal(of('none', 4, 8).memory, of('none', 1, 8).memory);
  const single = of('gradients', 4, 1);
  assert.deepEqual([single.shard, single.memory], ['none', memory.bytes + NCCL_BYTES], 'a card alone has nobody to share with');
});

test('a step with fewer pairs than cards does not get faster by more of them', () => {
  const few = { ...request, summary: { ...request.summary, pairs: 200 } };
  const [, two, four] = cardForecasts(few);
  assert.ok(four!.seconds >= two!.seconds * 0.97);
});

test('two H200 are predicted as they were measured', () => {
  // docs/benchmarks.md, "Several GPUs": 1B, a bin a rank and four; 16,384 tokens each.
  for (const [bins, times] of [
    [1, 1.87],
    [4, 1.93],
  ] as const) {
    const of = (cards: number): number => {
      const train = (bins * cards * 79) / 330;
      const summary = { steps: 1, bins: bins * cards, pairs: bins * cards * 79, epochs: 1, parameters };
      const time = { seconds: { train }, total: train, sources: [] };
      return (
        summary.pairs /
        cardForecast({ ...request, summary, time, runner: { shard: 'none', offload: 'none' } }, { hosts: 1, perHost: cards }).seconds
      );
    };
    const predicted = of(2) / of(1);
    assert.ok(Math.abs(predicted / times - 1) < 0.03, `${bins} bins: ${predicted}`);
  }
});

test("what is in the host's memory spares no card anything when it is shared out, but gradients and weights do", () => {
  const offloaded = (shard: 'optimizer' | 'gradients') =>
    cardForecasts({ ...request, runner: { shard, offload: 'optimizer' }, memory: { ...memory, optimizer: 6 * GiB } })[3]!;
  assert.equal(offloaded('optimizer').memory, memory.bytes + NCCL_BYTES);
  assert.ok(Math.abs(offloaded('gradients').memory! - (memory.bytes + NCCL_BYTES - (6 * GiB * 7) / 8)) < 1);
});

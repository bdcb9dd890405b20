// What 1, 2, 4 and 8 cards of one host and 4 hosts of 8 would make of a step: `npm run bench:cards -- [--bins 4] [--runner FILE]`.
// Real lengths (set `hh`), the cost model's times on an H200 (src/core/cost: the constants are in device.ts and communication.ts), memory of
// the runner's own count (`plan-memory`, which needs neither GPU nor weights). Every card has as many bins of a step, so batches grow with
// the cards. A step's reference is computed in it, as train_benchmark and the peers do.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { h200, stepSeconds } from '../src/core/cost/index.js';
import { allReduceWays, NETWORK, NVLINK } from '../src/core/cost/communication.js';
import { binCost } from '../src/core/cost/plan-cost.js';
import { cardForecast } from '../src/core/forecast/index.js';
import { adapterParameters } from '../src/core/forecast/run-time.js';
import { layerWeights } from '../src/core/model/flops.js';
import { binCount, readPlan } from '../src/core/plan/index.js';
import { DEFAULT_RUNNER, DEFAULT_TRAINING } from '../src/core/options/index.js';
import { runFolder, SHAPES } from './gpu/run-folder.mjs';
import { Failure, isScript, main, root } from './shell.mjs';

const CLUSTERS = [
  [1, 1],
  [1, 2],
  [1, 4],
  [1, 8],
  [4, 8],
].map(([hosts, perHost]) => ({ hosts, perHost }));

const CASES = [
  { name: 'Llama-3.2-1B, hh', shape: 'llama-1b', shard: 'none' },
  {
    name: 'Llama-3.1-8B, hh, all parameters, gradients sharded, bf16 moments, recompute block',
    shape: 'llama-8b',
    shard: 'gradients',
    training: { adam_moments: 'bfloat16' },
    recompute: 'block',
  },
  {
    name: 'Llama-3.1-8B, hh, LoRA of rank 16, recompute block',
    shape: 'llama-8b',
    shard: 'none',
    training: { use_peft: true, lora_r: 16, lora_alpha: 32 },
    recompute: 'block',
  },
];

const GIB = 2 ** 30;

/** A model folder that says its shape and has no weights. */
async function modelFolder(at, shape) {
  await mkdir(at, { recursive: true });
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: shape.hiddenSize,
    intermediate_size: shape.intermediateSize,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.queryHeads,
    num_key_value_heads: shape.kvHeads,
    head_dim: shape.headDim,
    vocab_size: shape.vocabSize,
    rms_norm_eps: 1e-5,
    rope_theta: 500000,
    max_position_embeddings: 131072,
    tie_word_embeddings: shape.tied,
    hidden_act: 'silu',
    torch_dtype: 'bfloat16',
  };
  await writeFile(path.join(at, 'config.json'), JSON.stringify(config));
}

function parameterCount(shape) {
  const { qkv, out, mlp, head } = layerWeights(shape);
  return shape.layers * (qkv + out + mlp + 2 * shape.hiddenSize) + shape.hiddenSize + head * (shape.tied ? 1 : 2);
}

/** Mean predicted seconds of a bin in a step. */
function meanBinSeconds(plan, shape, { training = {}, recompute = 'none' }) {
  const forward = 2 + { none: 0, mlp: 0.5, block: 1 }[recompute];
  const bins = binCount(plan);
  let sum = 0;
  for (let bin = 0; bin < bins; bin++) {
    const { matmul, attention, memory } = binCost(plan, bin, shape, { device: h200, passes: { forward, backward: 1 } }).seconds;
    // Below an adapter weights have no gradient: of the two products of a backward pass one.
    const products = training.use_peft
      ? binCost(plan, bin, shape, { device: h200, passes: { forward, backward: 0.5 } }).seconds.matmul
      : matmul;
    sum += products + attention + memory;
  }
  return sum / bins;
}

/** Peak bytes of each of so many cards, as the runner counts them. */
async function memoryOf(runner, folder, changes, hosts) {
  const file = path.join(folder, 'run.json');
  const config = JSON.parse(await readFile(file, 'utf8'));
  Object.assign(config.runner, changes.runner);
  Object.assign(config.training, changes.training);
  await writeFile(file, JSON.stringify(config));
  const said = execFileSync(runner, ['plan-memory', folder, '--backend', 'cuda', '--processes', String(hosts), '--json'], {
    encoding: 'utf8',
  });
  return JSON.parse(said.trim().split('\n').at(-1)).bytes;
}

/** Rows of the table of a case. @returns lines of Markdown */
export async function tableOf(each, { runner, bins, folder }) {
  const shape = SHAPES[each.shape];
  const model = path.join(folder, each.shape);
  await modelFolder(model, shape);
  const run = await runFolder(['--out', folder, '--model', model, '--shape', each.shape, '--pairs', '1024', '--batch-size', '1024']);
  const plan = await readPlan(path.join(run, 'plan.safetensors'));
  const pairsABin = plan.pairRow.length / binCount(plan);
  const binTime = meanBinSeconds(plan, shape, each);
  const training = { ...DEFAULT_TRAINING, ...each.training };
  const parameters = parameterCount(shape);
  const trained = training.use_peft ? adapterParameters(shape, training.lora_r) : parameters;
  const own = stepSeconds(shape, h200) * (trained / parameters);
  const lines = [
    `${each.name}: ${bins} bins a card and step, ${Math.round(bins * pairsABin)} pairs`,
    '',
    '| cards | pairs/s | of one card | a step, ms | communication, ms | exposed, ms (share) | slower beside it, ms | GiB a card |',
    '|---|---|---|---|---|---|---|---|',
  ];
  let alone;
  for (const cluster of CLUSTERS) {
    const cards = cluster.hosts * cluster.perHost;
    const shard = cluster.perHost === 1 ? 'none' : each.shard;
    const train = bins * cards * binTime + own;
    const summary = { steps: 1, bins: bins * cards, pairs: bins * cards * pairsABin, epochs: 1, parameters };
    const time = { seconds: { train }, total: train, sources: [] };
    const request = { summary, training, runner: { shard }, shape, time, stepSeconds: own, memory: undefined };
    const { seconds, communication, exposed, slowed } = cardForecast(request, cluster);
    const rate = summary.pairs / seconds;
    alone ??= rate;
    const changes = {
      training: each.training,
      runner: { ...DEFAULT_RUNNER, devices: cluster.perHost, shard, recompute: each.recompute ?? 'none' },
    };
    const bytes = await memoryOf(runner, run, changes, cluster.hosts);
    const ms = (value) => (1000 * value).toFixed(1);
    const { within, between } = allReduceWays(trained * 4, cluster);
    const ways = [within, between].filter(Boolean).join(', then ');
    const name = cluster.hosts === 1 ? String(cards) : `${cluster.hosts} hosts of ${cluster.perHost}`;
    const sent = cards === 1 ? '-' : `${ms(communication)} (${ways})`;
    const shown = cards === 1 ? '-' : `${ms(exposed)} (${((100 * exposed) / seconds).toFixed(1)} %)`;
    lines.push(
      `| ${name} | ${rate.toFixed(rate < 1000 ? 1 : 0)} | ${(rate / alone).toFixed(2)} | ${ms(seconds)} | ${sent} | ${shown} | ${cards === 1 ? '-' : ms(slowed)} | ${(bytes / GIB).toFixed(1)} |`,
    );
  }
  await rm(run, { recursive: true });
  return lines;
}

if (isScript(import.meta.url))
  await main(async () => {
    const { values } = parseArgs({
      options: { bins: { type: 'string', default: '4' }, runner: { type: 'string', default: path.join(root, 'dist/bin/wishbone-runner') } },
    });
    const bins = Number(values.bins);
    if (!Number.isInteger(bins) || bins < 1) throw new Failure('--bins: a whole number of at least 1');
    if (!existsSync(values.runner)) throw new Failure(`there is no runner at ${values.runner}: npm run build:native, or --runner FILE`);
    const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-cards-'));
    try {
      console.log(`H200 cards, ${NVLINK.name} within a host, ${NETWORK.name} between hosts; predicted\n`);
      for (const each of CASES) console.log(`${(await tableOf(each, { runner: values.runner, bins, folder })).join('\n')}\n`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

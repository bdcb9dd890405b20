// A run folder for a whole run on a machine without Node: real lengths, drawn tokens, or a plan that `wishbone plan --out` wrote. `node --import tsx scripts/gpu/run-folder.mjs
// --out DIR --model PATH [--shape llama-1b] [--set hh] [--pairs 2000] [--capacity N] [--batch-size N] [--save-steps N] [--lora-rank R]
// [--devices N] [--shard S] [--recompute R] [--moments M] [--reference in_step] [--plan FILE]`. PATH is
// where the model will lie on that machine; scripts/gpu/run.py makes one there and times the run.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildPlan, readPlan, writePlan } from '../../src/core/plan/index.js';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING } from '../../src/core/options/index.js';
import { createRunFolder, newRunConfig } from '../../src/core/run/folder.js';
import { isScript, main, root } from '../shell.mjs';

/** As in workload.py. */
export const SHAPES = {
  tiny: {
    layers: 2,
    hiddenSize: 64,
    queryHeads: 4,
    kvHeads: 2,
    headDim: 16,
    intermediateSize: 128,
    vocabSize: 512,
    tied: true,
  },
  'llama-1b': {
    layers: 16,
    hiddenSize: 2048,
    queryHeads: 32,
    kvHeads: 8,
    headDim: 64,
    intermediateSize: 8192,
    vocabSize: 128256,
    tied: true,
  },
  'llama-8b': {
    layers: 32,
    hiddenSize: 4096,
    queryHeads: 32,
    kvHeads: 8,
    headDim: 128,
    intermediateSize: 14336,
    vocabSize: 128256,
    tied: false,
  },
};

/** The same on every machine. */
function* drawn(seed) {
  for (let state = seed >>> 0; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state >>> 8;
  }
}

/** Pairs of a set's lengths. */
async function drawnPairs({ set, pairs }, shape) {
  const lengths = JSON.parse(await readFile(path.join(root, 'scripts/gpu/lengths.json'), 'utf8'))[set];
  const numbers = drawn(7);
  const token = () => numbers.next().value % shape.vocabSize;
  return Array.from({ length: Number(pairs) }, (_, row) => {
    const [prompt, chosen, rejected] = lengths[row % lengths.length];
    const head = Array.from({ length: prompt }, token);
    const side = (count, first) => Int32Array.from([...head, first, ...Array.from({ length: count - 1 }, token)]);
    // Different first tokens, so that the pair shares its prompt and no more.
    const first = token();
    return {
      row,
      line: row + 1,
      promptLength: prompt,
      chosen: side(chosen, first),
      rejected: side(rejected, (first + 1) % shape.vocabSize),
    };
  });
}

/** Makes one, as the command line says. @returns where it is */
export async function runFolder(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      out: { type: 'string' },
      model: { type: 'string' },
      shape: { type: 'string', default: 'llama-1b' },
      set: { type: 'string', default: 'hh' },
      pairs: { type: 'string', default: '2000' },
      // What `auto` comes to on an 80 GB card.
      capacity: { type: 'string', default: '16384' },
      'save-steps': { type: 'string' },
      'lora-rank': { type: 'string' },
      'batch-size': { type: 'string' },
      devices: { type: 'string', default: '1' },
      shard: { type: 'string', default: DEFAULT_RUNNER.shard },
      recompute: { type: 'string', default: DEFAULT_RUNNER.recompute },
      moments: { type: 'string', default: DEFAULT_TRAINING.adam_moments },
      reference: { type: 'string', default: DEFAULT_TRAINING.reference },
      plan: { type: 'string' },
    },
  });
  const shape = SHAPES[values.shape];
  const batch = values['batch-size'] === undefined ? {} : { batch_size: Number(values['batch-size']) };
  const plan = { ...DEFAULT_PLAN, capacity: Number(values.capacity), ...batch };
  const sha256 = { dataset: '0'.repeat(64), tokenizer: '0'.repeat(64) };
  const built =
    values.plan === undefined
      ? await buildPlan(
          { pairs: await drawnPairs(values, shape), skipped: 0, truncated: 0, shape, sha256, datasetFile: values.set },
          { ...plan, devices: Number(values.devices) },
        )
      : await readPlan(values.plan);
  const { sharing, capacity, batch_size, epochs, seed, max_length } = built.metadata;
  const rank =
    values['lora-rank'] === undefined
      ? {}
      : { lora_r: Number(values['lora-rank']), lora_alpha: 2 * Number(values['lora-rank']), use_peft: true };
  const training = {
    ...DEFAULT_TRAINING,
    adam_moments: values.moments,
    reference: values.reference,
    ...(values['save-steps'] === undefined ? {} : { save_steps: Number(values['save-steps']) }),
    ...rank,
  };
  const config = newRunConfig({
    name: `${values.shape}-${values.set}`,
    dataset: { path: `/${values.set}.jsonl`, sha256: sha256.dataset, pairs: built.metadata.counts.pairs, format: 'trl-explicit' },
    model: { path: values.model },
    plan: { ...plan, sharing, capacity, batch_size, epochs, seed, max_length },
    training,
    runner: { ...DEFAULT_RUNNER, devices: Number(values.devices), shard: values.shard, recompute: values.recompute },
  });
  return createRunFolder(values.out, config, (file) => writePlan(file, built));
}

if (isScript(import.meta.url)) await main(async () => console.log(await runFolder(process.argv.slice(2))));

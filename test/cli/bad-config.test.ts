// Run configs and models that cannot be: each is one message with its place, before anything is read or written.

import assert from 'node:assert/strict';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertOneError, filesUnder } from './one-error.js';
import { exampleModel, repository, temporaryFolder, wishbone } from './support.js';

interface Case {
  readonly name: string;
  /** Put into the folder that the config is in; paths of the config count from there. */
  readonly files?: (folder: string) => Promise<void>;
  /** The config's lines from the fourth; before them stand version, model and dataset. */
  readonly lines: readonly string[];
  readonly says: readonly RegExp[];
}

const sharded = join(repository, 'test/fixtures/hf/llama3-rope-sharded/model');

/** The example model in three files, of which one is missing. */
async function withoutShard(folder: string): Promise<void> {
  await cp(exampleModel, folder, { recursive: true });
  await rm(join(folder, 'model.safetensors'));
  for (const name of ['model-00001-of-00003.safetensors', 'model-00003-of-00003.safetensors', 'model.safetensors.index.json'])
    await cp(join(sharded, name), join(folder, name));
}

async function changeConfig(folder: string, change: object): Promise<void> {
  const file = join(folder, 'config.json');
  await writeFile(file, JSON.stringify({ ...(JSON.parse(await readFile(file, 'utf8')) as object), ...change }));
}

/** Turns every BF16 of the weights' header into another type of the same size. */
async function changeType(folder: string, dtype: string): Promise<void> {
  const file = join(folder, 'model.safetensors');
  const bytes = await readFile(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = bytes
    .subarray(8, 8 + length)
    .toString('latin1')
    .replaceAll('"BF16"', `"${dtype}"`);
  assert.ok(header.includes(dtype));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  await writeFile(file, Buffer.concat([size, Buffer.from(header, 'latin1'), bytes.subarray(8 + length)]));
}

const cases: readonly Case[] = [
  {
    name: 'an unknown key',
    lines: ['"training": {', '  "learning_rte": 1e-5', '}'],
    says: [
      /unknown field "training\.learning_rte"/,
      /run\.wishbone\.json:5, field training\.learning_rte/,
      /did you mean "training\.learning_rate"/,
    ],
  },
  {
    name: 'a key of another section',
    lines: ['"plan": { "beta": 0.1 }'],
    says: [/run\.wishbone\.json:4, field plan\.beta/, /did you mean "training\.beta"/],
  },
  {
    name: 'a loss that is none',
    lines: ['"training": { "loss_type": "dpo" }'],
    says: [/run\.wishbone\.json:4, field training\.loss_type/, /found "dpo"/, /"sigmoid"/],
  },
  {
    name: 'options that contradict each other',
    lines: ['"training": {', '  "loss_type": "simpo",', '  "sync_ref_model": true', '}'],
    says: [/run\.wishbone\.json:6, field training\.sync_ref_model/, /no reference/],
  },
  {
    name: 'weights for other losses',
    lines: ['"training": { "loss_type": ["sigmoid", "sft"], "loss_weights": [1] }'],
    says: [/run\.wishbone\.json:4, field training\.loss_weights/, /there is 1 weight for 2 losses/],
  },
  {
    name: 'evaluation on nothing',
    lines: ['"training": { "eval_steps": 5 }'],
    says: [/run\.wishbone\.json:4, field training\.eval_steps/, /nothing to evaluate on/],
  },
  {
    name: 'moments that the backend cannot keep',
    lines: ['"training": { "adam_moments": "bfloat16" },', '"runner": { "backend": "cpu" }'],
    says: [/run\.wishbone\.json:4, field training\.adam_moments/, /need a GPU/],
  },
  {
    name: 'a missing shard',
    files: async (folder) => {
      await rm(join(folder, 'model'), { recursive: true });
      await withoutShard(join(folder, 'model'));
    },
    lines: [],
    says: [/shard of the model is missing/, /model\/model-00002-of-00003\.safetensors/],
  },
  {
    name: 'a missing shard of the reference',
    files: (folder) => withoutShard(join(folder, 'reference')),
    lines: ['"training": { "reference_model": "reference" }'],
    says: [/shard of the model is missing/, /reference\/model-00002-of-00003\.safetensors/],
  },
  {
    name: 'a reference with other tokens',
    files: (folder) => cp(sharded, join(folder, 'reference'), { recursive: true }),
    lines: ['"training": { "reference_model": "reference" }'],
    says: [/96 tokens, the trained one 2048/, /reference\/config\.json/],
  },
  {
    name: 'weights of integers',
    files: (folder) => changeType(join(folder, 'model'), 'I16'),
    lines: [],
    says: [/dtype I16/, /model\.safetensors, tensor "model\./, /F32, F16 or BF16/],
  },
  {
    name: 'a quantized model',
    files: (folder) => changeConfig(join(folder, 'model'), { quantization_config: { quant_method: 'gptq' } }),
    lines: [],
    says: [/quantized/, /model\/config\.json, field "quantization_config"/],
  },
  {
    name: 'an adapter for another model',
    files: (folder) => cp(join(repository, 'test/fixtures/hf/lora-patterns/adapter'), join(folder, 'adapter'), { recursive: true }),
    lines: ['"training": { "use_peft": true, "adapter_name_or_path": "adapter" }'],
    says: [/adapter is for another model/, /adapter\/adapter_model\.safetensors, tensor "/],
  },
  {
    name: 'a dataset that is not there',
    files: (folder) => rm(join(folder, 'pairs.jsonl')),
    lines: [],
    says: [/no such file/, /pairs\.jsonl/],
  },
];

for (const { name, files, lines, says } of cases) {
  test(`${name}: one message before any work`, async (t) => {
    const folder = await temporaryFolder(t);
    await cp(exampleModel, join(folder, 'model'), { recursive: true });
    // Whoever reads it before looking at the rest finds this to be wrong.
    await writeFile(join(folder, 'pairs.jsonl'), 'no JSON\n');
    await files?.(folder);
    const config = join(folder, 'run.wishbone.json');
    const text = ['{ "version": 1,', '"runs": "runs", "model": "model",', '"dataset": "pairs.jsonl",', ...lines, '}'];
    await writeFile(config, text.join('\n'));
    const result = await wishbone('train', config);
    assert.equal(result.code, 3, result.stderr);
    assertOneError(result.stderr, says);
    assert.deepEqual(await filesUnder(join(folder, 'runs')), []);
  });
}

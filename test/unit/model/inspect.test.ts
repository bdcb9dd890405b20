import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { copyFile, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { readModelConfig, type ModelConfig } from '../../../src/core/model/config.js';
import { PLAIN } from '../../../src/core/model/families.js';
import { inspectModel } from '../../../src/core/model/index.js';
import { type Tensor, writeSafetensors } from '../../../src/core/files/safetensors.js';
import { config, modelFolder, zeroWeights } from './support.js';

const weights = 640 * 8 + 2 * (8 * 8 + 4 * 8 + 4 * 8 + 8 * 8 + 3 * 8 * 12 + 2 * 8) + 8;

async function refused(folder: string): Promise<WishboneError> {
  try {
    await inspectModel(folder);
  } catch (error) {
    assert.ok(error instanceof WishboneError, String(error));
    return error;
  }
  return assert.fail('the folder was accepted');
}

test('a whole folder: sizes, weights and types', async (t) => {
  const folder = await modelFolder(t);
  const info = await inspectModel(folder);
  assert.equal(info.folder, folder);
  assert.equal(info.parameters, weights);
  assert.deepEqual(info.dtypes, ['F32']);
  assert.deepEqual(info.files, ['model.safetensors']);
  const { file, ...numbers } = info.config;
  assert.equal(file, path.join(folder, 'config.json'));
  assert.deepEqual(numbers, {
    hiddenSize: 8,
    intermediateSize: 12,
    layers: 2,
    queryHeads: 4,
    kvHeads: 2,
    headDim: 2,
    vocabSize: 640,
    family: 'llama',
    features: PLAIN,
    maxPositions: 512,
    tied: true,
  });
});

test('shards: all are found, and none may be missing or lack what the index promises', async (t) => {
  const folder = await modelFolder(t, { ...config, tie_word_embeddings: false });
  await rm(path.join(folder, 'model.safetensors'));
  const all = [...zeroWeights(false)];
  const names = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
  const weightMap = Object.fromEntries(all.map(([name], index) => [name, names[index < 5 ? 0 : 1]]));
  const writeIndex = (map: object): Promise<void> =>
    writeFile(path.join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
  await writeIndex(weightMap);
  await writeSafetensors(path.join(folder, names[0]), { metadata: {}, tensors: new Map(all.slice(0, 5)) });
  assert.match((await refused(folder)).where, /model-00002-of-00002/);
  await writeSafetensors(path.join(folder, names[1]), { metadata: {}, tensors: new Map(all.slice(5)) });
  const info = await inspectModel(folder);
  assert.equal(info.parameters, weights + 640 * 8);
  assert.deepEqual(info.files, names);

  await writeSafetensors(path.join(folder, names[1]), { metadata: {}, tensors: new Map(all.slice(6)) });
  assert.match((await refused(folder)).what, /index promises/);
  await writeIndex({ 'model.norm.weight': '../elsewhere.safetensors' });
  assert.match((await refused(folder)).what, /not a plain file name/);
  await writeIndex([]);
  assert.match((await refused(folder)).what, /weight_map/);
});

const configs: readonly [name: string, change: object, what: RegExp, field: string][] = [
  ['another architecture', { architectures: ['MambaForCausalLM'] }, /MambaForCausalLM/, 'architectures'],
  ['no model type', { model_type: undefined }, /missing/, 'model_type'],
  ['another model type alone', { architectures: undefined, model_type: 'mamba' }, /mamba/, 'model_type'],
  ['another model type', { model_type: 'mistral' }, /mistral/, 'model_type'],
  ['another activation', { hidden_act: 'gelu' }, /gelu/, 'hidden_act'],
  ['biases that are no flag', { attention_bias: 'yes' }, /true or false/, 'attention_bias'],
  ['quantisation', { quantization_config: {} }, /quantized/, 'quantization_config'],
  ['another RoPE', { rope_scaling: { type: 'proportional' } }, /proportional/, 'rope_scaling.rope_type'],
  ['a missing size', { hidden_size: undefined }, /missing/, 'hidden_size'],
  ['a size that is text', { vocab_size: '640' }, /"640"/, 'vocab_size'],
  ['a size of zero', { num_hidden_layers: 0 }, /from 1 to 100000, found 0/, 'num_hidden_layers'],
  ['heads that do not share evenly', { num_key_value_heads: 3 }, /evenly/, 'num_key_value_heads'],
  ['an odd head', { head_dim: 3 }, /odd/, 'head_dim'],
];

for (const [name, change, what, field] of configs) {
  test(`${name}: refused, naming the field`, async (t) => {
    const folder = await modelFolder(t, { ...config, ...change });
    const error = await refused(folder);
    assert.match(error.what, what);
    assert.equal(error.where, `${path.join(folder, 'config.json')}, field "${field}"`);
  });
}

test('a whole number with a point is none, as for transformers and the runner', async (t) => {
  const folder = await modelFolder(t);
  const file = path.join(folder, 'config.json');
  await writeFile(file, (await readFile(file, 'utf8')).replace('"num_hidden_layers":2', '"num_hidden_layers":2.0'));
  const error = await refused(folder);
  assert.equal(error.where, `${file}, field "num_hidden_layers"`);
});

test('llama3 scaling and plain rope_parameters are accepted', async (t) => {
  for (const rope of [
    { rope_scaling: { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 } },
    { rope_parameters: { rope_type: 'default', rope_theta: 1e4 } },
  ]) {
    await inspectModel(await modelFolder(t, { ...config, ...rope }));
  }
});

const fixtures = path.resolve(import.meta.dirname, '../../fixtures/hf');
for (const name of readdirSync(fixtures).filter((entry) => entry.startsWith('family-'))) {
  test(`${name}: its folder is whole`, async (t) => {
    const folder = await modelFolder(t);
    for (const file of ['config.json', 'model.safetensors'])
      await copyFile(path.join(fixtures, name, 'model', file), path.join(folder, file));
    const { config: read } = await inspectModel(folder);
    const json = JSON.parse(await readFile(path.join(folder, 'config.json'), 'utf8')) as { model_type: string };
    assert.equal(read.family, json.model_type);
  });
}

test('windows: which layers have one, and how far RoPE scaling stretches', async () => {
  const of = (name: string): Promise<ModelConfig> => readModelConfig(path.join(fixtures, `family-${name}`, 'model'));
  assert.deepEqual((await of('mistral')).windows, [{ window: 9, layers: 2 }]);
  assert.equal((await of('qwen2')).windows, undefined);
  assert.deepEqual((await of('qwen2-window')).windows, [{ window: 7, layers: 1 }]);
  assert.deepEqual((await of('gemma2')).windows, [{ window: 9, layers: 1 }]);
  assert.deepEqual((await of('gemma3')).windows, [{ window: 9, layers: 2 }]);
  assert.equal((await of('rope-dynamic')).maxPositions, 96);
  assert.equal((await of('rope-yarn')).maxPositions, 64);
});

test('folders that are not whole', async (t) => {
  assert.match((await refused('/nowhere/at/all')).what, /no such model folder/);
  const lacking = async (name: string): Promise<WishboneError> => {
    const folder = await modelFolder(t);
    await rm(path.join(folder, name));
    return refused(folder);
  };
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors']) {
    const error = await lacking(name);
    assert.ok(error.where.endsWith(`/${name}`), error.where);
    assert.ok(error.what.includes(name));
  }
});

test("a tied model's embedding may be stored as its head, or as both when they are equal", async (t) => {
  const folder = await modelFolder(t);
  const file = path.join(folder, 'model.safetensors');
  const [embedding, head] = ['model.embed_tokens.weight', 'lm_head.weight'];
  const write = async (change: (tensors: Map<string, Tensor>) => void): Promise<void> => {
    const tensors = zeroWeights();
    tensors.set(embedding, { dtype: 'F32', shape: [640, 8], data: new Float32Array(640 * 8).map((_, index) => (index % 7) / 4 - 0.5) });
    change(tensors);
    await writeSafetensors(file, { metadata: {}, tensors });
  };
  const stored = (tensors: Map<string, Tensor>): Float32Array => tensors.get(embedding)!.data as Float32Array;
  await write((tensors) => {
    tensors.set(head, tensors.get(embedding)!);
    tensors.delete(embedding);
  });
  assert.equal((await inspectModel(folder)).parameters, weights);
  await write((tensors) => void tensors.set(head, tensors.get(embedding)!));
  assert.equal((await inspectModel(folder)).parameters, weights);

  const another = (values: Float32Array, at: number): Float32Array => values.map((value, index) => (index === at ? 2 : value));
  const bits = {
    BF16: (value: number) => new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 16,
    // Of numbers that are 0 or between 2^-14 and 2^15.
    F16: (value: number) => {
      if (value === 0) return 0;
      const exponent = Math.floor(Math.log2(Math.abs(value)));
      return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | ((Math.abs(value) / 2 ** exponent - 1) * 1024);
    },
  };
  for (const dtype of ['BF16', 'F16'] as const) {
    const halves = (values: Float32Array): Tensor => {
      const data = new Uint8Array(new Uint16Array([...values].map(bits[dtype])).buffer);
      return { dtype, shape: [640, 8], data };
    };
    await write((tensors) => tensors.set(head, halves(stored(tensors))));
    assert.deepEqual((await inspectModel(folder)).dtypes, ['F32']);
    await write((tensors) => tensors.set(head, halves(another(stored(tensors), 640 * 8 - 1))));
    assert.match((await refused(folder)).what, /another head/);
  }
  await write((tensors) => tensors.set(head, { ...tensors.get(embedding)!, data: another(stored(tensors), 0) }));
  const error = await refused(folder);
  assert.match(error.what, /another head/);
  assert.equal(error.where, `${file}, tensor "${head}"`);
});

test('weights that are cut off, missing, of another shape or type, or not of a Llama', async (t) => {
  const folder = await modelFolder(t);
  const file = path.join(folder, 'model.safetensors');
  await truncate(file, 3000);
  assert.match((await refused(folder)).where, /model\.safetensors/);
  const norm = 'model.norm.weight';
  const changed = async (change: (tensors: ReturnType<typeof zeroWeights>) => void): Promise<WishboneError> => {
    const tensors = zeroWeights();
    change(tensors);
    await writeSafetensors(file, { metadata: {}, tensors });
    return refused(folder);
  };
  assert.match((await changed((tensors) => tensors.delete(norm))).what, /missing/);
  assert.match(
    (await changed((tensors) => tensors.set(norm, { dtype: 'F32', shape: [4], data: new Float32Array(4) }))).what,
    /\[4\].*\[8\]/,
  );
  assert.match((await changed((tensors) => tensors.set(norm, { dtype: 'I32', shape: [8], data: new Int32Array(8) }))).what, /I32/);
  assert.match(
    (await changed((tensors) => tensors.set('other', { dtype: 'F32', shape: [1], data: new Float32Array(1) }))).what,
    /does not belong/,
  );
});

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { exportGguf } from '../../../src/core/gguf/index.js';
import { readGguf, type Seen, seenOf, writeWeights } from '../../support/gguf.js';

const ADAPTERS = path.resolve('test/fixtures/gguf-adapters');
const MODELS = path.resolve('test/fixtures/gguf');
const TYPES = ['f16', 'bf16', 'q8_0'] as const;
type Expected = Readonly<Record<(typeof TYPES)[number], Seen>> & { readonly shapes: Readonly<Record<string, readonly number[]>> };

let scratch: string;
before(async () => (scratch = await mkdtemp(path.join(tmpdir(), 'wishbone-gguf-adapter-'))));
after(() => rm(scratch, { recursive: true, force: true }));

/** A copy of a fixture with its weights, and fields of its config changed. */
async function adapterOf(
  name: string,
  changed: object = {},
  more: Readonly<Record<string, readonly number[]>> = {},
): Promise<[string, Expected]> {
  const folder = await mkdtemp(path.join(scratch, 'adapter-'));
  await cp(path.join(ADAPTERS, name), folder, { recursive: true });
  const expected = JSON.parse(await readFile(path.join(folder, 'expected.json'), 'utf8')) as Expected;
  const file = path.join(folder, 'adapter_config.json');
  await writeFile(file, JSON.stringify({ ...(JSON.parse(await readFile(file, 'utf8')) as object), ...changed }));
  await writeWeights(path.join(folder, 'adapter_model.safetensors'), new Map(Object.entries({ ...expected.shapes, ...more })), 'F32');
  return [folder, expected];
}

for (const name of readdirSync(ADAPTERS)) {
  test(`an adapter on ${name} is what llama.cpp's converter makes of it`, async () => {
    const [adapter, expected] = await adapterOf(name);
    for (const type of TYPES) {
      const out = path.join(scratch, `${name}-${type}.gguf`);
      await exportGguf({ model: path.join(MODELS, name), adapter, type, out, name: 'an adapter' });
      const own = seenOf(await readGguf(out));
      const described = (fields: Seen['fields']): Seen['fields'] =>
        Object.fromEntries(Object.entries(fields).filter(([key]) => !/^general\.(name|size_label|base_model)/.test(key)));
      assert.deepEqual(described(own.fields), described(expected[type].fields), type);
      assert.deepEqual(own.tensors, expected[type].tensors, type);
    }
  });
}

async function alphaOf(adapter: string): Promise<unknown> {
  const out = path.join(adapter, 'a.gguf');
  await exportGguf({ model: path.join(MODELS, 'llama-spm'), adapter, type: 'f16', out });
  return (await readGguf(out)).fields.get('adapter.lora.alpha')?.value;
}

test('a scale by the root of the rank is one by the rank, with another alpha', async () => {
  const [adapter] = await adapterOf('llama-spm', { use_rslora: true });
  assert.equal(await alphaOf(adapter), Math.fround(16 * Math.sqrt(8)));
});

test('an alpha for some layers that is that of all', async () => {
  const [adapter] = await adapterOf('llama-spm', { alpha_pattern: { q_proj: 16 } });
  assert.equal(await alphaOf(adapter), 16);
});

test('what llama.cpp cannot do with an adapter is refused by name', async () => {
  const refused = async (field: RegExp, what: RegExp, changed: object, type: 'f16' | 'q4_k_m' = 'f16', more = {}): Promise<void> => {
    const [adapter] = await adapterOf('llama-spm', changed, more);
    const out = path.join(adapter, 'a.gguf');
    await assert.rejects(exportGguf({ model: path.join(MODELS, 'llama-spm'), adapter, type, out }), (error) => {
      assert.ok(error instanceof WishboneError, String(error));
      assert.match(error.where, field);
      assert.match(error.what, what);
      return true;
    });
    assert.ok(!(await readdir(adapter)).some((name) => name.includes('gguf')), 'nothing is left');
  };
  await refused(/"alpha_pattern"/, /one alpha for all layers/, { alpha_pattern: { q_proj: 4 } });
  await refused(/"use_dora"/, /no DoRA/, { use_dora: true });
  await refused(/"bias"/, /no biases/, { bias: 'lora_only' });
  await refused(/adapter/, /no adapters of type q4_k_m/, {}, 'q4_k_m');
  await refused(/tensor "base_model.model.lm_head.weight"/, /nothing else/, {}, 'f16', { 'base_model.model.lm_head.weight': [486, 256] });
});

import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { checkAdapter } from '../../../src/core/model/index.js';
import { readModelConfig } from '../../../src/core/model/config.js';
import { temporaryFolder } from '../run/support.js';

const fixtures = path.resolve(import.meta.dirname, '../../fixtures/hf');

async function check(adapter: string, model: string): Promise<void> {
  await checkAdapter(adapter, await readModelConfig(model));
}

async function failure(adapter: string, model: string): Promise<WishboneError> {
  const error: unknown = await check(adapter, model).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof WishboneError, String(error));
  return error;
}

const adapters = ['lora-all-linear', 'lora-patterns', 'lora-regex'];
const modelOf = async (name: string): Promise<string> => {
  const { model } = JSON.parse(await readFile(path.join(fixtures, name, 'training.json'), 'utf8')) as { model: string };
  return path.resolve(fixtures, name, model);
};

test("PEFT's adapters fit their models", async () => {
  for (const name of adapters) await check(path.join(fixtures, name, 'adapter'), await modelOf(name));
});

test('an adapter for another model is refused with its tensor', async () => {
  const strange = path.join(fixtures, 'head-dim-64-long/model');
  for (const name of adapters) {
    const { what, where } = await failure(path.join(fixtures, name, 'adapter'), strange);
    assert.match(what, /for another model/);
    assert.match(where, /adapter_model\.safetensors, tensor "base_model\.model\..*lora_[AB]/);
  }
  const fused = path.join(fixtures, 'family-phi3-short/model');
  assert.match(
    (await failure(path.join(fixtures, 'lora-all-linear/adapter'), fused)).what,
    /for another model: this one has no such layer|the tensor is/,
  );
});

test('what is no LoRA adapter is refused with its file', async (t) => {
  const model = await modelOf('lora-all-linear');
  assert.match((await failure(model, model)).where, /adapter_config\.json$/);
  const folder = await temporaryFolder(t);
  await cp(path.join(fixtures, 'lora-all-linear/adapter'), folder, { recursive: true });
  await writeFile(path.join(folder, 'adapter_config.json'), '{"peft_type": "IA3"}');
  const { what, where } = await failure(folder, model);
  assert.match(`${what} ${where}`, /"IA3".*field "peft_type"/);
  await writeFile(path.join(folder, 'adapter_config.json'), '{');
  assert.match((await failure(folder, model)).what, /not valid JSON/);
});

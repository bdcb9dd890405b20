// LoRA through the command line.

import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readEvents } from '../../src/core/events/event-reader.js';
import { exampleData, exampleModel, repository, runnerCommand, temporaryFolder, wishbone } from './support.js';

const base = ['--model', exampleModel, '--preset', 'quick', '--epochs', '1', '--batch-size', '8', '--json'];
const adapter = ['--use-peft', '--lora-r', '4', '--lora-target-modules', 'q_proj,v_proj,down_proj', '--learning-rate', '1e-2'];

async function fewPairs(folder: string): Promise<string> {
  const file = join(folder, 'few.jsonl');
  await writeFile(file, (await readFile(exampleData, 'utf8')).split('\n').slice(0, 32).join('\n'));
  return file;
}

async function train(...args: string[]): Promise<string> {
  const result = await wishbone('train', ...args);
  assert.equal(result.code, 0, `${args.join(' ')}: ${result.stderr}`);
  return (JSON.parse(result.stdout) as { folder: string }).folder;
}

const losses = async (run: string): Promise<number[]> =>
  (await readEvents(run)).flatMap((event) => (event.type === 'step' ? [event.loss ?? NaN] : []));

test('an adapter: trained, resumed bit for bit, gone on from, and its export is a PEFT folder', async (t) => {
  const folder = await temporaryFolder(t);
  const data = await fewPairs(folder);
  const run = await train(
    data,
    ...base,
    ...adapter,
    '--runs',
    join(folder, 'runs'),
    '--save-steps',
    '2',
    '--save-final',
    '--save-total-limit',
    '0',
  );
  const curve = await losses(run);
  assert.ok(curve.at(-1)! < curve[0]! - 1e-3, curve.join(' '));
  const weights = join(run, 'export/adapter_model.safetensors');
  const whole = await readFile(weights);
  const config = JSON.parse(await readFile(join(run, 'export/adapter_config.json'), 'utf8')) as Record<string, unknown>;
  assert.equal(config['peft_type'], 'LORA');
  assert.equal(config['r'], 4);
  assert.deepEqual(config['target_modules'], ['q_proj', 'v_proj', 'down_proj']);
  // By its name: the path says where things lie on this machine.
  assert.equal(config['base_model_name_or_path'], 'tiny-llama');
  await readFile(join(run, 'export/tokenizer.json'));

  await rm(join(run, 'checkpoints/step-000004'), { recursive: true });
  await rm(join(run, 'export'), { recursive: true });
  const resumed = await runnerCommand('train', run, '--resume');
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.deepEqual(await readFile(weights), whole);

  const further = await train(
    data,
    ...base,
    '--use-peft',
    '--adapter-name-or-path',
    join(run, 'export'),
    '--merge-adapter',
    '--learning-rate',
    '1e-9',
    '--adapter-reference',
    'base',
    '--runs',
    join(folder, 'further'),
  );
  // Where the first run ended, while the reference is the model without an adapter.
  assert.ok((await losses(further))[0]! < curve[0]! - 1e-3);
  await readFile(join(further, 'export/model.safetensors'));
  await readFile(join(further, 'adapter/adapter_model.safetensors'));
});

test('an adapter for another model, and options of an adapter without one: one clear message', async (t) => {
  const folder = await temporaryFolder(t);
  const data = await fewPairs(folder);
  const refused = async (says: readonly RegExp[], ...args: string[]): Promise<void> => {
    const result = await wishbone('train', data, ...base, '--runs', join(folder, 'runs'), ...args);
    assert.equal(result.code, 3, result.stderr);
    assert.equal(result.stderr.match(/^error: /gm)?.length, 1, result.stderr);
    for (const pattern of says) assert.match(result.stderr, pattern);
  };
  const strange = join(repository, 'test/fixtures/hf/lora-patterns/adapter');
  await refused([/for another model/, /adapter_model\.safetensors/, /^ {2}fix: /m], '--use-peft', '--adapter-name-or-path', strange);
  await refused([/this needs use_peft/, /lora_r/], '--lora-r', '4');
  await refused([/continues from decides this/, /lora_r/], '--use-peft', '--adapter-name-or-path', strange, '--lora-r', '4');
  await refused([/no linear layer called "qkv_proj"/], '--use-peft', '--lora-target-modules', 'qkv_proj');
  await refused([/no PEFT adapter/, /adapter_config\.json/], '--use-peft', '--adapter-name-or-path', exampleModel);
});

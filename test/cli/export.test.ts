// A trained export is the model that was evaluated last: what the runner reads back from it, and, where Python has
// transformers, what transformers computes from it.

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readPlan } from '../../src/core/plan/index.js';
import { readEvents } from '../../src/core/events/event-reader.js';
import { readSafetensors } from '../../src/core/files/safetensors.js';
import { layOutRun } from './fixture-run.js';
import { assertClose, floats } from './numbers.js';
import { exampleData, exampleModel, outcome, repository, runnerCommand, wishbone } from './support.js';

const fixtures = join(repository, 'test/fixtures/hf');
const models = readdirSync(fixtures).filter((name) => existsSync(join(fixtures, name, 'model')));

/** A few large steps, so that the trained model is far from the first. */
const training = {
  loss_type: 'sigmoid',
  beta: 0.1,
  learning_rate: 0.01,
  lr_scheduler_type: 'constant',
  warmup_ratio: 0,
  weight_decay: 0,
  adam_beta1: 0.9,
  adam_beta2: 0.999,
  adam_epsilon: 1e-8,
  max_grad_norm: 1,
  eval_steps: 1,
  export_dtype: 'float32',
};

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wishbone-export-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function weightsOf(model: string): Promise<Map<string, readonly number[]>> {
  const shapes = new Map<string, readonly number[]>();
  for (const name of readdirSync(model).filter((file) => file.endsWith('.safetensors'))) {
    for (const [tensor, { shape }] of (await readSafetensors(join(model, name))).tensors) shapes.set(tensor, shape);
  }
  return shapes;
}

for (const name of models) {
  test(`${name}: the export has the tensors of its source, and the log-probabilities of the last evaluation`, async () => {
    const run = join(folder, name);
    const source = join(fixtures, name, 'model');
    const plan = join(fixtures, name, 'plan-pair.safetensors');
    await layOutRun(run, plan, source, training, plan);
    const trained = await runnerCommand('train', run);
    assert.equal(trained.code, 0, trained.stderr);
    const evaluations = (await readEvents(run)).filter((event) => event.type === 'eval');
    const last = evaluations.at(-1)!;
    assert.ok(last['eval_rewards/margins']! > 0.01, 'the model has changed');

    const exported = join(run, 'export');
    assert.deepEqual([...(await weightsOf(exported))].sort(), [...(await weightsOf(source))].sort());
    const config = async (model: string): Promise<object> => {
      const {
        dtype: _,
        torch_dtype: __,
        ...rest
      } = JSON.parse(await readFile(join(model, 'config.json'), 'utf8')) as Record<string, unknown>;
      return rest;
    };
    assert.deepEqual(await config(exported), await config(source));

    const out = join(run, 'logps.safetensors');
    const read = await runnerCommand('logps', exported, plan, '--out', out);
    assert.equal(read.code, 0, read.stderr);
    const logps = floats(await readSafetensors(out), 'logps');
    const { pairChosen, pairRejected } = await readPlan(plan);
    const mean = (sequences: Int32Array): number => [...sequences].reduce((sum, id) => sum + logps[id]!, 0) / sequences.length;
    const measured = [last['eval_logps/chosen'] ?? NaN, last['eval_logps/rejected'] ?? NaN];
    assertClose([mean(pairChosen), mean(pairRejected)], measured, 1e-5, 'eval_logps');
  });
}

/** The nearest BF16 to each float, ties to even, as its bits. */
function nearestBf16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (each) => (each + 0x7fff + ((each >>> 16) & 1)) >>> 16);
}

test("a new run exports in the dtype of its model's files, or in the one that is asked for", async () => {
  const train = async (name: string, ...more: string[]): Promise<string> => {
    const options = ['--max-steps', '2', '--batch-size', '8', '--learning-rate', '1e-3', '--runs', join(folder, name), '--json', ...more];
    const trained = await wishbone('train', exampleData, '-m', exampleModel, ...options);
    assert.equal(trained.code, 0, trained.stderr);
    return (JSON.parse(trained.stdout) as { folder: string }).folder;
  };
  const weights = (run: string): ReturnType<typeof readSafetensors> => readSafetensors(join(run, 'export/model.safetensors'));
  const says = async (run: string): Promise<unknown> => {
    const { training } = JSON.parse(await readFile(join(run, 'run.json'), 'utf8')) as { training: Record<string, unknown> };
    const { dtype, torch_dtype } = JSON.parse(await readFile(join(run, 'export/config.json'), 'utf8')) as Record<string, unknown>;
    return [training['export_dtype'], dtype ?? torch_dtype];
  };
  const auto = await train('auto');
  const wide = await train('wide', '--export-dtype', 'float32');
  assert.deepEqual(await says(auto), ['auto', 'bfloat16']);
  assert.deepEqual(await says(wide), ['float32', 'float32']);
  const narrow = await weights(auto);
  for (const [name, { data, dtype }] of (await weights(wide)).tensors) {
    assert.equal(dtype, 'F32', name);
    const half = narrow.tensors.get(name)!;
    assert.equal(half.dtype, 'BF16', name);
    const bytes = half.data as Uint8Array;
    assert.deepEqual(new Uint16Array(bytes.slice().buffer), nearestBf16(data as Float32Array), name);
  }
  const unknown = await wishbone('train', exampleData, '-m', exampleModel, '--export-dtype', 'float8');
  assert.equal(unknown.code, 2, unknown.stderr);
  assert.match(unknown.stderr, /export-dtype/);
});

test('transformers computes the same log-probabilities from every export', async (t) => {
  const python = process.env['WISHBONE_PYTHON'] ?? 'python3';
  if ((await outcome(python, ['-c', 'import torch, transformers, safetensors'])).code !== 0) {
    t.skip('needs a Python with torch, transformers and safetensors: WISHBONE_PYTHON names one');
    return;
  }
  const script = join(repository, 'scripts/check_export.py');
  const result = await outcome(python, [script, ...models.map((name) => join(folder, name))]);
  assert.equal(result.code, 0, `${result.stdout}\n${result.stderr}`);
  for (const line of result.stdout.trim().split('\n')) t.diagnostic(line);
});

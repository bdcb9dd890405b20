// The runner against Hugging Face transformers, through the files of test/fixtures/hf (see the README there).

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { readEvents } from '../../src/core/events/event-reader.js';
import { readSafetensors } from '../../src/core/files/safetensors.js';
import { layOutRun } from './fixture-run.js';
import { assertClose, floats, integers, relativeDistance } from './numbers.js';
import { repository, runnerCommand, temporaryFolder } from './support.js';

const fixtures = join(repository, 'test/fixtures/hf');
const folders = readdirSync(fixtures, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const trainings = folders.filter((name) => name.startsWith('train-'));
const adapters = folders.filter((name) => name.startsWith('lora-'));
const models = folders.filter((name) => !name.startsWith('train-') && !name.startsWith('lora-'));

for (const name of models) {
  const folder = join(fixtures, name);
  const model = join(folder, 'model');

  test(`${name}: logits as transformers computes them`, async (t) => {
    const expected = await readSafetensors(join(folder, 'expected.safetensors'));
    const out = join(await temporaryFolder(t), 'logits.safetensors');
    const tokens = integers(expected, 'logits_tokens').join(',');
    const result = await runnerCommand('logits', model, '--tokens', tokens, '--out', out);
    assert.equal(result.code, 0, result.stderr);
    assertClose(floats(await readSafetensors(out), 'logits'), floats(expected, 'logits'), 1e-4, 'logits');
  });

  for (const sharing of ['none', 'pair']) {
    test(`${name}, sharing ${sharing}: log-probabilities and gradients as transformers computes them`, async (t) => {
      const expected = await readSafetensors(join(folder, 'expected.safetensors'));
      const out = join(await temporaryFolder(t), 'logps.safetensors');
      const plan = join(folder, `plan-${sharing}.safetensors`);
      const result = await runnerCommand('logps', model, plan, '--out', out, '--gradients');
      assert.equal(result.code, 0, result.stderr);
      const actual = await readSafetensors(out);
      assertClose(floats(actual, 'logps'), floats(expected, 'logps'), 1e-5, 'logps');

      const gradients = (file: typeof actual): string[] => [...file.tensors.keys()].filter((key) => key.startsWith('grad.')).sort();
      assert.deepEqual(gradients(actual), gradients(expected));
      for (const gradient of gradients(expected)) {
        const distance = relativeDistance(floats(actual, gradient), floats(expected, gradient));
        assert.ok(distance <= 1e-5, `${gradient}: relative distance ${distance}`);
      }
    });
  }
}

const columns = {
  loss: 'loss',
  'rewards/chosen': 'rewards_chosen',
  'rewards/rejected': 'rewards_rejected',
  'rewards/margins': 'rewards_margins',
  'logps/chosen': 'logps_chosen',
  'logps/rejected': 'logps_rejected',
  grad_norm: 'grad_norm',
  learning_rate: 'learning_rate',
} as const;

for (const name of trainings) {
  for (const sharing of ['none', 'pair'] as const) {
    test(`${name}, sharing ${sharing}: 20 steps as transformers takes them, and the export holds the same model`, async (t) => {
      const folder = join(fixtures, name);
      const expected = await readSafetensors(join(folder, 'expected.safetensors'));
      const run = join(await temporaryFolder(t), 'run');
      const settings = JSON.parse(await readFile(join(folder, 'training.json'), 'utf8')) as { model: string; training: object };
      await layOutRun(run, join(folder, `plan-${sharing}.safetensors`), resolve(folder, settings.model), settings.training);
      const result = await runnerCommand('train', run);
      assert.equal(result.code, 0, result.stderr);

      const steps = (await readEvents(run)).filter((event) => event.type === 'step');
      assert.equal(steps.length, 20);
      for (const [field, tensor] of Object.entries(columns)) {
        const actual = steps.map((step) => step[field as keyof typeof columns] ?? NaN);
        assertClose(actual, floats(expected, `step.${tensor}`), 1e-5, field);
      }
      const accuracies = steps.map((step) => step['rewards/accuracies'] ?? NaN);
      assertClose(accuracies, floats(expected, 'step.rewards_accuracies'), 1e-6, 'rewards/accuracies');

      const exported = await readSafetensors(join(run, 'export/model.safetensors'));
      for (const key of expected.tensors.keys()) {
        if (!key.startsWith('final.')) continue;
        const distance = relativeDistance(floats(exported, key.slice('final.'.length)), floats(expected, key));
        assert.ok(distance <= 1e-5, `${key}: relative distance ${distance}`);
      }

      const out = join(run, 'logits.safetensors');
      const tokens = integers(expected, 'sequence_tokens').slice(0, integers(expected, 'sequence_start')[1]).join(',');
      const logits = await runnerCommand('logits', join(run, 'export'), '--tokens', tokens, '--out', out);
      assert.equal(logits.code, 0, logits.stderr);
      assertClose(floats(await readSafetensors(out), 'logits'), floats(expected, 'final_logits'), 1e-4, 'final_logits');
    });
  }
}

for (const name of adapters) {
  const folder = join(fixtures, name);
  const adapter = join(folder, 'adapter');
  const settings = async (): Promise<Settings> => JSON.parse(await readFile(join(folder, 'training.json'), 'utf8')) as Settings;

  test(`${name}: logits as PEFT computes them`, async (t) => {
    const expected = await readSafetensors(join(folder, 'expected.safetensors'));
    const out = join(await temporaryFolder(t), 'logits.safetensors');
    const tokens = integers(expected, 'logits_tokens').join(',');
    const model = resolve(folder, (await settings()).model);
    const result = await runnerCommand('logits', model, '--adapter', adapter, '--tokens', tokens, '--out', out);
    assert.equal(result.code, 0, result.stderr);
    assertClose(floats(await readSafetensors(out), 'logits'), floats(expected, 'logits'), 1e-4, 'logits');
  });

  for (const sharing of ['none', 'pair'] as const) {
    test(`${name}, sharing ${sharing}: log-probabilities and gradients as PEFT computes them`, async (t) => {
      const expected = await readSafetensors(join(folder, 'expected.safetensors'));
      const out = join(await temporaryFolder(t), 'logps.safetensors');
      const model = resolve(folder, (await settings()).model);
      const plan = join(folder, `plan-${sharing}.safetensors`);
      const result = await runnerCommand('logps', model, plan, '--adapter', adapter, '--out', out, '--gradients');
      assert.equal(result.code, 0, result.stderr);
      const actual = await readSafetensors(out);
      assertClose(floats(actual, 'logps'), floats(expected, 'logps'), 1e-5, 'logps');
      const gradients = (file: typeof actual): string[] => [...file.tensors.keys()].filter((key) => key.startsWith('grad.')).sort();
      assert.deepEqual(gradients(actual), gradients(expected));
      for (const gradient of gradients(expected)) {
        const distance = relativeDistance(floats(actual, gradient), floats(expected, gradient));
        assert.ok(distance <= 1e-5, `${gradient}: relative distance ${distance}`);
      }
    });

    for (const merge of [false, true]) {
      test(`${name}, sharing ${sharing}: steps as PEFT takes them, ${merge ? 'merged' : 'exported as an adapter'}`, async (t) => {
        const expected = await readSafetensors(join(folder, 'expected.safetensors'));
        const run = join(await temporaryFolder(t), 'run');
        const { model: base, training } = await settings();
        await layOutRun(run, join(folder, `plan-${sharing}.safetensors`), resolve(folder, base), {
          ...training,
          adapter_name_or_path: adapter,
          merge_adapter: merge,
          reference: merge ? 'in_step' : 'precompute',
        });
        const result = await runnerCommand('train', run);
        assert.equal(result.code, 0, result.stderr);
        const steps = (await readEvents(run)).filter((event) => event.type === 'step');
        for (const [field, tensor] of [
          ['loss', 'loss'],
          ['rewards/margins', 'rewards_margins'],
          ['grad_norm', 'grad_norm'],
        ] as const)
          assertClose(
            steps.map((step) => step[field] ?? NaN),
            floats(expected, `step.${tensor}`),
            1e-5,
            field,
          );

        const trained = join(run, merge ? 'adapter' : 'export');
        const exported = await readSafetensors(join(trained, 'adapter_model.safetensors'));
        const names = [...expected.tensors.keys()].filter((key) => key.startsWith('final.'));
        assert.equal(exported.tensors.size, names.length);
        for (const key of names) {
          const distance = relativeDistance(floats(exported, `base_model.model.${key.slice('final.'.length)}`), floats(expected, key));
          assert.ok(distance <= 1e-4, `${key}: relative distance ${distance}`);
        }

        const out = join(run, 'logits.safetensors');
        const tokens = integers(expected, 'logits_tokens').join(',');
        const model = merge ? join(run, 'export') : resolve(folder, (await settings()).model);
        const withAdapter = merge ? [] : ['--adapter', trained];
        const logits = await runnerCommand('logits', model, ...withAdapter, '--tokens', tokens, '--out', out);
        assert.equal(logits.code, 0, logits.stderr);
        assertClose(floats(await readSafetensors(out), 'logits'), floats(expected, 'merged_logits'), 1e-4, 'merged_logits');
      });
    }
  }
}

interface Settings {
  readonly model: string;
  readonly training: object;
}

// A run from a *.wishbone.json, and from a YAML of TRL that was converted into one.

import assert from 'node:assert/strict';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readEvents } from '../../src/core/events/event-reader.js';
import { readRun } from '../../src/core/run/folder.js';
import { exampleData, exampleModel, temporaryFolder, wishbone } from './support.js';

async function trained(...args: string[]): Promise<string> {
  const result = await wishbone('train', ...args, '--json');
  assert.equal(result.code, 0, result.stderr);
  return (JSON.parse(result.stdout) as { folder: string }).folder;
}

/** A folder with the example model, and the example pairs in two files. */
async function project(folder: string): Promise<void> {
  await cp(exampleModel, join(folder, 'model'), { recursive: true });
  const rows = (await readFile(exampleData, 'utf8')).split('\n').slice(0, 24);
  await mkdir(join(folder, 'data'));
  await writeFile(join(folder, 'data/a.jsonl'), rows.slice(0, 16).join('\n'));
  await writeFile(join(folder, 'data/b.jsonl'), rows.slice(16).join('\n'));
}

test('a config says what is trained; a flag goes before it; paths count from its folder', async (t) => {
  const folder = await temporaryFolder(t);
  await project(folder);
  const file = join(folder, 'configs/run.wishbone.json');
  await mkdir(join(folder, 'configs'));
  await writeFile(
    file,
    `{
  "version": 1,
  "name": "from a file", // as people call it
  "preset": "quick",
  "model": "../model",
  "dataset": ["../data/a.jsonl", "../data/b.jsonl:2"],
  "runs": "runs",
  "plan": { "max_steps": 3, "batch_size": 4, "eval_fraction": 0.2 },
  "training": { "loss_type": ["sigmoid", "sft"], "loss_weights": [1, 0.2], "beta": 0.3, "eval_steps": 2 },
  "runner": { "backend": "cpu" },
}`,
  );
  const run = await trained(file, '--beta', '0.5');
  assert.ok(run.startsWith(join(folder, 'configs/runs')), run);
  const { config } = await readRun(run);
  assert.equal(config.name, 'from a file');
  assert.equal(config.model.path, join(folder, 'model'));
  assert.deepEqual(
    config.dataset.files?.map(({ path, weight }) => [path, weight]),
    [
      [join(folder, 'data/a.jsonl'), 1],
      [join(folder, 'data/b.jsonl'), 2],
    ],
  );
  const { loss_type, loss_weights, beta, learning_rate } = config.training;
  assert.deepEqual(
    { loss_type, loss_weights, beta, learning_rate },
    { loss_type: ['sigmoid', 'sft'], loss_weights: [1, 0.2], beta: 0.5, learning_rate: 2e-4 },
  );
  const events = await readEvents(run);
  assert.equal(events.filter(({ type }) => type === 'step').length, 3);
  assert.deepEqual(
    events.flatMap((event) => (event.type === 'eval' ? [event.step] : [])),
    [2, 3],
  );
});

test('a YAML of TRL is converted and trained as it says', async (t) => {
  const folder = await temporaryFolder(t);
  await project(folder);
  const yaml = [
    'model_name_or_path: model',
    'dataset_name: data/a.jsonl',
    'loss_type: [ipo]',
    'beta: 0.05',
    'max_steps: 2',
    'per_device_train_batch_size: 2',
    'gradient_accumulation_steps: 2',
    'learning_rate: 1.0e-4',
    'lr_scheduler_type: constant',
    'use_cpu: true',
  ];
  await writeFile(join(folder, 'dpo.yaml'), yaml.join('\n'));
  const converted = await wishbone('convert', join(folder, 'dpo.yaml'));
  assert.equal(converted.code, 0, converted.stderr);
  assert.doesNotMatch(converted.stdout, /^not carried over/m);
  const run = await trained(join(folder, 'dpo.wishbone.json'), '--runs', join(folder, 'runs'));
  const { config } = await readRun(run);
  assert.equal(config.plan.batch_size, 4);
  assert.deepEqual([config.training.loss_type, config.training.beta, config.training.warmup_ratio], ['ipo', 0.05, 0]);
  const steps = (await readEvents(run)).filter((event) => event.type === 'step');
  assert.deepEqual(
    steps.map(({ learning_rate }) => learning_rate),
    [1e-4, 1e-4],
  );
  // The policy is still the reference: IPO's loss is (1 / 2 beta)².
  assert.ok(Math.abs(steps[0]!.loss! - 100) < 1e-3, String(steps[0]!.loss));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configText, isOfOneFile, parseConfigFile, resolveConfig, settingsOfRun } from '../../../src/core/config-file/index.js';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING, newRunConfig, type RunConfig } from '../../../src/core/run/index.js';

const sha256 = 'a'.repeat(64);
const dataset = { path: '/work/data/a.jsonl', sha256, format: 'trl-explicit', pairs: 3 };
const names = ['/work/data/*.jsonl:0.5', '/elsewhere/far/away/b.parquet'];

function run(change: Partial<RunConfig>): RunConfig {
  const options = { plan: DEFAULT_PLAN, training: DEFAULT_TRAINING, runner: DEFAULT_RUNNER };
  return { ...newRunConfig({ dataset, model: { path: '../../model' }, ...options }), ...change };
}

test('a run config of a run makes the same run: names, options, and the rest by default', () => {
  const plan = { ...DEFAULT_PLAN, columns: 'prompt=question', capacity: 4096 };
  const training = { ...DEFAULT_TRAINING, loss_type: ['sigmoid', 'sft'] as const, loss_weights: [1, 0.2], eval_steps: 5 };
  const source = run({ dataset: { ...dataset, names }, eval_dataset: { ...dataset, path: '/work/data/e.jsonl' }, plan, training });
  assert.ok(!isOfOneFile(source));
  const text = configText(settingsOfRun(source, '/work/.wishbone/runs/r1'), '/work');
  assert.match(text, /"data\/\*\.jsonl:0\.5"/, 'relative to where it is');
  assert.doesNotMatch(text, /learning_rate/);
  const config = parseConfigFile(text, '/work/again.wishbone.json');
  assert.deepEqual(config.dataset, names);
  assert.deepEqual(config.evalDataset, ['/work/data/e.jsonl']);
  assert.equal(config.model, '/work/.wishbone/model');
  const { plan: plan2, training: training2, runner } = resolveConfig(config);
  assert.deepEqual({ plan: plan2, training: training2, runner }, { plan, training, runner: DEFAULT_RUNNER });
});

test('pairs that were held out are held out again, not named', () => {
  const plan = { ...DEFAULT_PLAN, eval_fraction: 0.1 };
  const settings = settingsOfRun(run({ plan, eval_dataset: dataset }), '/work');
  assert.equal(settings.eval_dataset, undefined);
  assert.deepEqual(settings.plan, { eval_fraction: 0.1 });
  assert.equal(settings.dataset, dataset.path);
  assert.ok(isOfOneFile(run({})));
});

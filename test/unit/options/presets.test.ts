import assert from 'node:assert/strict';
import { test } from 'node:test';
import trl from '../../../src/core/convert/trl-settings.json';
import { checkTraining, DEFAULT_TRAINING, presetById, PRESETS } from '../../../src/core/options/index.js';

test('every preset has options that go together, and a name of its own', () => {
  for (const { training } of PRESETS) checkTraining(training, false);
  assert.equal(new Set(PRESETS.map(({ id }) => id)).size, PRESETS.length);
  assert.equal(new Set(PRESETS.map(({ label }) => label)).size, PRESETS.length);
});

test('the preset "trl" has the defaults of TRL, for every option that TRL has too', () => {
  const theirs: Readonly<Record<string, unknown>> = {
    ...trl.common,
    ...trl.scripts.ModelConfig,
    ...trl.trainers.CPO,
    ...trl.trainers.DPO,
  };
  const preset = presetById('trl')!;
  const { plan, training } = preset;
  assert.equal(plan.batch_size, theirs['per_device_train_batch_size']);
  assert.equal(theirs['gradient_accumulation_steps'], 1);
  assert.equal(plan.epochs, theirs['num_train_epochs']);
  assert.equal(plan.max_length, theirs['max_length']);
  assert.equal(plan.seed, theirs['seed']);
  assert.equal(theirs['truncation_mode'], 'keep_start');
  // No warm-up, by steps (there a fraction is a ratio) or by the ratio, which counts below 0 steps.
  assert.deepEqual([training.warmup_ratio, Math.max(0, training.warmup_steps)], [0, theirs['warmup_steps']]);
  // None there is none, or all of them, here.
  const asNone: Readonly<Record<string, unknown>> = {
    loss_weights: [],
    eval_steps: 0,
    save_total_limit: 0,
    ld_alpha: 1,
    metric_for_best_model: 'eval_loss',
  };
  assert.equal(theirs['eval_strategy'], 'no');
  let same = 0;
  for (const [name, value] of Object.entries(training)) {
    if (!(name in theirs)) continue;
    // Layers that depend on the model there, and mean nothing before there is an adapter.
    if (name === 'lora_target_modules' || name === 'warmup_steps') continue;
    const expected = name in asNone && theirs[name] === null ? asNone[name] : name === 'loss_type' ? 'sigmoid' : theirs[name];
    assert.deepEqual(value, expected, name);
    same++;
  }
  assert.deepEqual(trl.trainers.DPO.loss_type, ['sigmoid']);
  assert.ok(same >= 27, String(same));
  assert.equal(training.reference, DEFAULT_TRAINING.reference, 'the same numbers, computed up front');
});

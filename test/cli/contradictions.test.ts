// Options that contradict each other are refused by TypeScript before anything is planned, and by the runner, which may be
// started without it, in the same way.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { WishboneError } from '../../src/core/errors.js';
import { checkTraining, DEFAULT_TRAINING, type TrainingOptions } from '../../src/core/options/index.js';
import { layOutRun } from './fixture-run.js';
import { assertOneError } from './one-error.js';
import { repository, runnerCommand, temporaryFolder } from './support.js';

const fixture = join(repository, 'test/fixtures/hf/mha-tied-fp32');
const plan = join(fixture, 'plan-pair.safetensors');

/** With the option that is named, and whether there is a dataset to evaluate on. */
const cases: readonly [option: keyof TrainingOptions, training: Partial<TrainingOptions>, evaluates?: boolean][] = [
  ['loss_weights', { loss_type: ['sigmoid', 'sft'], loss_weights: [1] }],
  ['loss_weights', { loss_type: ['sigmoid', 'sft'], loss_weights: [0, 0] }],
  ['f_divergence_type', { loss_type: 'bco_pair', f_divergence_type: 'forward_kl' }],
  ['use_weighting', { loss_type: 'aot', use_weighting: true }],
  ['ld_alpha', { loss_type: 'simpo', ld_alpha: 0.5 }],
  ['label_smoothing', { loss_type: 'sigmoid', label_smoothing: 0.1 }],
  ['label_smoothing', { loss_type: 'exo_pair' }],
  ['label_smoothing', { loss_type: 'robust', label_smoothing: 0.5 }],
  ['sync_ref_model', { loss_type: 'cpo', sync_ref_model: true, reference: 'in_step' }],
  ['sync_ref_model', { sync_ref_model: true }],
  ['reference_model', { loss_type: 'orpo', reference_model: '/somewhere' }],
  ['num_decay_steps', { num_decay_steps: 3 }],
  ['num_decay_steps', { lr_scheduler_type: 'warmup_stable_decay' }],
  ['eval_steps', { eval_steps: 1 }],
  ['load_best_model_at_end', { load_best_model_at_end: true }],
  ['early_stopping_patience', { early_stopping_patience: 1 }],
  ['sft_steps', { loss_type: 'sft', sft_steps: 1 }],
];

for (const [option, training, evaluates = false] of cases) {
  test(`${option} with ${JSON.stringify(training)}: refused on both sides`, async (t) => {
    const whole = { ...DEFAULT_TRAINING, ...training };
    assert.throws(
      () => checkTraining(whole, evaluates),
      (error) => error instanceof WishboneError && error.where === `training.${option}`,
    );
    const run = join(await temporaryFolder(t), 'run');
    await layOutRun(run, plan, join(fixture, 'model'), whole, evaluates ? plan : undefined);
    const result = await runnerCommand('train', run);
    assert.equal(result.code, 3, result.stderr);
    assertOneError(result.stderr, [new RegExp(`training\\.${option}`)]);
  });
}

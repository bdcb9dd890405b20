import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { checkTraining, LOSS_TYPES } from '../../../src/core/options/index.js';
import type { RunConfig } from '../../../src/core/run/index.js';
import { REMEDY_NAMES, remedyOf, withRemedy } from '../../../src/core/why/index.js';
import { exampleConfig } from '../run/support.js';

const STEPS = 120;
const configWith = (training: Partial<RunConfig['training']>): RunConfig => {
  const config = exampleConfig();
  return { ...config, training: { ...config.training, ...training } };
};

test('what a remedy would change is said option by option, before and after', () => {
  const changes = (name: (typeof REMEDY_NAMES)[number], training = {}) =>
    remedyOf(name, configWith(training), STEPS).changes.map(({ option, before, after }) => [option, before, after]);
  assert.deepEqual(changes('sft'), [
    ['loss_type', 'sigmoid', ['sigmoid', 'sft']],
    ['loss_weights', [], [1, 1]],
  ]);
  assert.deepEqual(changes('sft', { loss_type: ['sigmoid', 'sft'], loss_weights: [1, 0.25] }), [['loss_weights', [1, 0.25], [1, 0.5]]]);
  assert.deepEqual(changes('apo_zero'), [['loss_type', 'sigmoid', 'apo_zero']]);
  assert.deepEqual(changes('apo_zero', { loss_type: ['sft', 'hinge'], loss_weights: [1, 2] }), [
    ['loss_type', ['sft', 'hinge'], ['sft', 'apo_zero']],
  ]);
  assert.deepEqual(changes('ld_alpha'), [['ld_alpha', 1, 0.5]]);
  assert.deepEqual(changes('sigmoid_norm'), [
    ['loss_type', 'sigmoid', 'sigmoid_norm'],
    ['beta', 0.1, 5],
  ]);
  assert.deepEqual(changes('sft_steps'), [['sft_steps', 0, 12]]);
  assert.deepEqual(changes('beta'), [['beta', 0.1, 0.2]]);
  assert.deepEqual(changes('learning_rate', { learning_rate: 1e-4 }), [['learning_rate', 1e-4, 5e-5]]);
});

test('what a run cannot have is said with the reason, and cannot be asked for', () => {
  const divergence = remedyOf('apo_zero', configWith({ f_divergence_type: 'forward_kl' }), STEPS);
  assert.match(divergence.problem, /"apo_zero" does not support this divergence/);
  assert.match(remedyOf('ld_alpha', configWith({ loss_type: 'simpo' }), STEPS).problem, /needs a loss that compares with a reference/);
  assert.equal(remedyOf('beta', configWith({ loss_type: 'orpo' }), STEPS).problem, 'the loss has no reference to keep close to');
  assert.throws(
    () => withRemedy('apo_zero', configWith({ f_divergence_type: 'forward_kl' }), STEPS),
    (error) => error instanceof WishboneError,
  );
  assert.equal(withRemedy('ld_alpha', configWith({}), STEPS).training.ld_alpha, 0.5);
});

test('whatever the loss is, a remedy leads to a run that can be trained, or says why there is none', () => {
  for (const loss_type of LOSS_TYPES) {
    const config = configWith({ loss_type, label_smoothing: ['exo_pair', 'robust'].includes(loss_type) ? 0.1 : 0 });
    for (const name of REMEDY_NAMES) {
      const { changes, problem } = remedyOf(name, config, STEPS);
      if (problem !== '') continue;
      assert.ok(changes.length > 0, `${name} of ${loss_type} changes nothing`);
      checkTraining(withRemedy(name, config, STEPS).training, false);
    }
  }
});

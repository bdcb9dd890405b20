import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  DEFAULT_TRAINING,
  learningRateWarning,
  PRESETS,
  suitedLearningRate,
  suitedPreset,
  usualLearningRates,
  withSuitedRate,
} from '../../../src/core/options/index.js';

const full = { loss_type: 'sigmoid', use_peft: false } as const;
const adapter = { loss_type: 'sigmoid', use_peft: true } as const;

/** What published recipes take: parameters, options, rate, where from. */
const RECIPES = [
  [135e6, full, 1e-6, 'SmolLM2 135M and 360M, alignment-handbook'],
  [494e6, full, 5e-7, 'Qwen2 0.5B, the example of TRL'],
  [494e6, adapter, 5e-6, 'Qwen2 0.5B with LoRA, the example of TRL'],
  [1.7e9, full, 1e-6, 'SmolLM2 1.7B, alignment-handbook'],
  [7.2e9, full, 5e-7, 'Zephyr 7B, alignment-handbook'],
  [7.2e9, adapter, 5e-6, 'Zephyr 7B QLoRA, alignment-handbook'],
  [7.3e9, full, 8e-7, 'OLMo 2 7B'],
  [8e9, full, 5e-7, 'Tülu 3 8B'],
  [13.7e9, full, 8e-7, 'OLMo 2 13B'],
  [70.6e9, full, 2e-7, 'Tülu 3 70B'],
  [141e9, { loss_type: 'orpo', use_peft: false }, 5e-6, 'Zephyr 141B, ORPO'],
  [405e9, full, 1e-5, 'Llama 3 405B'],
] as const;

test('no published recipe is warned of, and what is suggested is within five times of all but the boldest', () => {
  for (const [parameters, options, learning_rate, from] of RECIPES) {
    assert.equal(learningRateWarning(parameters, { ...options, learning_rate }), undefined, from);
    const ratio = suitedLearningRate(parameters, options) / learning_rate;
    if (parameters < 405e9) assert.ok(ratio <= 5 && ratio >= 1 / 5, `${from}: ${ratio}`);
  }
});

test('all parameters of a billion are not offered what a million takes', () => {
  assert.equal(suitedLearningRate(1e6, full), 2e-4);
  assert.equal(suitedLearningRate(1.2e9, full), 1e-6);
  assert.match(
    learningRateWarning(1.2e9, { ...full, learning_rate: 2e-4 })!,
    /^far above what is used for 1\.2 billion parameters, all of them trained \(2e-8 to 5e-5\): .*diverge; 1e-6 is usual$/,
  );
  assert.match(learningRateWarning(1e6, { ...full, learning_rate: 1e-6 })!, /^far below .* 1\.0 million .*almost nothing will be learned/);
  assert.match(learningRateWarning(8e9, { ...adapter, learning_rate: 1e-2 })!, /trained by an adapter/);
  assert.ok(learningRateWarning(8e9, { ...full, learning_rate: 0 }));
});

test('rates fall with size, rise with an adapter and with losses that teach responses, and stay within what is sane', () => {
  let before = Infinity;
  for (let parameters = 1e5; parameters < 1e12; parameters *= 1.7) {
    const rate = suitedLearningRate(parameters, full);
    assert.ok(rate <= before);
    before = rate;
    for (const options of [full, adapter, { ...full, loss_type: 'orpo' as const }, { ...adapter, loss_type: 'sft' as const }]) {
      const suited = suitedLearningRate(parameters, options);
      const { least, most } = usualLearningRates(parameters, options);
      assert.ok(suited >= rate && suited <= 1e-3 && least < suited && suited < most);
    }
  }
  // Of a mixture with a preference loss, that one decides.
  assert.equal(suitedLearningRate(8e9, { ...full, loss_type: ['sigmoid', 'sft'] }), 5e-7);
  assert.equal(suitedLearningRate(8e9, { ...full, loss_type: 'sft' }), 1e-5);
});

test('a preset says how much of it is taken, and which one suits a model', () => {
  const gentle = PRESETS.find(({ id }) => id === 'gentle')!;
  assert.equal(withSuitedRate(gentle.training, 8e9, gentle.rateFactor!).learning_rate, 2.5e-7);
  assert.deepEqual(withSuitedRate(DEFAULT_TRAINING, 8e9, 1), { ...DEFAULT_TRAINING, learning_rate: 5e-7 });
  assert.deepEqual(
    PRESETS.filter(({ rateFactor }) => rateFactor === undefined).map(({ id, training }) => [id, training.learning_rate]),
    [['trl', 1e-6]],
  );
  assert.deepEqual(
    [undefined, 1e6, 8e9].map((size) => suitedPreset(size).id),
    ['quick', 'quick', 'standard'],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { configText, parseConfigFile, resolveConfig } from '../../../src/core/config-file/index.js';
import { DEFAULT_RUNNER, PRESETS } from '../../../src/core/options/index.js';
import { configName, configSettings } from '../../../src/extension/panels/launch/config-settings.js';
import { optionTexts } from '../../../src/extension/draft/read-draft.js';

const paths = { name: ' beta sweep ', dataset: '/w/data/pairs.jsonl', evalDataset: '', model: '/models/tiny' };

test('a form that is saved as a config and read again is as it was, with and without a preset', () => {
  for (const { id, plan, training } of PRESETS) {
    for (const preset of [id, '']) {
      const options = {
        plan: { ...plan, capacity: 4096, sharing: 'tree' as const },
        training: { ...training, loss_type: ['sigmoid', 'sft'] as const, loss_weights: [0.8, 0.2], beta: 0.25 },
        runner: { ...DEFAULT_RUNNER, threads: 3 },
      };
      const settings = configSettings({ ...optionTexts(options), ...paths }, options, preset, true);
      const config = parseConfigFile(configText(settings, '/w'), '/w/beta-sweep.wishbone.json');
      assert.deepEqual(resolveConfig(config), options);
      assert.deepEqual(
        [config.name, config.dataset, config.model, config.evalDataset],
        ['beta sweep', [paths.dataset], paths.model, undefined],
      );
      assert.equal(config.preset, preset === '' ? undefined : preset);
      assert.equal(config.reportTo, undefined);
      const reported = configSettings({ ...optionTexts(options), ...paths, reportTo: 'mlflow, wandb' }, options, preset, true);
      assert.deepEqual(parseConfigFile(configText(reported, '/w'), '/w/a.wishbone.json').reportTo, ['mlflow', 'wandb']);
    }
  }
});

test('several files, wildcards and weights are written as a list, paths near the config relative to it', () => {
  const preset = PRESETS[0]!;
  const options = { plan: preset.plan, training: preset.training, runner: DEFAULT_RUNNER };
  const values = { ...optionTexts(options), ...paths, dataset: '/w/a.jsonl:0.5\n\n /w/more/*.jsonl ', evalDataset: '/w/held.jsonl' };
  const text = configText(configSettings(values, options, preset.id, true), '/w');
  assert.match(text, /"dataset": \["a\.jsonl:0\.5","more\/\*\.jsonl"\]/);
  const config = parseConfigFile(text, '/w/run.wishbone.json');
  assert.deepEqual(config.dataset, ['/w/a.jsonl:0.5', '/w/more/*.jsonl']);
  assert.deepEqual(config.evalDataset, ['/w/held.jsonl']);
  assert.equal(configName({ ...values, name: '' }), 'a.wishbone.json');
});

test('what a preset says is not said again', () => {
  const preset = PRESETS[0]!;
  const options = { plan: preset.plan, training: preset.training, runner: DEFAULT_RUNNER };
  const text = configText(configSettings({ ...optionTexts(options), ...paths }, options, preset.id, false), '/w');
  assert.doesNotMatch(text, /learning_rate|capacity|backend/);
  // One that somebody gave is said, even where it is what stands in the preset: the model may want another.
  const own = configText(configSettings({ ...optionTexts(options), ...paths }, options, preset.id, true), '/w');
  assert.equal(parseConfigFile(own, '/w/run.wishbone.json').training.learning_rate, preset.training.learning_rate);
  assert.match(text, /"dataset": "data\/pairs\.jsonl"/, 'paths near it move with it');
});

test('the file is called as the run, else as its dataset', () => {
  assert.equal(configName(paths), 'beta-sweep.wishbone.json');
  assert.equal(configName({ ...paths, name: '' }), 'pairs.wishbone.json');
  assert.equal(configName({ name: '', dataset: '' }), 'run.wishbone.json');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { configText, parseConfigFile, type SweepBlock } from '../../../src/core/config-file/index.js';
import { DEFAULT_RUNNER, OPTION_PATHS, PRESETS } from '../../../src/core/options/index.js';
import { expandSweep } from '../../../src/core/sweep/index.js';
import { formSections, SWEEP_SECTION } from '../../../src/extension/draft/fields.js';
import { idleFields, optionTexts, readDraft, type Values } from '../../../src/extension/draft/read-draft.js';
import {
  canHaveSeveral,
  firstTexts,
  itemsOf,
  NO_SWEEP,
  severalOptions,
  SWEEP_FIELDS,
  sweepTexts,
  withSeveral,
} from '../../../src/extension/draft/sweep-draft.js';
import { configSettings } from '../../../src/extension/panels/launch/config-settings.js';
import { sweepView } from '../../../src/extension/panels/launch/sweep-view.js';
import { isSameSweep } from '../../../src/extension/sweeps/same-sweep.js';

const PRESET = PRESETS[0]!;
const FILE = '/w/rates.wishbone.json';
const BEGIN: Values = {
  ...optionTexts({ plan: PRESET.plan, training: PRESET.training, runner: DEFAULT_RUNNER }),
  ...NO_SWEEP,
  sweep: 'true',
  dataset: '/w/pairs.jsonl',
  evalDataset: '',
  model: '/w/model',
};

/** A form in which these options have these texts of several values. */
const several = (texts: Readonly<Record<string, string>>, more: Values = {}): Values => ({
  ...Object.keys(texts).reduce((values, option) => withSeveral(values, option, true), BEGIN),
  ...texts,
  ...more,
});

/** The block of a config that is written of a form. */
function written(values: Values): SweepBlock | undefined {
  const { options, sweep, problems } = readDraft(values);
  assert.deepEqual(problems, {});
  const settings = configSettings(values, options!, PRESET.id, true, sweep?.block);
  return parseConfigFile(configText(settings, '/w'), FILE).sweep;
}

test('several values become a block, and the block several values again', () => {
  const blocks: SweepBlock[] = [
    { values: { 'training.beta': [0.05, 0.1] }, seeds: [1, 2] },
    { values: { 'training.learning_rate': [1e-6, 5e-6, 1e-5], 'training.lr_scheduler_type': ['cosine', 'linear'] }, count: 4 },
    { values: { 'training.loss_type': [['sigmoid', 'sft'], 'ipo'], 'runner.deterministic': [true, false] } },
    { values: { 'plan.seed': [3, 4], 'training.beta': [0.1, 0.2] }, count: 3 },
    { values: { 'plan.capacity': ['auto', 4096], 'training.loss_weights': [[], [2]] } },
    { seeds: [1, 2, 3] },
    { runs: [{ 'training.beta': 0.1 }, { 'training.loss_type': 'ipo', 'training.beta': 0.2 }], seeds: [1, 2] },
  ];
  for (const sweep of blocks) {
    const values = { ...BEGIN, ...sweepTexts({ sweep, file: FILE }) };
    assert.deepEqual(written(values), sweep);
  }
  const halving: SweepBlock = { values: { 'training.learning_rate': [1e-6, 1e-5, 1e-4] }, halving: { min_steps: 10, factor: 2 } };
  const rungs: SweepBlock = { ...halving, halving: { rungs: [10], metric: 'eval_rewards/accuracies' } };
  for (const sweep of [halving, rungs]) {
    const evaluated = { 'training.eval_steps': '10', 'plan.eval_fraction': '0.2' };
    assert.deepEqual(written({ ...BEGIN, ...evaluated, ...sweepTexts({ sweep, file: FILE }) }), sweep);
  }
});

test('the runs of the form are those of the command line', () => {
  const values = several({ 'training.beta': '0.05, 0.1', 'plan.seed': '1, 2' });
  const { options, sweep } = readDraft(values);
  assert.deepEqual(
    sweep!.trials.map(({ name }) => name),
    ['beta=0.05 seed=1', 'beta=0.05 seed=2', 'beta=0.1 seed=1', 'beta=0.1 seed=2'],
  );
  const config = parseConfigFile(configText(configSettings(values, options!, PRESET.id, true, sweep!.block), '/w'), FILE);
  assert.deepEqual(expandSweep(config), sweep!.trials);
  assert.equal(config.training.beta, undefined, 'nothing is said twice');
});

test('seeds come last, whatever is given several values first', () => {
  const values = several({ 'plan.seed': '1, 2', 'training.beta': '0.1, 0.3' });
  assert.deepEqual(severalOptions(values), ['training.beta', 'plan.seed']);
  assert.deepEqual(written(values), { values: { 'training.beta': [0.1, 0.3] }, seeds: [1, 2] });
  const less = withSeveral(values, 'training.beta', false);
  assert.deepEqual([less['training.beta'], severalOptions(less)], ['0.1', ['plan.seed']]);
});

test('a rest that is no run without its values has the first of them', () => {
  // Evaluation data without eval_steps would be a contradiction.
  const values = several({ 'training.eval_steps': '5, 10' }, { evalDataset: '/w/held.jsonl' });
  const { options, sweep } = readDraft(values);
  const text = configText(configSettings(values, options!, PRESET.id, true, sweep!.block), '/w');
  assert.equal(parseConfigFile(text, FILE).training.eval_steps, 5);
});

test('every value is checked by the rule of its option, and said at its field', () => {
  const problems = (texts: Readonly<Record<string, string>>, more: Values = {}) => readDraft(several(texts, more)).problems;
  assert.match(problems({ 'training.beta': '0.1, much' })['training.beta']!, /^Expected a number above 0 .*found "much"/);
  assert.match(problems({ 'training.beta': '0.1, -1' })['training.beta']!, /above 0/);
  assert.match(problems({ 'plan.epochs': '1, 1.5' })['plan.epochs']!, /whole number/);
  assert.equal(problems({ 'training.beta': ' , ' })['training.beta'], 'Give one value at least');
  assert.equal(problems({ 'training.beta': '0.1, 0.3, 0.10' })['training.beta'], '0.10 is there twice');
  // Each good, but not together in one of the runs.
  const robust = problems({ 'training.loss_type': 'exo_pair\nrobust', 'training.label_smoothing': '0.1, 0.5' });
  assert.match(robust['training.label_smoothing']!, /below 0\.5.*in the run .*loss_type=robust label_smoothing=0\.5/);
  assert.match(problems({ 'training.beta': '0.1, 0.2' }, { 'sweep.parallel': '0' })['sweep.parallel']!, /1 to 1000/);
  assert.match(problems({ 'training.beta': '0.1, 0.2' }, { 'sweep.count': '3' })['sweep.count']!, /2 combinations/);
  const many = Array.from({ length: 200 }, (_, i) => i + 1).join(', ');
  assert.match(problems({ 'plan.batch_size': many, 'plan.seed': many })['sweep']!, /40000 runs/);
});

test('early stopping is refused at its fields, as on the command line', () => {
  const halved = { 'sweep.halving': 'true', 'training.eval_steps': '10', 'plan.eval_fraction': '0.2' };
  const problems = (more: Values, texts = { 'training.learning_rate': '1e-6, 1e-5' } as Record<string, string>) =>
    readDraft(several(texts, { ...halved, ...more })).problems;
  assert.match(problems({})['sweep.rungs']!, /^Give the steps/);
  assert.match(problems({ 'sweep.rungs': 'ten' })['sweep.rungs']!, /whole number/);
  assert.match(problems({ 'sweep.rungs': '20, 10' })['sweep.rungs']!, /later than the one before/);
  assert.match(problems({ 'sweep.rungs': '15' })['sweep.halving']!, /^Nothing is evaluated after step 15/);
  assert.match(
    problems({ 'sweep.rungs': '10' }, { 'training.beta': '0.1, 0.2' })['sweep.halving']!,
    /^The metric eval_loss means something else/,
  );
  assert.deepEqual(problems({ 'sweep.rungs': '10' }), {});
});

test('without a sweep nothing has several values, whatever was typed', () => {
  const values: Values = { ...several({ 'training.beta': '0.1, 0.3' }), sweep: '' };
  assert.deepEqual(severalOptions(values), []);
  assert.match(readDraft(values).problems['training.beta']!, /Expected a number/);
  assert.deepEqual(readDraft({ ...BEGIN, sweep: '' }).sweep, undefined);
});

test('every option but files and code can have several values; any text of them is read without a fault', () => {
  const fields = formSections([]).flatMap(({ fields: some }) => some.map(({ id }) => id));
  const cannot = OPTION_PATHS.filter((option) => fields.includes(option) && !canHaveSeveral(option));
  assert.deepEqual(cannot, ['training.adapter_name_or_path', 'training.reference_model']);
  assert.deepEqual(
    SWEEP_SECTION.fields.map(({ id }) => id),
    SWEEP_FIELDS,
  );
  fc.assert(
    fc.property(fc.constantFrom(...OPTION_PATHS.filter(canHaveSeveral)), fc.string(), (option, text) => {
      const values = several({ [option]: text });
      readDraft(values);
      idleFields(values);
      firstTexts(values);
    }),
  );
});

test('what only some of the runs need is shown', () => {
  const values = several({ 'training.loss_type': 'sigmoid\nrobust' });
  assert.ok(idleFields(BEGIN).includes('training.label_smoothing'));
  assert.ok(!idleFields(values).includes('training.label_smoothing'));
});

test('the form says how many runs come of it, and how long they take', () => {
  const values = several({ 'training.beta': '0.05, 0.1', 'plan.seed': '1, 2' });
  const view = sweepView(values, { kind: 'none' });
  assert.deepEqual(
    [view.on, view.title, view.several, view.varied.map(({ label, values: said }) => `${label}: ${said}`)],
    [true, '4 runs', ['training.beta', 'plan.seed'], ['Beta: 0.05, 0.1', 'Seed: 1, 2']],
  );
  assert.match(view.text, /known after the first run/);
  const time = { total: 90, seconds: {}, sources: [] };
  const known = sweepView({ ...values, 'sweep.parallel': 'auto' }, { kind: 'done', time } as never);
  assert.match(
    known.text,
    /^As many at once .* One after another they take about 6 min, if each takes as long as the first \(1 min 30 s\)\.$/,
  );
  assert.equal(sweepView({ ...values, 'training.beta': 'x' }, { kind: 'none' }).title, '');
  assert.deepEqual(itemsOf('training.loss_type', 'sigmoid, sft\nipo'), ['sigmoid, sft', 'ipo']);
});

test('configs that come to the same runs are the same, however they are written', () => {
  const one =
    '{ "version": 1, "preset": "quick", "model": "m", "dataset": "d.jsonl", "sweep": { "values": { "training.beta": [0.05, 0.1] } } }';
  const same =
    '// kept\n{ "version": 1, "model": "m", "preset": "quick", "dataset": ["d.jsonl"], "training": { "beta": 0.3 },\n "sweep": { "values": { "training.beta": [0.05, 1e-1] } } }';
  assert.ok(isSameSweep(one, same, FILE));
  for (const other of [
    one.replace('0.05', '0.06'),
    one.replace('"quick"', '"standard"'),
    one.replace('"m"', '"n"'),
    one.replace('"sweep"', '"name": "x", "sweep"'),
    one.replace('0.1]', '0.1] }, "seeds": [1'.concat(']')).replace('] } }', '] }'),
    one.replace(/, "sweep.*/, '}'),
    'no config',
  ]) {
    assert.ok(!isSameSweep(one, other, FILE), other);
  }
});

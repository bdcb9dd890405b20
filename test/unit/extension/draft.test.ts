import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { DEFAULT_RUNNER, optionProblem, PRESETS } from '../../../src/core/options/index.js';
import { parseText } from '../../../src/extension/draft/option-text.js';
import { idleFields, optionTexts, readDraft, resolvePath } from '../../../src/extension/draft/read-draft.js';
import { OPTION_PATHS } from '../../../src/core/options/index.js';
import { formSections } from '../../../src/extension/draft/fields.js';

const standard = { ...PRESETS[1]!, runner: DEFAULT_RUNNER };

test('options survive the way through the form as they are', () => {
  for (const preset of PRESETS) {
    const { plan, training } = preset;
    const options = { plan, training, runner: DEFAULT_RUNNER };
    assert.deepEqual(readDraft(optionTexts(options)), { options, problems: {} });
  }
  const training = {
    ...standard.training,
    loss_type: ['sigmoid', 'sft'] as const,
    loss_weights: [0.8, 0.2],
    parameter_groups: [{ pattern: '*.bias', weight_decay: 0 }],
  };
  const options = { plan: standard.plan, training, runner: { ...DEFAULT_RUNNER, deterministic: true } };
  assert.deepEqual(readDraft(optionTexts(options)).options, options);
});

test('every option of a run has a field, or is part of one, but for code that only a flag may name', () => {
  const fields = formSections([]).flatMap(({ fields: some }) => some.map(({ id }) => id));
  assert.equal(new Set(fields).size, fields.length, 'each once');
  assert.deepEqual(
    OPTION_PATHS.filter((option) => !fields.includes(option)),
    ['training.loss_weights', 'runner.cublaslt'],
  );
  for (const id of fields.filter((field) => field.includes('.'))) {
    assert.doesNotMatch(optionProblem(id as 'plan.seed', 1) ?? '', /there is no option/, id);
  }
});

test('what is wrong is said at its field', () => {
  const texts = optionTexts(standard);
  const problems = (changes: Record<string, string>): Readonly<Record<string, string>> => readDraft({ ...texts, ...changes }).problems;
  assert.match(problems({ 'training.beta': 'much' })['training.beta']!, /^Expected a number above 0 .*found "much"/);
  assert.match(problems({ 'plan.batch_size': '' })['plan.batch_size']!, /whole number/);
  assert.match(problems({ 'plan.epochs': '1.5' })['plan.epochs']!, /whole number/);
  assert.match(problems({ 'training.parameter_groups': '[{' })['training.parameter_groups']!, /list/);
  assert.deepEqual(Object.keys(problems({ 'training.beta': '-1', 'plan.seed': 'x' })).sort(), ['plan.seed', 'training.beta']);
  // Each good, but not together.
  assert.match(problems({ 'training.loss_type': 'robust', 'training.label_smoothing': '0.5' })['training.label_smoothing']!, /below 0.5/);
  assert.match(problems({ 'training.loss_weights': '1, 2' })['training.loss_type']!, /2 weights for 1/);
  assert.match(problems({ 'training.eval_steps': '5' })['training.eval_steps']!, /nothing to evaluate on/);
  assert.deepEqual(problems({ 'training.eval_steps': '5', evalDataset: 'eval.jsonl' }), {});
});

test('options without effect are told from those with', () => {
  const texts = optionTexts(standard);
  const idle = (changes: Record<string, string>): string[] => idleFields({ ...texts, ...changes });
  assert.ok(idle({}).includes('training.simpo_gamma') && !idle({}).includes('training.reference'));
  const simpo = idle({ 'training.loss_type': 'simpo' });
  assert.ok(!simpo.includes('training.simpo_gamma') && simpo.includes('training.reference'));
  assert.ok(!idle({ 'training.loss_type': 'sigmoid, robust' }).includes('training.label_smoothing'));
  assert.ok(!idle({ 'training.lr_scheduler_type': 'warmup_stable_decay' }).includes('training.num_decay_steps'));
});

test('any text is read without a fault, and an empty one is no number', () => {
  fc.assert(
    fc.property(fc.constantFrom(...OPTION_PATHS), fc.string(), (option, text) => {
      readDraft({ ...optionTexts(standard), [option]: text });
    }),
  );
  assert.equal(parseText('training.beta', ' 0.5 '), 0.5);
  assert.equal(parseText('training.beta', ' '), '');
  assert.equal(parseText('runner.deterministic', 'true'), true);
});

test('paths are what people mean by them', () => {
  assert.equal(resolvePath(' a/b.jsonl ', '/w', '/home/me'), '/w/a/b.jsonl');
  assert.equal(resolvePath('/x/../y', '/w', '/home/me'), '/y');
  assert.equal(resolvePath('~/m', '/w', '/home/me'), '/home/me/m');
  assert.equal(resolvePath('', '/w', '/home/me'), '');
});

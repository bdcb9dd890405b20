import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DEFAULT_RUNNER, PRESETS } from '../../../src/core/options/index.js';
import { optionTexts } from '../../../src/extension/draft/read-draft.js';
import {
  changedOptions,
  choosePreset,
  fitted,
  follow,
  type Followed,
  rateNote,
  rateWarning,
} from '../../../src/extension/draft/following.js';

const tiny = { parameters: 1e6, config: { maxPositions: 2048 } };
const large = { parameters: 1.2e9, config: { maxPositions: 8192 } };
const [quick] = PRESETS;
const begun: Followed = {
  values: { model: 'x', ...optionTexts({ ...quick!, runner: DEFAULT_RUNNER }) },
  preset: 'quick',
  own: { rate: false, preset: false },
};

const followed = (form: Followed, model: typeof tiny | undefined): Followed => follow(form, model, DEFAULT_RUNNER);
const set = (form: Followed, values: Record<string, string>, own: Partial<Followed['own']> = {}): Followed => ({
  ...form,
  values: { ...form.values, ...values },
  own: { ...form.own, ...own },
});
const rate = ({ values }: Followed): string | undefined => values['training.learning_rate'];

test('a form begins with what suits its model, and goes with it when it changes', () => {
  const small = followed(begun, tiny);
  assert.deepEqual([small.preset, rate(small), small.values['plan.epochs']], ['quick', '2e-4', '3']);
  const other = followed(small, large);
  assert.deepEqual([other.preset, rate(other), other.values['plan.epochs'], other.values['model']], ['standard', '1e-6', '1', 'x']);
  assert.deepEqual(followed(other, tiny), small, 'and back');
  assert.deepEqual(followed(other, undefined), other, 'while nothing is known, nothing moves');
  assert.match(rateNote(other, large)!, /usual for 1\.2 billion parameters, all of them trained/);
  assert.deepEqual(changedOptions(other, large, DEFAULT_RUNNER), []);
});

test('what somebody has changed keeps the preset, and the rate that somebody gave stays', () => {
  const changed = set(followed(begun, tiny), { 'plan.epochs': '7' });
  const other = followed(changed, large);
  assert.deepEqual([other.preset, other.values['plan.epochs'], rate(other)], ['quick', '7', '1e-6']);
  const given = set(followed(begun, tiny), { 'training.learning_rate': '2e-4' }, { rate: true });
  assert.equal(rate(followed(given, large)), '2e-4');
  // Also where what was given happens to be what suits the next model.
  const back = followed(set(followed(followed(begun, tiny), large), { 'training.learning_rate': '2e-4' }, { rate: true }), tiny);
  assert.deepEqual([back.preset, rate(back)], ['standard', '2e-4']);
  assert.equal(rateNote(given, tiny), undefined);
  assert.match(rateWarning(given.values, large)!, /^Far above what is used for 1\.2 billion parameters/);
  assert.equal(rateWarning(given.values, tiny), undefined);
  assert.equal(rateWarning({ ...given.values, 'training.learning_rate': 'fast' }, tiny), undefined);
});

test('an adapter takes more, and other losses another', () => {
  const form = followed(begun, large);
  assert.equal(rate(followed(set(form, { 'training.use_peft': 'true' }, { preset: true }), large)), '1e-5');
  assert.equal(rate(followed(set(form, { 'training.loss_type': 'orpo' }, { preset: true }), large)), '1e-5');
});

test('a preset that is chosen has its own rate, or a part of what suits', () => {
  const choose = (id: string): Followed =>
    choosePreset(set(begun, {}, { rate: true }), PRESETS.find((preset) => preset.id === id)!, large, DEFAULT_RUNNER);
  assert.equal(rate(choose('gentle')), '5e-7');
  assert.equal(rate(choose('trl')), '1e-6');
  assert.equal(rateNote(choose('trl'), large), undefined, 'it is no rule of ours');
  assert.equal(followed(choose('gentle'), tiny).preset, 'gentle', 'chosen, it stays');
  assert.deepEqual(changedOptions(choose('gentle'), large, DEFAULT_RUNNER), []);
});

test('the runner stays as it is, and no sequence is longer than the model takes', () => {
  const form = set(begun, { 'runner.backend': 'cpu' });
  assert.equal(choosePreset(form, PRESETS[1]!, large, DEFAULT_RUNNER).values['runner.backend'], 'cpu');
  assert.deepEqual(changedOptions(form, tiny, DEFAULT_RUNNER), ['runner.backend']);
  const short = { parameters: 1e6, config: { maxPositions: 256 } };
  assert.equal(fitted(begun.values, short)['plan.max_length'], '256');
  assert.equal(fitted(begun.values, tiny), begun.values);
});

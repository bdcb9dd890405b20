import assert from 'node:assert/strict';
import { test } from 'node:test';

import { copyText } from '../../../src/extension/panels/try/try-text.js';
import {
  DEFAULT_TRY_SETTINGS as settings,
  isUnderWay,
  readTryHostMessage,
  readTryPageMessage,
  readTryPageState,
  TRY_STATES,
  type TryAnswer,
  type TryState,
  type TryTurn,
} from '../../../src/protocol/try.js';

const ANSWER: TryAnswer = { model: 'Trained model', text: 'Seven.', tokens: 3, seconds: 0.5, state: 'done', problem: '' };
const TURN: TryTurn = {
  id: 1,
  prompt: 'Name a prime.',
  system: '',
  settings,
  example: { place: 'pairs.jsonl:3', chosen: 'Two.', rejected: 'Four.' },
  left: ANSWER,
  right: { ...ANSWER, model: 'Reference: tiny', text: 'Nine.', state: 'cut' },
};
const STATE: TryState = {
  run: 'r',
  blocked: '',
  trusted: true,
  models: [{ key: 'a', label: 'Trained model' }],
  left: 'a',
  right: '@none',
  chats: [{ key: '1', label: 'Name a prime.' }],
  chat: { id: 1, turns: [TURN, { ...TURN, id: 2, right: null }] },
  evaluates: true,
};

test('what the page may ask, and nothing else', () => {
  const good = [
    { type: 'ready' },
    { type: 'stop' },
    { type: 'new-chat' },
    { type: 'delete-chat' },
    { type: 'say', prompt: 'p', system: 's', settings, example: null },
    { type: 'again', system: '', settings },
    { type: 'model', side: 'left', key: '@run' },
    { type: 'open-chat', id: 2 },
    { type: 'copy', turn: 1, what: 'all' },
    { type: 'forget', turn: 1 },
    { type: 'tokens', turn: 1, side: 'right' },
    { type: 'evaluation', which: 'random' },
  ];
  for (const message of good) assert.deepEqual(readTryPageMessage(message), message);
  for (const bad of [
    null,
    'stop',
    { type: 'erase' },
    { type: 'say', prompt: 1, system: '', settings, example: null },
    { type: 'say', prompt: 'p', system: '', settings },
    { type: 'say', prompt: 'p'.repeat(4_000_001), system: '', settings, example: null },
    { type: 'say', prompt: 'p', system: '', settings: { ...settings, seed: -1 }, example: null },
    { type: 'say', prompt: 'p', system: '', settings: { ...settings, temperature: NaN }, example: null },
    { type: 'say', prompt: 'p', system: '', settings, example: { place: 'x' } },
    { type: 'model', side: 'middle', key: 'a' },
    { type: 'copy', turn: 1, what: 'secrets' },
    { type: 'forget', turn: '1' },
    { type: 'evaluation', which: 'worst' },
  ]) {
    assert.equal(readTryPageMessage(bad), undefined, JSON.stringify(bad)?.slice(0, 100));
  }
});

test('what the host sends is understood, and what is malformed is not', () => {
  assert.ok(readTryHostMessage({ type: 'state', folder: '/f', state: STATE }));
  for (const bad of [
    { ...STATE, chat: { id: 1, turns: [{ ...TURN, left: { ...ANSWER, state: 'odd' } }] } },
    { ...STATE, right: null },
    { ...STATE, models: ['a'] },
    { ...STATE, chat: { id: 1, turns: [{ ...TURN, left: { text: 'x' } }] } },
  ]) {
    assert.equal(readTryHostMessage({ type: 'state', folder: '/f', state: bad }), undefined);
  }
  const answer = { type: 'answer', chat: 1, turn: 2, side: 'left', answer: ANSWER };
  assert.deepEqual(readTryHostMessage(answer), answer);
  assert.equal(readTryHostMessage({ ...answer, side: 'up' }), undefined);
  const token = { id: 0, text: '<s>', special: true };
  const tokens = {
    type: 'tokens',
    ...{ chat: 1, turn: 2, side: 'left', problem: '' },
    tokens: { text: '<s>', prompt: [token], answer: [], promptTokens: 1, answerTokens: 0 },
  };
  assert.deepEqual(readTryHostMessage(tokens), tokens);
  assert.deepEqual(readTryHostMessage({ ...tokens, tokens: null }), { ...tokens, tokens: null });
  assert.equal(readTryHostMessage({ ...tokens, tokens: { ...tokens.tokens, prompt: [{ id: -1, text: '', special: true }] } }), undefined);
  const kept = { folder: '/f', prompt: 'p', system: '', settings, example: null };
  assert.deepEqual(readTryPageState(kept), kept);
  assert.equal(readTryPageState({ ...kept, settings: {} }), undefined);
});

test('a prompt is copied with both answers under their names, or one of them', () => {
  assert.equal(copyText(TURN, 'prompt'), 'Name a prime.');
  assert.equal(copyText(TURN, 'left'), 'Seven.');
  assert.equal(copyText(TURN, 'right'), 'Nine.');
  assert.equal(copyText(TURN, 'all'), 'Prompt:\nName a prime.\n\nTrained model:\nSeven.\n\nReference: tiny:\nNine.');
  assert.equal(
    copyText({ ...TURN, system: 'Be brief.', right: null }, 'all'),
    'System:\nBe brief.\n\nPrompt:\nName a prime.\n\nTrained model:\nSeven.',
  );
});

test('an answer is under way until it has ended in one way or another', () => {
  assert.deepEqual(
    TRY_STATES.filter((state) => isUnderWay({ state })),
    ['exporting', 'loading', 'writing'],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import type * as vscode from 'vscode';

import { copyText } from '../../../src/extension/panels/try/try-text.js';
import { KeptTries } from '../../../src/extension/panels/try/kept-tries.js';
import {
  DEFAULT_TRY_SETTINGS as settings,
  readTried,
  readTryHostMessage,
  readTryPageMessage,
  readTryPageState,
  type Tried,
} from '../../../src/protocol/try.js';

const TEXT = { text: 'Seven.', tokens: 3, ended: true, seconds: 0.5 };
const TRIED: Tried = {
  id: 1,
  prompt: 'Name a prime.',
  settings,
  policy: TEXT,
  reference: { ...TEXT, text: 'Nine.', ended: false },
  state: 'done',
  problem: '',
};
const STATE = {
  run: 'r',
  policy: 'r',
  reference: 'tiny',
  blocked: '',
  trusted: true,
  tried: [TRIED, { ...TRIED, id: 2, policy: null, reference: null, state: 'policy' as const }],
};

test('what the page may ask, and nothing else', () => {
  const good = [
    { type: 'ready' },
    { type: 'cancel' },
    { type: 'complete', prompt: 'p', settings },
    { type: 'copy', id: 1, what: 'all' },
    { type: 'forget', id: 1 },
  ];
  for (const message of good) assert.deepEqual(readTryPageMessage(message), message);
  for (const bad of [
    null,
    'cancel',
    { type: 'erase' },
    { type: 'complete', prompt: 1, settings },
    { type: 'complete', prompt: 'p' },
    { type: 'complete', prompt: 'p', settings: { ...settings, seed: -1 } },
    { type: 'complete', prompt: 'p', settings: { ...settings, temperature: NaN } },
    { type: 'copy', id: 1, what: 'secrets' },
    { type: 'forget', id: '1' },
  ]) {
    assert.equal(readTryPageMessage(bad), undefined, JSON.stringify(bad));
  }
});

test('what the host sends is understood, and what is malformed is not', () => {
  assert.ok(readTryHostMessage({ type: 'state', folder: '/f', state: STATE }));
  for (const bad of [
    { ...STATE, tried: [{ ...TRIED, state: 'odd' }] },
    { ...STATE, reference: 1 },
    { ...STATE, tried: [{ ...TRIED, policy: { text: 'x' } }] },
  ]) {
    assert.equal(readTryHostMessage({ type: 'state', folder: '/f', state: bad }), undefined);
  }
  assert.deepEqual(readTryPageState({ folder: '/f', prompt: 'p', settings }), { folder: '/f', prompt: 'p', settings });
  assert.equal(readTryPageState({ folder: '/f', prompt: 'p', settings: {} }), undefined);
  assert.deepEqual(readTried([TRIED, { id: 2 }, null]), [TRIED]);
});

test('a prompt is copied with both completions, or one of them', () => {
  assert.equal(copyText(TRIED, 'policy'), 'Seven.');
  assert.equal(copyText(TRIED, 'reference'), 'Nine.');
  assert.equal(copyText(TRIED, 'all'), 'Prompt:\nName a prime.\n\nPolicy:\nSeven.\n\nReference:\nNine.');
  assert.equal(copyText({ ...TRIED, reference: null }, 'all'), 'Prompt:\nName a prime.\n\nPolicy:\nSeven.');
});

test('prompts are kept by run, the newest thirty; what was under way then is over now', async () => {
  const stored = new Map<string, unknown>();
  const memento = {
    get: (key: string) => stored.get(key),
    update: async (key: string, value: unknown) => void stored.set(key, value),
  } as unknown as vscode.Memento;
  const kept = new KeptTries(memento);
  await kept.keep(
    '/a',
    Array.from({ length: 40 }, (_, i) => ({ ...TRIED, id: 40 - i })),
  );
  await kept.keep('/b', [{ ...TRIED, state: 'reference' }]);
  const later = new KeptTries(memento);
  assert.deepEqual(
    later.of('/a').map(({ id }) => id),
    Array.from({ length: 30 }, (_, i) => 40 - i),
  );
  assert.equal(later.of('/b')[0]?.state, 'cancelled');
  assert.deepEqual(later.of('/c'), []);
});

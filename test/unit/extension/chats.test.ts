import assert from 'node:assert/strict';
import { test } from 'node:test';

import type * as vscode from 'vscode';

import { type AskedModel, Chats, type KeptAnswer, MOST_CHATS } from '../../../src/extension/panels/try/chats.js';
import { type Kept, KeptChats, NOTHING_KEPT } from '../../../src/extension/panels/try/kept-chats.js';
import { DEFAULT_TRY_SETTINGS as settings, type TrySide } from '../../../src/protocol/try.js';

const LEFT: AskedModel = { choice: { kind: 'trained', run: '/r' }, label: 'Trained model' };
const RIGHT: AskedModel = { choice: { kind: 'checkpoint', run: '/r', step: 4 }, label: 'Checkpoint 4' };
const BOTH = { left: LEFT, right: RIGHT };
const asked = (prompt: string, more: object = {}) => ({ prompt, system: '', settings, example: null, ...more });

function answer(chats: Chats, turn: number, side: TrySide, text: string, state: KeptAnswer['state'] = 'done'): void {
  chats.answer(chats.open.id, turn, side, { text, ids: [1, 2], tokens: 2, state });
}

const messages = (chats: Chats, turn: number, side: TrySide): string[] => {
  const said = chats.said(turn, side);
  return said.kind === 'text' ? [`text: ${said.text}`] : said.messages.map(({ role, content }) => `${role}: ${content}`);
};

test('each side has its own answers in its conversation', () => {
  const chats = new Chats();
  const first = chats.say(asked('One?'), BOTH);
  assert.deepEqual([chats.turn(first)?.left?.state, chats.turn(first)?.right?.state], ['loading', 'exporting']);
  answer(chats, first, 'left', 'A');
  answer(chats, first, 'right', 'B', 'cut');
  const second = chats.say(asked('Two?', { system: 'Be brief.' }), BOTH);
  assert.deepEqual(messages(chats, first, 'left'), ['user: One?']);
  assert.deepEqual(messages(chats, second, 'left'), ['system: Be brief.', 'user: One?', 'assistant: A', 'user: Two?']);
  assert.deepEqual(messages(chats, second, 'right'), ['system: Be brief.', 'user: One?', 'assistant: B', 'user: Two?']);
});

test('what a side did not answer, and texts that were continued, are no part of its conversation', () => {
  const chats = new Chats();
  const failed = chats.say(asked('One?'), BOTH);
  answer(chats, failed, 'left', '', 'failed');
  answer(chats, failed, 'right', 'part of it', 'stopped');
  const alone = chats.say(asked('Two?'), { left: LEFT });
  answer(chats, alone, 'left', '');
  const text = chats.say(asked('Once upon', { system: 'x', settings: { ...settings, plain: true } }), BOTH);
  answer(chats, text, 'left', ' a time');
  answer(chats, text, 'right', ' a hill');
  const last = chats.say(asked('Three?'), BOTH);
  assert.deepEqual(messages(chats, text, 'left'), ['text: Once upon']);
  // An empty answer of a model that ended at once is one.
  assert.deepEqual(messages(chats, last, 'left'), ['user: Two?', 'assistant: ', 'user: Three?']);
  assert.deepEqual(messages(chats, last, 'right'), ['user: One?', 'assistant: part of it', 'user: Three?']);
});

test('the last turn is answered again, by other models', () => {
  const chats = new Chats();
  assert.equal(chats.again({ system: '', settings }, BOTH), undefined);
  const id = chats.say(asked('One?'), { left: LEFT });
  answer(chats, id, 'left', 'A');
  assert.equal(chats.again({ system: 'Be brief.', settings: { ...settings, seed: 3 } }, { left: RIGHT }), id);
  const turn = chats.turn(id)!;
  assert.deepEqual(
    [turn.prompt, turn.system, turn.settings.seed, turn.left?.model, turn.left?.text],
    ['One?', 'Be brief.', 3, 'Checkpoint 4', ''],
  );
});

test('chats are begun, shown, and deleted; an empty one is not kept', () => {
  const chats = new Chats();
  assert.deepEqual(chats.kept, []);
  answer(chats, chats.say(asked('  A question\nof two lines  '), BOTH), 'left', 'A');
  const first = chats.open.id;
  chats.begin();
  assert.deepEqual(
    chats.list.map(({ label }) => label),
    ['New chat', 'A question of two lines'],
  );
  chats.begin();
  assert.equal(chats.list.length, 2);
  chats.show(first);
  assert.equal(chats.open.turns.length, 1);
  chats.forget(1);
  // It is being answered on the right.
  assert.equal(chats.open.turns.length, 1);
  answer(chats, 1, 'right', 'B');
  chats.forget(1);
  assert.equal(chats.open.turns.length, 0);
  chats.delete();
  chats.delete();
  assert.equal(chats.open.turns.length, 0);
  for (let i = 0; i < MOST_CHATS + 5; i++) {
    chats.begin();
    chats.say(asked(`Question ${i}`), BOTH);
  }
  assert.equal(chats.kept.length, MOST_CHATS);
  assert.equal(chats.list[0]?.label, `Question ${MOST_CHATS + 4}`);
});

test('what went before a prompt of a dataset is said before it, by nobody', () => {
  const chats = new Chats();
  const given: KeptAnswer = { model: 'Dataset', choice: null, text: 'Hello.', ids: [], tokens: 0, seconds: 0, state: 'given', problem: '' };
  chats.begin([{ ...asked('Hi'), left: given, right: given }]);
  const id = chats.say(asked('And now?'), BOTH);
  assert.deepEqual(messages(chats, id, 'right'), ['user: Hi', 'assistant: Hello.', 'user: And now?']);
  assert.equal(chats.list[0]?.label, 'And now?');
});

test('chats are kept by run; what was under way then is over now, and what is damaged is left out', async () => {
  const stored = new Map<string, unknown>();
  const memento = {
    get: (key: string) => stored.get(key),
    update: async (key: string, value: unknown) => void stored.set(key, JSON.parse(JSON.stringify(value))),
  } as unknown as vscode.Memento;
  const chats = new Chats();
  const id = chats.say(asked('One?'), BOTH);
  answer(chats, id, 'left', 'A');
  answer(chats, id, 'right', 'B so f', 'writing');
  const kept: Kept = { ...NOTHING_KEPT, chats: chats.kept, left: LEFT, right: 'none', others: [RIGHT], prompts: 3 };
  await new KeptChats(memento).keep('/a', kept);
  const later = new KeptChats(memento).of('/a');
  assert.deepEqual(later, kept);
  const again = new Chats(later.chats);
  assert.deepEqual([again.open.turns[0]?.left?.state, again.open.turns[0]?.right?.state], ['done', 'stopped']);
  assert.deepEqual(new KeptChats(memento).of('/b'), NOTHING_KEPT);
  stored.set('chats:/a', {
    ...kept,
    chats: [{ id: 1 }, ...kept.chats, null],
    left: { choice: { kind: 'else' } },
    right: 7,
    others: 'x',
    prompts: -1,
  });
  assert.deepEqual(new KeptChats(memento).of('/a'), { ...NOTHING_KEPT, chats: kept.chats });
});

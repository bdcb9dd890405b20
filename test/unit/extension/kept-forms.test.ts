import assert from 'node:assert/strict';
import { test } from 'node:test';

import type * as vscode from 'vscode';

import { KeptForms } from '../../../src/extension/panels/launch/kept-forms.js';

const own = { rate: true, preset: false };

/** Remembers what JSON can hold, as VS Code does. */
function memento(begin: Record<string, unknown> = {}): vscode.Memento {
  const stored = new Map(Object.entries(begin).map(([key, value]) => [key, JSON.stringify(value)]));
  return {
    keys: () => [...stored.keys()],
    get: <T>(key: string) => (stored.has(key) ? (JSON.parse(stored.get(key)!) as T) : undefined),
    update: (key: string, value: unknown) => {
      stored.set(key, JSON.stringify(value));
      return Promise.resolve();
    },
  } as vscode.Memento;
}

test('what is typed into a form is there in the next window, until the form is closed', async () => {
  const store = memento();
  const forms = new KeptForms(store);
  await forms.keep('a', { values: { name: 'first' }, preset: 'quick', own });
  await forms.keep('b', { values: { name: 'second' }, preset: '', own });
  await forms.keep('a', { values: { name: 'first, changed' }, preset: 'quick', own });
  const later = new KeptForms(store);
  assert.deepEqual(later.get('a'), { values: { name: 'first, changed' }, preset: 'quick', own });
  assert.deepEqual(later.get('b'), { values: { name: 'second' }, preset: '', own });
  await later.forget('a');
  assert.equal(forms.get('a'), undefined);
  assert.ok(forms.get('b'));
});

test("a form that an older version kept follows nothing: its values are somebody's", () => {
  const forms = new KeptForms(memento({ launchForms: [['a', { values: { name: 'x' }, preset: 'quick' }]] }));
  assert.deepEqual(forms.get('a')?.own, { rate: true, preset: true });
});

test('forms that never come back do not pile up: the newest eight stay', async () => {
  const store = memento();
  const forms = new KeptForms(store);
  for (let i = 0; i < 20; i++) await forms.keep(`${i}`, { values: {}, preset: '', own });
  const kept = Array.from({ length: 20 }, (_, i) => i).filter((i) => forms.get(`${i}`) !== undefined);
  assert.deepEqual(kept, [12, 13, 14, 15, 16, 17, 18, 19]);
});

test('anything else that is stored there is no form', async () => {
  for (const stored of [null, 'x', { a: 1 }, [['a']], [[1, {}]], [['a', { values: { name: 1 }, preset: '' }]], [['a', null]]]) {
    const forms = new KeptForms(memento({ launchForms: stored }));
    assert.equal(forms.get('a'), undefined);
    await forms.keep('b', { values: {}, preset: '', own });
    assert.ok(forms.get('b'));
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { type Check, fits, type Messages, readMessage } from '../../../src/protocol/shape.js';
import { isCount, isText } from '../../../src/protocol/values.js';

type Message =
  | { readonly type: 'go' | 'stop' }
  | { readonly type: 'move'; readonly by: number; readonly names: readonly string[] }
  | { readonly type: 'span'; readonly from: number; readonly to: number | null };

const MESSAGES: Messages<Message> = {
  move: { by: isCount, names: ['list of', isText] },
  span: ['and', { from: isCount, to: ['or null', isCount] }, ({ from, to }) => to === null || to >= from],
};
const read = (value: unknown): Message | undefined => readMessage<Message>(value, ['go', 'stop'], MESSAGES);

test('a message has the fields it should have, and no others', () => {
  assert.deepEqual(read({ type: 'go', by: 1 }), { type: 'go' });
  assert.deepEqual(read({ type: 'move', by: 1, names: ['a'], more: 2 }), { type: 'move', by: 1, names: ['a'] });
  assert.deepEqual(read({ type: 'span', from: 1, to: null, more: 2 }), { type: 'span', from: 1, to: null });
  for (const bad of [
    { type: 'move', by: 1 },
    { type: 'move', by: -1, names: [] },
    { type: 'move', by: 1, names: [2] },
    { type: 'span', from: 2, to: 1 },
    ['go'],
    { type: ['go'] },
    { type: 'constructor' },
    { type: '__proto__' },
  ]) {
    assert.equal(read(bad), undefined, JSON.stringify(bad));
  }
  fc.assert(fc.property(fc.anything(), (value) => read({ type: 'move', by: value, names: value }) === undefined));
});

test('unions are told by their kind, choices by their list', () => {
  type Thing = { readonly kind: 'none' } | { readonly kind: 'some'; readonly of: 'a' | 'b' };
  const isThing = (value: unknown): boolean => fits<Thing>(value, ['by kind', { none: {}, some: { of: ['one of', ['a', 'b']] } }]);
  for (const good of [{ kind: 'none' }, { kind: 'some', of: 'b' }]) assert.ok(isThing(good));
  for (const bad of [{ kind: 'some' }, { kind: 'some', of: 'c' }, { kind: 'toString' }, {}, null]) assert.ok(!isThing(bad));
});

test('a check that is missing or wrong does not compile', () => {
  type Named = { readonly name: string; readonly size: number; readonly of: readonly number[] };
  const tables: readonly Check<Named>[] = [
    // @ts-expect-error: `size` is not checked
    { name: isText, of: ['list of', isCount] },
    // @ts-expect-error: `size` is no text
    { name: isText, size: isText, of: ['list of', isCount] },
    // @ts-expect-error: `of` has no texts
    { name: isText, size: isCount, of: ['list of', isText] },
    // @ts-expect-error: `size` is never null
    { name: isText, size: ['or null', isCount], of: ['list of', isCount] },
    { name: isText, size: isCount, of: ['list of', isCount] },
  ];
  const messages: readonly Messages<Message>[] = [
    // @ts-expect-error: `span` is not checked
    { move: MESSAGES.move },
    // @ts-expect-error: `to` is not checked
    { move: MESSAGES.move, span: { from: isCount } },
  ];
  assert.equal(tables.length + messages.length, 7);
});

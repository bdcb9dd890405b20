import assert from 'node:assert/strict';
import test from 'node:test';
import { keepNodes } from '../../../src/extension/views/kept-nodes.js';

interface Node {
  readonly id: string;
  text: string;
  children: readonly Node[];
}

const node = (id: string, text = id, children: readonly Node[] = []): Node => ({ id, text, children });
const kind = {
  id: ({ id }: Node) => id,
  children: ({ children }: Node) => children,
  drawn: ({ text }: Node) => text,
  take: (to: Node, from: Node, children: readonly Node[]) => {
    to.text = from.text;
    to.children = children;
  },
};
const names = (nodes: readonly Node[]): string[] => nodes.map(({ id }) => id);

test('nodes that are the same stay, and nothing of them is drawn', () => {
  const shown = [node('a', 'a', [node('b'), node('c')]), node('d')];
  const kept = keepNodes(shown, [node('a', 'a', [node('b'), node('c')]), node('d')], kind);
  assert.equal(kept.isAnother, false);
  assert.deepEqual(kept.changed, []);
  assert.equal(kept.roots[0], shown[0]);
  assert.equal(kept.roots[0]!.children[1], shown[0]!.children[1]);
});

test('a node that says something else is drawn alone', () => {
  const shown = [node('a', 'a', [node('b'), node('c')]), node('d')];
  const c = shown[0]!.children[1]!;
  const kept = keepNodes(shown, [node('a', 'a', [node('b'), node('c', 'new')]), node('d')], kind);
  assert.equal(kept.isAnother, false);
  assert.deepEqual(kept.changed, [c]);
  assert.equal(c.text, 'new');
});

test('what is below a node that is drawn is not drawn by itself', () => {
  const shown = [node('a', 'a', [node('b'), node('c')]), node('d')];
  const kept = keepNodes(shown, [node('a', 'other', [node('b', 'new'), node('c')]), node('d', 'too')], kind);
  assert.equal(kept.isAnother, false);
  assert.deepEqual(kept.changed, shown);
  assert.equal(shown[0]!.children[0]!.text, 'new');
});

test('other children are another tree', () => {
  const shown = [node('a', 'a', [node('b'), node('c')]), node('d')];
  const a = shown[0]!;
  const kept = keepNodes(shown, [node('a', 'other', [node('b'), node('c'), node('e')]), node('d')], kind);
  assert.equal(kept.isAnother, true);
  assert.deepEqual(kept.changed, []);
  assert.equal(kept.roots[0], a);
  assert.deepEqual(names(a.children), ['b', 'c', 'e']);
});

test('other roots, or another order of them, are another tree, which keeps what it can', () => {
  const shown = [node('a', 'a', [node('b')]), node('d')];
  const b = shown[0]!.children[0]!;
  assert.equal(keepNodes(shown, [node('d'), node('a', 'a', [node('b')])], kind).isAnother, true);
  const moved = keepNodes(shown, [node('a'), node('d', 'd', [node('b', 'moved')]), node('e')], kind);
  assert.equal(moved.isAnother, true);
  assert.equal(moved.roots[1]!.children[0], b);
  assert.equal(b.text, 'moved');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foldersOf, wholeEntries } from '../../../src/extension/runs/given-entries.js';
import { keepNodes } from '../../../src/extension/views/kept-nodes.js';

interface Run {
  readonly kind: 'run';
  readonly folder: string;
  listing: string;
}

interface Group {
  readonly kind: 'group';
  runs: readonly Run[];
}

const run = (folder: string, listing = 'as it was'): Run => ({ kind: 'run', folder, listing });
const idOf = (node: Run | Group): string => (node.kind === 'run' ? node.folder : 'group');
const drawnAnew = (shown: readonly Group[], made: readonly Group[]): readonly (Run | Group)[] =>
  keepNodes<Run | Group>(shown, made, {
    id: idOf,
    children: (node) => (node.kind === 'group' ? node.runs : []),
    drawn: (node) => (node.kind === 'run' ? node.listing : ''),
    take: (node, _from, children) => {
      if (node.kind === 'group') node.runs = children as readonly Run[];
    },
  }).roots;

test('an entry means its run, whatever was drawn since', () => {
  const [first, second] = [run('/r/1'), run('/r/2')];
  const shown: Group[] = [{ kind: 'group', runs: [first, second] }];
  // A run came, one went, and the first one stands elsewhere and says something else.
  const [group] = drawnAnew(shown, [{ kind: 'group', runs: [run('/r/3'), run('/r/1', 'new')] }]);
  assert.deepEqual(foldersOf(first, undefined), ['/r/1']);
  assert.deepEqual(foldersOf(first, [first, second]), ['/r/1', '/r/2'], 'the one that has gone is asked for by its folder too');
  assert.deepEqual(foldersOf(group, undefined), ['/r/3', '/r/1']);
  assert.deepEqual(foldersOf(shown[0], undefined), ['/r/3', '/r/1'], 'a group of before is the one that is shown');
  assert.deepEqual(foldersOf('/r/9', undefined), ['/r/9'], 'our own code names folders');
  for (const other of [undefined, null, 7, {}, { folder: 7 }]) assert.deepEqual(foldersOf(other, undefined), []);
});

test('what comes whole stays, and what has lost one entry is not done', () => {
  const [entry, selected] = [run('/r/1'), [run('/r/1'), run('/r/2')]];
  const whole = [
    [],
    ['/r/1'],
    ['/r/1', 'lower-learning-rate'],
    [entry, undefined],
    [entry, null],
    [entry, [entry, entry]],
    [undefined, ['/r/1']],
  ];
  for (const given of whole) assert.equal(wholeEntries(given, { selected }), given, JSON.stringify(given));
  for (const given of [
    [undefined, undefined],
    [null, null],
    [undefined, []],
  ])
    assert.equal(wholeEntries(given, { selected }), undefined, 'one that was pointed at need not be selected');
  const title = [undefined, undefined];
  assert.equal(wholeEntries(title, { isOfTitle: true }), title, 'the title of the view gives no entry');
});

test('of several lost entries those that are selected take their place, and never fewer', () => {
  const [first, second] = [run('/r/1'), run('/r/2')];
  const selected = [first, second];
  for (const given of [
    [undefined, [undefined, undefined]],
    [first, [first, undefined]],
    [null, [null, second]],
  ]) {
    const [item, selection] = wholeEntries(given, { selected })!;
    assert.deepEqual(foldersOf(item, selection), ['/r/1', '/r/2']);
    assert.equal(wholeEntries(given), undefined, 'a command of one entry');
    assert.equal(wholeEntries(given, { selected: [first] }), undefined);
    assert.equal(wholeEntries(given, { selected: [first, second, run('/r/3')], isOfTitle: true }), undefined);
  }
});

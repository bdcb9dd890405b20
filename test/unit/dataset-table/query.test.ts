import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import type { TableQuery } from '../../../src/core/dataset-table/query.js';
import { datasetFile, jsonLines } from '../dataset/support.js';
import { type OpenTable, tableOf, textOf } from './support.js';

const rows = [
  { prompt: 'Name a colour.', chosen: 'Blue is one.', rejected: 'Seven', source: 'colours' },
  { prompt: 'Add 2 and 2', chosen: '4', rejected: 'It is difficult to say.', source: 'sums 10' },
  { prompt: 'Name a colour.', chosen: 'Blue is one.', rejected: 'Seven', source: 'colours' },
  { prompt: 'Say "hi"', chosen: 'hi\nthere/you', rejected: 'Straße Ünal', source: 'sums 9' },
  { prompt: 'empty', chosen: '', rejected: 'x' },
  { prompt: 'Equal', chosen: 'same', rejected: 'same' },
];

const small = async (t: TestContext): Promise<OpenTable> => tableOf(t, await datasetFile(t, `${jsonLines(...rows)}{"prompt": 1\n`));

test('a filter compares lengths, sources, problems and rows, and finds words', async (t) => {
  const open = await small(t);
  for (const [filter, wanted] of [
    ['', '1 2 3 4 5 6 7'],
    ['chosen>4', '1 3 4'],
    ['chosen<=1', '2'],
    ['chosen_characters:1', '2'],
    ['difference<0', '2'],
    ['difference!=0', '1 2 3 4'],
    ['length>30', '2'],
    ['tokens>0', ''],
    ['row>5', '6 7'],
    ['source:sums', '2 4'],
    ['source="sums 10"', '2'],
    ['source!=colours', '2 4 5 6 7'],
    ['problem:duplicate', '3'],
    ['problem:wishbone/duplicate', '3'],
    ['problem:none', '1 2 4'],
    ['problem:any', '3 5 6 7'],
    ['problem:error', '5 7'],
    ['problem:warnings', '3 6'],
    ['problem!=error', '1 2 3 4 6'],
    ['problem:equal', '6'],
    ['problem:nosuch', ''],
    ['problem:', '1 2 3 4 5 6 7'],
    ['blue', '1 3'],
    ['BLUE one', '1 3'],
    ['"blue is"', '1 3'],
    ['"is blue"', ''],
    ['hi', '4'],
    ['there/you', '4'],
    ['straße', '4'],
    ['ünal', '4'],
    ['nthere', ''],
    ['colour', '1 3'],
    ['chosen', '5'],
    ['foo:bar', ''],
    ['chosen>many', ''],
    ['blue problem:none', '1'],
    ['"prompt', '5 7'],
    ['empty', '5'],
  ] as const) {
    assert.equal(await open.matching(filter), wanted, filter);
  }
});

test('lines are sorted by every column, those without a value last, equal ones in the order of the file', async (t) => {
  const open = await small(t);
  const sorted = (column: NonNullable<TableQuery['sort']>['column'], descending = false): Promise<string> =>
    open.matching('', { sort: { column, descending } });
  assert.equal(await sorted('row', true), '7 6 5 4 3 2 1');
  assert.equal(await sorted('chosen'), '2 6 1 3 4 5 7');
  assert.equal(await sorted('chosen', true), '1 3 4 6 2 5 7');
  assert.equal(await sorted('difference'), '2 6 4 1 3 5 7');
  assert.equal(await sorted('difference', true), '1 3 4 6 2 5 7');
  assert.equal(await sorted('source'), '1 3 4 2 5 6 7', 'sums 9 before sums 10');
  assert.equal(await sorted('source', true), '2 4 1 3 5 6 7');
  assert.equal(await sorted('problems', true), '5 7 3 6 1 2 4');
  assert.equal(await open.matching('problem:any', { sort: { column: 'prompt', descending: true } }), '3 6 5 7');
});

test('escapes in the file are found as what they stand for', async (t) => {
  const file = await datasetFile(t, '{"prompt": "\\u0042lue \\u00e9t\\u00e9", "chosen": "a\\/b", "rejected": "x\\ty"}\n');
  const open = await tableOf(t, file);
  for (const word of ['blue', 'été', 'a/b', '"x\ty"']) assert.equal(await open.matching(word), '1', word);
  for (const word of ['u0042', '\\/']) assert.equal(await open.matching(word), '', word);
});

test('filters and orders are those of a plain look at all rows', async (t) => {
  const texts = fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'é', '"', '\\', '\n', '😀'), minLength: 1, maxLength: 12 });
  const row = fc.record({ prompt: texts, chosen: texts, rejected: texts, source: fc.constantFrom('one', 'two') });
  const isSolid = ({ prompt, chosen, rejected }: { prompt: string; chosen: string; rejected: string }): boolean =>
    [prompt, chosen, rejected].every((text) => text.trim() !== '');
  await fc.assert(
    fc.asyncProperty(
      fc.array(row.filter(isSolid), { minLength: 1, maxLength: 30 }),
      texts,
      fc.nat(12),
      fc.boolean(),
      async (all, word, most, down) => {
        const open = await tableOf(t, await datasetFile(t, gzipSync(jsonLines(...all)), 'pairs.jsonl.gz'));
        const needle = word.replaceAll('"', '').toLowerCase();
        const found = all.flatMap((each, at) => {
          const has = needle === '' || [each.prompt, each.chosen, each.rejected].some((text) => text.toLowerCase().includes(needle));
          return has && each.chosen.length <= most ? [{ at, length: each.rejected.length }] : [];
        });
        const wanted = found
          .sort((a, b) => (down ? b.length - a.length : a.length - b.length) || a.at - b.at)
          .map(({ at }) => String(at + 1));
        const shown = await open.matching(`"${needle}" chosen<=${most}`, { sort: { column: 'rejected', descending: down } });
        assert.equal(shown, wanted.join(' '));
      },
    ),
    { numRuns: 40 },
  );
});

test('a query that another one follows ends, and its lines are not given', async (t) => {
  const open = await tableOf(
    t,
    await datasetFile(t, jsonLines(...Array.from({ length: 20_000 }, (_, i) => ({ ...rows[0], prompt: `p ${i}` })))),
  );
  const first = open.table.query(100, { filter: 'no such words', sort: null, unit: 'characters' });
  const second = open.table.query(101, { filter: '"p 77"', sort: null, unit: 'characters' });
  assert.equal(await first, null);
  assert.equal((await second)!.count, 111);
  assert.equal(await open.table.lines(100, 0, 10), null);
  const lines = (await open.table.lines(101, 0, 10))!;
  assert.equal(lines[0]!.prompt, 'p 77');
  assert.deepEqual(
    lines.map(({ row }) => row),
    [77, ...Array.from({ length: 9 }, (_, i) => 770 + i)],
  );
});

test('histograms are of what was found', async (t) => {
  const open = await tableOf(
    t,
    await datasetFile(
      t,
      jsonLines(
        ...Array.from({ length: 1000 }, (_, i) => ({ prompt: `q${i}`, chosen: 'a'.repeat(1 + (i % 100)), rejected: 'b'.repeat(50) })),
      ),
    ),
  );
  const chosen = open.table.histograms().find(({ column }) => column === 'chosen')!;
  assert.equal(
    chosen.counts.reduce((sum, count) => sum + count),
    1000,
  );
  assert.equal(chosen.median, 51);
  assert.deepEqual([chosen.least, chosen.most95, chosen.most], [1, 96, 100]);
  assert.equal(chosen.counts[1], 10 * chosen.width, 'every length ten times');
  const difference = open.table.histograms().find(({ column }) => column === 'difference')!;
  assert.deepEqual([difference.least, difference.most], [-49, 50]);
  assert.ok(difference.from < 0);
  await open.query({ filter: 'chosen>90' });
  const few = open.table.histograms().find(({ column }) => column === 'chosen')!;
  assert.deepEqual([few.known, few.least], [100, 91]);
});

test('what a line shows begins a little before the first difference', async (t) => {
  const start = 'The beginning is the same in both of them, and it is long. ';
  const open = await tableOf(
    t,
    await datasetFile(t, jsonLines({ prompt: 'p', chosen: `${start}Then it is good.`, rejected: `${start}Then it is bad.` })),
  );
  const [line] = await open.lines();
  assert.equal(line!.chosen[0]!.kind, 'cut');
  assert.ok(textOf(line!.chosen).length < 70);
  assert.deepEqual(
    line!.chosen.filter(({ kind }) => kind === 'own'),
    [{ kind: 'own', text: 'good' }],
  );
  assert.deepEqual(
    line!.rejected.filter(({ kind }) => kind === 'own'),
    [{ kind: 'own', text: 'bad' }],
  );
});

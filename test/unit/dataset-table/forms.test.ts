// Files of every form and kind as tables: the same rows, pairs, lines and problems as whoever trains on them and checks them has.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { checkDataset } from '../../../src/core/checks/index.js';
import type { Message, PairText } from '../../../src/core/dataset/index.js';
import { isPlainKind } from '../../../src/core/dataset/file-kinds.js';
import { WishboneError } from '../../../src/core/errors.js';
import { datasetFile, jsonLines, readOutcomes } from '../dataset/support.js';
import { OpenTable, tableOf } from './support.js';

const datasets = path.resolve(import.meta.dirname, '../../fixtures/datasets');
const files = ['good', 'columns', 'hub', 'bad'].flatMap((folder) =>
  readdirSync(path.join(datasets, folder))
    .filter((name) => !name.endsWith('.md'))
    .map((name) => path.join(datasets, folder, name)),
);

const length = (part: string | readonly Message[]): number =>
  typeof part === 'string' ? part.length : part.reduce((sum, { content }) => sum + (content?.length ?? 0), 0);

test('there are files of every kind', () => {
  assert.ok(files.length > 90);
  for (const ending of ['.jsonl', '.jsonl.gz', '.json', '.json.gz', '.csv', '.csv.gz', '.tsv', '.parquet']) {
    assert.ok(
      files.some((file) => file.endsWith(ending)),
      ending,
    );
  }
});

for (const file of files) {
  test(`${path.relative(datasets, file)}: pairs, lengths and places`, async (t) => {
    const outcomes = await readOutcomes(file).catch((error: unknown) => {
      if (error instanceof WishboneError) return error;
      throw error;
    });
    let open;
    try {
      open = await tableOf(t, file);
    } catch (error) {
      assert.ok(error instanceof WishboneError, String(error));
      assert.ok(outcomes instanceof WishboneError, 'whoever trains on it can read it');
      return;
    }
    const lines = await open.lines();
    const { state } = open.table;
    assert.equal(lines.length, state.lines);
    if (outcomes instanceof WishboneError) return;
    const pairs = outcomes.flatMap((outcome): PairText[] => ('pair' in outcome ? [outcome.pair] : []));
    const own = new Map(lines.map((line) => [`${line.row} ${line.pair}`, line]));
    const seen = new Map<number, number>();
    for (const pair of pairs) {
      const number = seen.get(pair.row) ?? 0;
      seen.set(pair.row, number + 1);
      const line = own.get(`${pair.row} ${number}`);
      assert.ok(line !== undefined, `row ${pair.row} pair ${number}`);
      assert.equal(line.line, pair.line ?? null);
      // A row that the form of the others refuses is shown as it is, and so is one that has only some of its parts.
      if (line.lengths.characters !== null) {
        assert.deepEqual(line.lengths.characters, {
          prompt: length(pair.prompt),
          chosen: length(pair.chosen),
          rejected: length(pair.rejected),
        });
      }
    }
    // Problems of rows are those of the checks, row by row. Those of a file that begins another way are told of the file.
    const report = await checkDataset({ path: file }, { maxLength: 1024 }).catch(() => undefined);
    if (report === undefined || !isPlainKind(file, 'jsonl', 'csv', 'tsv', 'parquet')) return;
    const told = new Map<number, Set<string>>();
    for (const { check, row, line, isOfFile } of report.problems) {
      if (isOfFile || (row === undefined && line === undefined)) continue;
      const at = row === undefined ? undefined : row - 1;
      if (at !== undefined) told.set(at, (told.get(at) ?? new Set()).add(check));
    }
    for (const line of lines) {
      const wanted = [...(told.get(line.row) ?? [])].sort();
      assert.deepEqual([...line.problems].sort(), wanted, `row ${line.row}`);
    }
  });
}

test('a row that makes several pairs has a line for each, one that makes none has one', async (t) => {
  const scored = { prompt: 'p', completions: ['a', 'b', 'c'].map((response, i) => ({ response, score: i })) };
  const file = await datasetFile(t, jsonLines(scored, { prompt: 'q', chosen: '', rejected: 'r' }, scored));
  const open = await tableOf(t, file);
  const lines = await open.lines();
  const of = lines.map(({ row, pair }) => `${row}.${pair}`);
  if (lines[0]!.pairs === 3) assert.deepEqual(of, ['0.0', '0.1', '0.2', '1.0', '2.0', '2.1', '2.2']);
  assert.equal(lines.length, open.table.state.lines);
  lines.forEach(({ row, pair }, at) => assert.equal(open.table.find({ row, pair }), at));
});

test('lines are told by their place in the file: blank lines, indents, a byte order mark, no last line end', async (t) => {
  const pair = (prompt: string): string => JSON.stringify({ prompt, chosen: 'é', rejected: 'b' });
  const text = `\ufeff${pair('one')}\r\n\n  ${pair('twö')} \t\r\n   \n${pair('three')}`;
  for (const [name, content] of [
    ['pairs.jsonl', text],
    ['pairs.jsonl.gz', gzipSync(text)],
  ] as const) {
    const open = await tableOf(t, await datasetFile(t, content, name));
    const lines = await open.lines();
    assert.deepEqual(
      lines.map(({ line, prompt }) => [line, prompt]),
      [
        [1, 'one'],
        [3, 'twö'],
        [5, 'three'],
      ],
      name,
    );
  }
});

test('a file cut off keeps the rows before, and says why there are no more', async (t) => {
  const packed = gzipSync(
    Array.from({ length: 3000 }, (_, i) => jsonLines({ prompt: `${i} ${Math.random()}`, chosen: 'a', rejected: 'b' })).join(''),
  );
  const open = await tableOf(t, await datasetFile(t, packed.subarray(0, packed.length >> 1), 'pairs.jsonl.gz'));
  const { troubles, rows } = open.table.state;
  assert.ok(rows > 100 && rows < 3000, String(rows));
  assert.match(troubles[0]!.what, /gzip data ends too early/);
});

test('rows of a file of a megabyte a row, of control characters, of HTML and of deep JSON are lines like others', async (t) => {
  const deep = '['.repeat(5000) + ']'.repeat(5000);
  const rows = [
    JSON.stringify({ prompt: 'p'.repeat(3e6), chosen: 'c'.repeat(3e6), rejected: `${'c'.repeat(2e6)}d` }),
    JSON.stringify({ prompt: '<script>alert(1)</script>', chosen: '\u0000\u001b[31m\u202eabc', rejected: '😀'.repeat(300) }),
    `{"prompt": "x", "chosen": "a", "rejected": "b", "more": ${deep}}`,
    '{"prompt": "x", "chosen": "a", "rejec',
    ' '.repeat(10) + 'x'.repeat(17 * 2 ** 20),
    JSON.stringify({ prompt: 'last', chosen: 'a', rejected: 'b' }),
  ];
  const open = await tableOf(t, await datasetFile(t, rows.join('\n')));
  const lines = await open.lines();
  assert.equal(lines.length, rows.length);
  const [long, hostile, , malformed, endless, last] = lines;
  assert.ok(JSON.stringify(long).length < 5000, 'what a line shows is cut');
  assert.ok(long!.prompt.endsWith('…'));
  assert.ok(!/[\0-\x08\x1b\u202e]/.test(JSON.stringify(hostile)), 'no control characters');
  assert.equal(hostile!.prompt, '<script>alert(1)</script>');
  assert.ok(!/[\ud800-\udbff](?![\udc00-\udfff])/.test(JSON.stringify(hostile)), 'no half characters');
  assert.deepEqual(malformed!.problems, ['malformed-row']);
  assert.deepEqual(endless!.problems, ['malformed-row']);
  assert.match(endless!.prompt, /longer than 16 MiB/);
  assert.equal(last!.prompt, 'last');
  const { diff, prompt } = await open.table.pair({ row: 0, pair: 0 });
  assert.ok(JSON.stringify([diff, prompt]).length < 100_000);
  assert.equal((await open.table.texts({ row: 0, pair: 0 }))!.prompt.length, 3e6);
});

test('nothing of a packed file is left on the disk', async (t) => {
  const file = path.join(datasets, 'good/trl-explicit-text.snappy.parquet');
  const open = await tableOf(t, file);
  assert.ok((await open.lines()).length > 0);
  await open.table.close();
  await assert.rejects(stat(path.join(path.dirname(file), '.rows-')));
});

test('what an editor holds is shown in place of the file', async (t) => {
  const file = await datasetFile(t, jsonLines({ prompt: 'old', chosen: 'a', rejected: 'b' }));
  const text = `\n  ${JSON.stringify({ prompt: 'new', chosen: 'a', rejected: 'b' })}\n${JSON.stringify({ prompt: 'newer', chosen: 'a', rejected: 'b' })}`;
  const open = await tableOf(t, file, { text });
  assert.deepEqual(
    (await open.lines()).map(({ prompt, line }) => [prompt, line]),
    [
      ['new', 2],
      ['newer', 3],
    ],
  );
  assert.match(await readFile(file, 'utf8'), /old/);
});

test('a file without rows, and one that is not there, are refused by name', async (t) => {
  for (const content of ['', '\n \n', '[]']) {
    const file = await datasetFile(t, content);
    await assert.rejects(OpenTable.open(t, { file }), /the dataset is empty/);
  }
  await assert.rejects(OpenTable.open(t, { file: '/no/such/file.jsonl' }), /no such file/);
});

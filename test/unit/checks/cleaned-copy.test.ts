import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { checkDataset, type DatasetCheck, rowsOf, writeCleanedCopy } from '../../../src/core/checks/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { datasetFile, readPairs } from '../dataset/support.js';

const rows = [
  '{"prompt": "a ", "chosen":  1.0, "rejected":"x"}',
  '{"prompt":"b ","chosen":"y","rejected":"z"}',
  '{"prompt":"b ","chosen":"y","rejected":"z"}',
  '{"cut',
  '{"prompt":"c ","chosen":"y","rejected":"z","id":12345678901234567890}',
];
const check = (file: string): Promise<DatasetCheck> => checkDataset({ path: file }, { maxLength: Infinity, evalFiles: [] });
const kept = [rows[1], rows[4]];

async function clean(file: string): Promise<{ copy: string; rejected: string; names: string[] }> {
  const gone = [...new Set(Object.values(rowsOf(await check(file))).flatMap((some) => [...some]))].sort((a, b) => a - b);
  const { copy, rejected } = await writeCleanedCopy(file, gone);
  const read = async (name: string): Promise<string> => {
    const bytes = await readFile(name);
    return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  };
  return { copy: await read(copy), rejected: await read(rejected), names: [copy, rejected].map((name) => path.basename(name)) };
}

test('lines stay byte for byte as they are, plain and gzipped, with their line ends', async (t) => {
  for (const [newline, end] of [
    ['\n', '\n'],
    ['\r\n', ''],
    ['\n\n', '\n'],
  ] as const) {
    const text = rows.join(newline) + end;
    for (const name of ['pairs.jsonl', 'pairs.jsonl.gz']) {
      const file = await datasetFile(t, name.endsWith('gz') ? gzipSync(text) : text, name);
      const found = await clean(file);
      assert.equal(found.copy, kept.join(newline) + end);
      assert.equal(found.rejected, [rows[0], rows[2], rows[3], ''].join(newline));
      assert.deepEqual(found.names, [name.replace('.', '.cleaned.'), name.replace('.', '.rejected.')]);
      await readPairs(path.join(path.dirname(file), found.names[0]!));
    }
  }
});

test('a table keeps its header and its records over several lines, and so does what is left out', async (t) => {
  const records = ['a,"b\nwith, a line",c', 'd,e', 'f,g,h', '"x",g,h', 'f,g,h'];
  const file = await datasetFile(t, `prompt,chosen,rejected\n${records.join('\n')}\n`, 'pairs.csv');
  assert.deepEqual(
    (await check(file)).problems.map(({ check, line }) => [check, line]),
    [
      ['malformed-row', 4],
      ['duplicate', 7],
    ],
  );
  const found = await clean(file);
  assert.equal(found.copy, `prompt,chosen,rejected\n${[records[0], records[2], records[3]].join('\n')}\n`);
  assert.equal(found.rejected, `prompt,chosen,rejected\n${[records[1], records[4]].join('\n')}\n`);
});

test('of a JSON list what is left is as it was; its other rows become lines', async (t) => {
  const list = [
    { prompt: 'a', chosen: 'x', rejected: 'x' },
    { prompt: 'b', chosen: 'x', rejected: 'y' },
  ];
  const found = await clean(await datasetFile(t, gzipSync(JSON.stringify(list, undefined, 2)), 'pairs.json.gz'));
  assert.equal(found.copy, JSON.stringify(list.slice(1), undefined, 2));
  assert.deepEqual(JSON.parse(found.rejected), list[0]);
  assert.equal(found.rejected.split('\n').length, 2);
  assert.deepEqual(found.names, ['pairs.cleaned.json.gz', 'pairs.rejected.jsonl.gz']);
});

test('Parquet becomes JSON lines with all of its columns', async (t) => {
  const folder = path.dirname(await datasetFile(t, 'x'));
  const fixture = (name: string): string => path.resolve(import.meta.dirname, '../../fixtures/datasets/columns', name);
  const file = path.join(folder, 'pairs.parquet');
  await writeFile(file, await readFile(fixture('images.parquet')));
  assert.deepEqual(
    (await check(file)).problems.map(({ check, row }) => [check, row]),
    [['bad-value', 1]],
  );
  const found = await clean(file);
  assert.deepEqual(found.names, ['pairs.cleaned.jsonl', 'pairs.rejected.jsonl']);
  assert.equal((JSON.parse(found.copy) as { prompt: string }).prompt, 'And who are you?');
  await writeFile(file, await readFile(fixture('orca.parquet')));
  const { copy } = await writeCleanedCopy(file, [0]);
  const [row] = (await readFile(copy, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  assert.deepEqual(row, { system: 'You are terse.', question: 'Who wrote it?', chosen: 'Nobody.', rejected: 'A clerk.', index: 8 });
});

test('nothing is overwritten, and nothing is left behind when it cannot be done', async (t) => {
  const file = await datasetFile(t, rows.join('\n'));
  const names = async (): Promise<string[]> => (await readdir(path.dirname(file))).sort();
  await clean(file);
  const before = await readFile(file.replace('pairs', 'pairs.cleaned'), 'utf8');
  assert.deepEqual((await clean(file)).names, ['pairs.cleaned-2.jsonl', 'pairs.rejected-2.jsonl']);
  assert.equal(await readFile(file.replace('pairs', 'pairs.cleaned'), 'utf8'), before);
  const there = await names();
  await assert.rejects(writeCleanedCopy(file, [0, 1, 2, 3, 4]), (error) => error instanceof WishboneError && /all rows/.test(error.what));
  const cut = await datasetFile(t, 'prompt,chosen,rejected\na,b,c\nd,"e', 'cut.csv');
  await assert.rejects(writeCleanedCopy(cut, [0]), /never closed/);
  assert.deepEqual(await names(), there);
  assert.deepEqual(await readdir(path.dirname(cut)), ['cut.csv']);
});

test('the check says of the columns of a table what the editor says of lines', async (t: TestContext) => {
  const file = await datasetFile(t, `question,chosen,rejected,id\nWhy?,a,b,1\nWho?,c,d,2\n`, 'pairs.csv');
  const { problems } = await check(file);
  assert.deepEqual(problems.map(({ check, line }) => [check, line]).sort(), [
    ['lost-text', 2],
    ['unread-columns', 2],
  ]);
  assert.equal(problems.find(({ check }) => check === 'lost-text')?.remedies?.[0]?.columns, 'prompt=question');
});

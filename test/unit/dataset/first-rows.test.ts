import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { firstRows } from '../../../src/core/dataset/first-rows.js';
import { WishboneError } from '../../../src/core/errors.js';
import { moreText, shownText } from '../../../src/extension/rows/rows-text.js';
import { temporaryFolder } from '../run/support.js';

const row = (i: number) => ({ prompt: `p ${i}`, chosen: 'a', rejected: 'b', extra: i });
const rows = Array.from({ length: 50 }, (_, i) => row(i));
const lines = rows.map((each) => JSON.stringify(each));

async function fileOf(t: Parameters<typeof temporaryFolder>[0], name: string, content: string | Buffer): Promise<string> {
  const file = path.join(await temporaryFolder(t), name);
  await writeFile(file, content);
  return file;
}

test('packed JSON lines are shown as they are, blank and broken ones too, and the others are counted', async (t) => {
  const text = `${lines[0]}\r\n\nnot JSON {\n${lines.slice(1).join('\n')}`;
  const file = await fileOf(t, 'pairs.jsonl.gz', gzipSync(text));
  const all = await firstRows(file);
  assert.deepEqual([all.rows, all.total, all.hidden], [51, 51, []]);
  assert.equal(all.text, `${text.replace('\r', '')}\n`);
  const some = await firstRows(file, { most: 3 });
  assert.equal(some.text, `${lines[0]}\n\nnot JSON {\n${lines[1]}\n`);
  assert.deepEqual([some.rows, some.total], [3, 51]);
  const short = await firstRows(file, { mostCharacters: 100 });
  assert.ok(short.text.length <= 101 && short.rows > 0 && short.total === 51);
  assert.equal((await firstRows(file, { most: 1, patience: -1 })).total, undefined, 'nobody waits for a number');
});

test('rows of lists and tables become a line each; what cannot be read says why', async (t) => {
  const list = await firstRows(await fileOf(t, 'pairs.json.gz', gzipSync(JSON.stringify(rows, null, 2))), { most: 2 });
  assert.deepEqual([list.text, list.rows, list.total], [`${lines[0]}\n${lines[1]}\n`, 2, 50]);
  const csv = 'prompt,chosen,rejected,id\n"a\nb",c,d,1\nonly\n';
  const table = await firstRows(await fileOf(t, 'pairs.csv.gz', gzipSync(csv)));
  const [first, second] = table.text.split('\n');
  assert.deepEqual(JSON.parse(first!), { prompt: 'a\nb', chosen: 'c', rejected: 'd', id: '1' });
  assert.match(second!, /^row 2 cannot be read: the row has 1 cells?, but the header has 4/);
  assert.deepEqual([table.rows, table.total], [2, 2]);
});

test('Parquet: rows as JSON, their number from the footer, and columns that are not shown', async () => {
  const folder = path.join(import.meta.dirname, '../../fixtures/datasets');
  const good = (await readdir(path.join(folder, 'good'))).filter((name) => name.endsWith('.parquet'));
  assert.ok(good.length > 5);
  for (const name of good) {
    const { text, rows: shown, total } = await firstRows(path.join(folder, 'good', name), { most: 1 });
    assert.equal(shown, 1, name);
    assert.ok(total !== undefined && total > 1, name);
    assert.equal(typeof JSON.parse(text), 'object', name);
  }
  const binarized = await firstRows(path.join(folder, 'columns/binarized.parquet'));
  assert.deepEqual(binarized.hidden, ['prompt_id', 'score_chosen', 'score_rejected']);
  const other = await firstRows(path.join(folder, 'bad/no-known-columns.parquet'));
  assert.ok(other.rows > 0, 'a table of something else is shown too');
  await assert.rejects(firstRows(path.join(folder, 'bad/truncated.parquet')), WishboneError);
});

test('a damaged file is one error', async (t) => {
  const packed = gzipSync(lines.join('\n'));
  await assert.rejects(firstRows(await fileOf(t, 'cut.jsonl.gz', packed.subarray(0, packed.length / 2))), /gzip/);
});

test('what is said of how much is shown', () => {
  assert.equal(shownText({ rows: 8, total: 8, hidden: [] }), '8 rows, read-only');
  assert.equal(
    shownText({ rows: 1000, total: 12345, hidden: ['id', 'score'] }),
    'First 1,000 of 12,345 rows, read-only · 2 columns not shown: id, score',
  );
  assert.equal(shownText({ rows: 1000, total: undefined, hidden: [] }), 'First 1,000 of many more rows, read-only');
  assert.equal(moreText({ rows: 8, total: 8 }), undefined);
  assert.equal(moreText({ rows: 1000, total: 12345 }), '11,345 more rows in the file');
  assert.equal(moreText({ rows: 1000, total: undefined }), 'More rows follow in the file');
});

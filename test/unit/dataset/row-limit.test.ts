import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isTooLong, LONGEST_ROW } from '../../../src/core/dataset/row-limit.js';
import { readRows } from '../../../src/core/dataset/rows.js';
import type { Row } from '../../../src/core/dataset/row.js';
import { ByteSource } from '../../../src/core/dataset/source.js';
import { WishboneError } from '../../../src/core/errors.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wishbone-rows-'));
});
after(() => rm(folder, { recursive: true, force: true }));

interface Outcome {
  readonly rows: number;
  readonly error: WishboneError | undefined;
}

async function read(name: string, content: string | Buffer): Promise<Outcome> {
  const file = path.join(folder, name);
  await writeFile(file, /\.gz$/.test(name) ? gzipSync(content, { level: 1 }) : content);
  let rows = 0;
  try {
    const columns = { used: ['prompt', 'chosen', 'rejected'], needed: [] };
    for await (const row of readRows(await ByteSource.open(file), columns) as AsyncIterable<Row>) {
      if ('error' in row) return { rows, error: row.error };
      rows++;
    }
    return { rows, error: undefined };
  } catch (error) {
    assert.ok(error instanceof WishboneError, String(error));
    return { rows, error };
  }
}

const good = '{"prompt":"a","chosen":"b","rejected":"c"}';
const long = (bytes: number): string => `{"prompt":"${'x'.repeat(bytes)}","chosen":"b","rejected":"c"}`;
const tooLong = LONGEST_ROW + 100;

/** Each form of row, with one that is too long behind a good one. */
const forms: Readonly<Record<string, (row: string) => string>> = {
  'lines.jsonl': (row) => `${good}\n${row}\n`,
  'cut.jsonl': (row) => `${good}\n${row.slice(0, -40)}`,
  'array.json': (row) => `[${good},\n${row}]`,
  'objects.json': (row) => `${good}\n${row}\n`,
  'open.json': (row) => `[${good},\n${row.slice(0, -40)}`,
  'table.csv': (row) => `prompt,chosen,rejected\na,b,c\n"${(JSON.parse(row) as { prompt: string }).prompt}",b,c\n`,
};

for (const [name, form] of Object.entries(forms)) {
  for (const packed of ['', '.gz']) {
    test(`a row of more than 16 MiB is refused in ${name}${packed}, one below is read`, async () => {
      const { error } = await read(name + packed, form(long(tooLong)));
      assert.match(error?.what ?? '', /the row is longer than 16 MiB/);
      if (/cut|open/.test(name)) return;
      assert.deepEqual(await read(name + packed, form(long(LONGEST_ROW - 1000))), { rows: 2, error: undefined });
    });
  }
}

test('what stands before the first row, or between two, is bounded too', async () => {
  for (const [name, content] of [
    ['spaces.jsonl.gz', ' '.repeat(3 * LONGEST_ROW) + good],
    ['lines.json.gz', '\n'.repeat(3 * LONGEST_ROW) + `[${good}]`],
    ['blank.csv.gz', `${'\n'.repeat(3 * LONGEST_ROW)}prompt,chosen,rejected\na,b,c\n`],
    ['inside.json.gz', `[${good},${' '.repeat(2 * LONGEST_ROW)}${good}]`],
    ['behind.json.gz', `[${good}${' '.repeat(2 * LONGEST_ROW)},${good}]`],
  ] as const) {
    const { error } = await read(name, content);
    assert.match(error?.what ?? '', /no row begins in the first 16 MiB|longer than 16 MiB/, name);
  }
});

test('a small file that unfolds to one huge row takes little memory', async () => {
  const file = path.join(folder, 'bomb.json.gz');
  await writeFile(file, gzipSync(Buffer.concat([Buffer.from('[{"prompt":"'), Buffer.alloc(300e6, 0x20), Buffer.from('"}]')])));
  const begin = process.memoryUsage().rss;
  let most = begin;
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 10);
  await assert.rejects(readRows(await ByteSource.open(file), { used: [], needed: [] }).next(), /longer than 16 MiB/);
  clearInterval(timer);
  assert.ok(most - begin < 250e6, `${Math.round((most - begin) / 1e6)} MB more`);
});

test('a Parquet row is as long as its texts, however few bytes they have in the file', () => {
  const text = 'x'.repeat(2 ** 20);
  assert.equal(isTooLong({ chosen: Array(15).fill(text) }), false);
  assert.equal(isTooLong({ chosen: Array(17).fill(text) }), true);
  assert.equal(isTooLong({ chosen: Array(3e6).fill(1) }), true);
  assert.equal(isTooLong({ chosen: Array(1000).fill(Array(3000).fill(0)) }), true);
  assert.equal(isTooLong({ chosen: [{ content: null }], scores: [1.5, new Number(1), 1n] }), false);
});

test('brackets and quotes within texts, and nesting without an end, are no rows', async () => {
  const tricky = '{"prompt":"]},[{\\"","chosen":"\\\\","rejected":"}{,"}';
  assert.deepEqual(await read('tricky.json', `[${Array(50).fill(tricky).join(' ,\n')}]`), { rows: 50, error: undefined });
  const { error } = await read('deep.json', '['.repeat(1e6));
  assert.ok(error instanceof WishboneError);
  assert.ok((await read('deep.jsonl', `{"prompt":${'['.repeat(1e6)}`)).error instanceof WishboneError);
  assert.ok((await read('deep-whole.jsonl', `{"chosen":${'['.repeat(1e6)}${']'.repeat(1e6)}}`)).error === undefined);
});

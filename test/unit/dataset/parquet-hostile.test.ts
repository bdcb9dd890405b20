import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { compressors } from 'hyparquet-compressors';
import { walkDeltas } from '../../../src/core/dataset/parquet/deltas.js';
import { TableFault } from '../../../src/core/dataset/table-fault.js';
import { checkPlain, checkValues } from '../../../src/core/dataset/parquet/page-content.js';
import { ENCODINGS, readPages } from '../../../src/core/dataset/parquet/pages.js';
import { walkRuns } from '../../../src/core/dataset/parquet/runs.js';
import { readSchema, type Leaf } from '../../../src/core/dataset/parquet/schema.js';
import { ThriftReader } from '../../../src/core/dataset/parquet/thrift.js';
import { unpack } from '../../../src/core/dataset/parquet/unpack.js';
import { errorOf } from './support.js';

const fixtures = path.resolve(import.meta.dirname, '../../fixtures/datasets');
const view = (...bytes: readonly number[]): DataView => new DataView(Uint8Array.from(bytes).buffer);
const leaf: Leaf = {
  ...{ path: ['prompt'], places: [1], type: 'BYTE_ARRAY', typeLength: 0 },
  ...{ definitionLevels: 1, repetitionLevels: 0, kind: 'text', scale: 0, ticks: 1000 },
};
const refused = (work: () => unknown, what: RegExp): void => {
  assert.throws(work, (error) => error instanceof TableFault && what.test(error.message));
};

for (const [name, what, where] of [
  ['damaged-levels.parquet', /column "scores.list.element": levels of 3154116610 bytes where 8 are left/, ', rows 1 to 3'],
  ['damaged-schema.parquet', /its schema says -2 fields/, ''],
] as const) {
  test(`${name}: a message with the place`, async () => {
    const file = path.join(fixtures, 'bad', name);
    const error = await errorOf(file);
    assert.match(error.what, what);
    assert.equal(error.where, `${file}${where}`);
  });
}

test('headers: lists, lengths and numbers are held against the bytes that are left', () => {
  const read = (bytes: DataView, most = 100): unknown => new ThriftReader(bytes, 0, bytes.byteLength, most).struct();
  refused(() => read(view(0x19, 0xf8, 0xff, 0xff, 0xff, 0xff, 0x07)), /a list of 2147483647 entries/);
  refused(() => read(view(0x18, 0xff, 0xff, 0xff, 0xff, 0x07)), /says 2147483647 bytes where 0/);
  refused(() => read(view(0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)), /number without an end/);
  refused(() => read(view(0x16, ...Array<number>(12).fill(0xff))), /number without an end/);
  refused(() => read(view(...Array<number>(100).fill(0x1c))), /nested too deeply/);
  refused(() => read(view(0x19, 0x51, 1, 1, 1, 1, 1, 0), 3), /more than a file of this size/);
  refused(() => read(view(0x15)), /bytes where 0 are left/);
});

test('a schema: fields that are not there', () => {
  refused(() => readSchema([{ name: 'schema', num_children: 1e9 }]), /1000000000 columns/);
  refused(
    () =>
      readSchema([
        { name: 'schema', num_children: 1 },
        { name: 'a', num_children: 1e9 },
      ]),
    /1000000000 fields/,
  );
  const nested = Array.from({ length: 1000 }, (_, index) => ({ name: `f${index}`, num_children: 1 }));
  refused(() => readSchema(nested), /nested too deeply/);
});

test('pages: sizes and values are held against the column', () => {
  // A dictionary of 2^20 entries in 20 bytes, and one page that says it holds more values than its column.
  refused(
    () =>
      readPages(view(0x15, 4, 0x15, 40, 0x15, 40, 0x4c, 0x15, 0x80, 0x80, 0x80, 1, 0x15, 0, 0, 0, ...Array<number>(40).fill(0)), 3, leaf),
    /a dictionary says 1048576 entries in 20 bytes/,
  );
  refused(
    () => readPages(view(0x15, 0, 0x15, 0x80, 0x80, 4, 0x15, 0x80, 0x80, 4, 0x2c, 0x15, 6, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0, 1, 2), 3, leaf),
    /a page says 32768 bytes where 2 are left/,
  );
});

test('runs: none is longer than the values that are left', () => {
  refused(() => walkRuns(view(0xfe, 0xff, 0xff, 0xff, 0x0f, 1), 0, 6, 1, 3), /a run of 2147483647 values where 3/);
  refused(() => walkRuns(view(0xff, 0xff, 0xff, 0xff, 0x0f, 1), 0, 6, 1, 3), /a run of \d{11} values where 3/);
  refused(() => walkRuns(view(0x03, 1), 0, 2, 16, 8), /a run of 16 bytes where 1/);
  assert.deepEqual(walkRuns(view(6, 1, 3, 0b10101), 0, 4, 1, 8, 1), { at: 4, matches: 6 });
});

test('deltas: blocks, widths and shared beginnings', () => {
  refused(() => walkDeltas(view(0x80, 1, 0xff, 0xff, 0xff, 0x7f, 5, 0, 0), 0, 9, 5, 32), /deltas in blocks of 128/);
  refused(() => walkDeltas(view(0x80, 1, 0, 5, 0, 0), 0, 6, 5, 32), /deltas in blocks/);
  refused(() => walkDeltas(view(0x80, 1, 4, 5, 0, 0, 200, 0, 0, 0), 0, 10, 5, 64), /a delta of 200 bits/);
  refused(() => walkDeltas(view(0x80, 1, 4, 6, 0), 0, 5, 5, 64), /deltas of 6 values where 5/);
  // One text, said to begin with 2^30 bytes of the one before.
  const lengths = [0x80, 1, 4, 1, 0x80, 0x80, 0x80, 0x80, 8, 0x80, 1, 4, 1, 0];
  refused(() => checkValues(view(...lengths), 0, 1, ENCODINGS.deltaByteArray, leaf, false), /begins with more than the one before/);
});

test('values: as many as there is room for, with a dictionary where they need one', () => {
  refused(() => checkPlain(view(255, 255, 255, 127, 1), 0, 1, leaf), /a text of 2147483647 bytes where 1/);
  refused(() => checkPlain(view(0), 0, 1e9, { ...leaf, type: 'INT64' }), /1000000000 values/);
  refused(() => checkValues(view(0), 0, 1e9, ENCODINGS.byteStreamSplit, { ...leaf, type: 'FLOAT' }, false), /1000000000 values/);
  refused(() => checkValues(view(1, 2, 3), 0, 1, ENCODINGS.rleDictionary, leaf, false), /dictionary that is not there/);
  refused(() => checkValues(view(77), 0, 1, ENCODINGS.rleDictionary, leaf, true), /77 bits/);
});

test('packed bytes: no more is unpacked than they can hold, whatever they say', () => {
  const bytes = new Uint8Array(100);
  for (const codec of ['UNCOMPRESSED', 'SNAPPY', 'LZ4_RAW', 'GZIP']) {
    refused(() => unpack(codec, bytes, 2 ** 30, compressors), /a page says 1073741824 bytes in 100/);
  }
  // Zstandard: a frame of 2^32 - 1 bytes; a window of 2^41; blocks that repeat a byte 2^17 times a thousand times.
  const frame = (...more: readonly number[]): Uint8Array => Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, ...more]);
  refused(() => unpack('ZSTD', frame(0xa0, 255, 255, 255, 255, 1, 0, 0), 10, compressors), /4294967295/);
  refused(() => unpack('ZSTD', frame(0, 0xf8, 1, 0, 0), 10, compressors), /a window of 2\^41/);
  const repeats = Array.from({ length: 1000 }, () => [2, 0, 0x10, 7]).flat();
  refused(() => unpack('ZSTD', frame(0, 0x38, ...repeats, 3, 0, 0x10, 7), 10, compressors), /131203072 where there should be 10/);
  refused(() => unpack('LZO', bytes, 100, compressors), /LZO, which is not known/);
});

test('no change of any byte ends the process, takes long or takes memory', async () => {
  const folder = path.join(import.meta.dirname, 'parquet');
  const files = [
    path.join(fixtures, 'good/scored.parquet'),
    ...readdirSync(folder).flatMap((name) => (/^random.*\.parquet$/.test(name) ? [path.join(folder, name)] : [])),
    ...readdirSync(path.join(fixtures, 'good')).flatMap((name) => (name.endsWith('.parquet') ? [path.join(fixtures, 'good', name)] : [])),
  ];
  const child = path.join(import.meta.dirname, 'table-hostile-child.ts');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--max-old-space-size=200', '--import', 'tsx', child, 'parquet', '1000', '20251128', ...files],
    { timeout: 120_000 },
  );
  const { runs, refused: bad, found, memory } = JSON.parse(stdout) as Record<'runs' | 'refused' | 'memory', number> & { found: string[] };
  assert.deepEqual(found, []);
  assert.ok(runs > 300 && bad > 100, `${bad} of ${runs} were refused`);
  assert.ok(memory < 5e8, `${memory} bytes`);
});

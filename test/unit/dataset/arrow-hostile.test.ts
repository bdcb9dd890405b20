import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { unpackLz4Frame } from '../../../src/core/dataset/arrow/lz4-frame.js';
import { TableFault } from '../../../src/core/dataset/table-fault.js';
import { datasetFile, errorOf } from './support.js';

const folder = path.join(import.meta.dirname, 'arrow');
const stream = readFileSync(path.join(folder, 'shards/data-00000-of-00003.arrow'));
const file = readFileSync(path.join(folder, 'types-file.arrow'));

test('a stream that is cut off is damaged, wherever it is cut', async (t) => {
  for (const length of [5, 8, 100, stream.length >> 1, stream.length - 9]) {
    const name = await datasetFile(t, stream.subarray(0, length), 'pairs.arrow');
    const error = await errorOf(name);
    assert.match(error.what, /^the Arrow data cannot be read \(.*(where \d+ are left|no schema)/, String(length));
    assert.match(error.advice, /cut off or damaged/);
  }
});

test('a file in the file format that is cut off does not end as it should', async (t) => {
  const error = await errorOf(await datasetFile(t, file.subarray(0, file.length - 20), 'pairs.arrow'));
  assert.match(error.what, /it does not end as such files do/);
});

test('what is named .arrow, and packed Arrow, are named', async (t) => {
  const other = await errorOf(await datasetFile(t, 'prompt\n', 'pairs.arrow'));
  assert.match(other.what, /named \.arrow, but does not begin like Arrow/);
  const { gzipSync } = await import('node:zlib');
  const packed = await errorOf(await datasetFile(t, gzipSync(stream), 'pairs.arrow.gz'));
  assert.match(packed.what, /an Arrow stream, compressed as a whole/);
});

test('LZ4: no more is unpacked than there is, and nothing from before the start', () => {
  const frame = (...block: readonly number[]): Uint8Array =>
    Uint8Array.from([0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0xc0, block.length, 0, 0, 0, ...block, 0, 0, 0, 0]);
  const refused = (bytes: Uint8Array, size: number, what: RegExp): void => {
    assert.throws(
      () => unpackLz4Frame(bytes, size),
      (error) => error instanceof TableFault && what.test(error.message),
    );
  };
  assert.deepEqual([...unpackLz4Frame(frame(0x12, 7, 1, 0, 0x10, 9), 8)], [7, 7, 7, 7, 7, 7, 7, 9]);
  refused(frame(0x10, 7), 2 ** 30, /1073741824 bytes in \d+ that are packed/);
  refused(frame(0x10, 7), 2, /hold 1 bytes where there should be 2/);
  refused(frame(0x12, 7, 2, 0), 10, /copy from before their start/);
  refused(frame(0x12, 7, 0, 0), 10, /copy from before their start/);
  refused(frame(0x1f, 7, 1, 0, 255, 255, 255), 10, /end too early/);
  refused(frame(0x1f, 7, 1, 0, 200), 10, /more than they say/);
  refused(frame(0xf0, 255, 255), 600, /end too early/);
  refused(Uint8Array.from([1, 2, 3, 4]), 3, /no LZ4 frame/);
});

test('no change of any byte ends the process, takes long or takes memory', async () => {
  const files = [
    path.join(folder, 'messages/data-00000-of-00001.arrow'),
    ...readdirSync(folder).flatMap((name) => (name.endsWith('.arrow') ? [path.join(folder, name)] : [])),
  ];
  const child = path.join(import.meta.dirname, 'table-hostile-child.ts');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--max-old-space-size=200', '--import', 'tsx', child, 'arrow', '1000', '20261129', ...files],
    { timeout: 120_000 },
  );
  const { runs, refused: bad, found, memory } = JSON.parse(stdout) as Record<'runs' | 'refused' | 'memory', number> & { found: string[] };
  assert.deepEqual(found, []);
  assert.ok(runs > 300 && bad > 100, `${bad} of ${runs} were refused`);
  assert.ok(memory < 5e8, `${memory} bytes`);
});

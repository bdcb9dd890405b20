import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { readRows } from '../../../src/core/dataset/rows.js';
import { ByteSource } from '../../../src/core/dataset/source.js';
import { unzstd } from '../../../src/core/dataset/zstd.js';
import { openRows } from '../../../src/core/dataset-table/open-rows.js';
import { UnreadableFile } from '../../../src/core/errors.js';
import { Random } from '../../../src/core/plan/random.js';
import { probeDataset } from '../../../src/core/probe/index.js';
import { temporaryFolder } from '../run/support.js';

const FOLDER = path.resolve('test/fixtures/datasets/zstd');
const fixture = (name: string): Buffer => readFileSync(path.join(FOLDER, name));
const EXAMPLE = readFileSync('examples/preferences.jsonl');
const TIMES = Number(/^\d+/.exec(fixture('rows.txt').toString())![0]);
const SEVERAL = Buffer.concat(Array.from({ length: TIMES }, () => EXAMPLE));
const FILES = ['checked', 'unchecked', 'hardest', 'fast', 'threads', 'pyarrow'].map((name) => `${name}.jsonl.zst`);
const SKIPPED = Buffer.concat([Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 5, 0, 0, 0]), Buffer.from('aside')]);

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function unpacked(bytes: Buffer, size = 1 << 16): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of unzstd(inPieces(bytes, size), 'pairs.jsonl.zst')) parts.push(part);
  return Buffer.concat(parts);
}

/** Of a whole frame with a window of 1 MiB and these blocks. */
const frame = (...blocks: Buffer[]): Buffer => Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 10 << 3]), ...blocks]);
function block(kind: number, size: number, body: Buffer, isLast = true): Buffer {
  const head = Buffer.alloc(3);
  head.writeUIntLE(Number(isLast) | (kind << 1) | (size << 3), 0, 3);
  return Buffer.concat([head, body]);
}

test('what zstd and pyarrow have compressed in any way is what it was, however it comes', async () => {
  for (const name of FILES) assert.ok((await unpacked(fixture(name))).equals(SEVERAL), name);
  for (const size of [1, 7, 1000, 1 << 20]) assert.ok((await unpacked(fixture('checked.jsonl.zst'), size)).equals(SEVERAL), `${size}`);
  assert.equal((await unpacked(fixture('empty.zst'))).length, 0);
  const two = Buffer.concat([SKIPPED, fixture('checked.jsonl.zst'), SKIPPED, fixture('empty.zst'), fixture('pyarrow.jsonl.zst'), SKIPPED]);
  for (const size of [3, 1 << 16])
    assert.ok((await unpacked(two, size)).equals(Buffer.concat([SEVERAL, SEVERAL])), 'several frames, and what is aside');
  assert.equal((await unpacked(frame(block(0, 2, Buffer.from('ab'), false), block(1, 3, Buffer.from('c'))))).toString(), 'abccc');
});

test('what ends early or holds something else is refused, and never read as other rows', async () => {
  const good = fixture('checked.jsonl.zst');
  for (let end = 1; end < good.length; end += 997) await assert.rejects(unpacked(good.subarray(0, end)), /ends too early/, `${end}`);
  await assert.rejects(unpacked(Buffer.concat([good, Buffer.from('more')])), /something else follows/);
  await assert.rejects(unpacked(Buffer.concat([good, SKIPPED.subarray(0, 10)])), /ends too early/);
  let refused = 0;
  for (let at = 4; at < good.length; at += 211) {
    const bad = Buffer.from(good);
    bad[at]! ^= 1 << (at % 8);
    try {
      assert.ok((await unpacked(bad)).equals(SEVERAL), `byte ${at}`);
    } catch (error) {
      if (!(error instanceof UnreadableFile)) throw error;
      refused++;
    }
  }
  assert.ok(refused > 150, `${refused}`);
});

test('headers and blocks that ask for more than there may be are refused before anything is made for them', async () => {
  const mark = [0x28, 0xb5, 0x2f, 0xfd];
  const long = Buffer.from([...mark, 0, 21 << 3, 1, 0, 0]);
  await assert.rejects(unpacked(long), /a window of 2048 MiB, of which at most 128 are read/);
  const huge = Buffer.from([...mark, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
  await assert.rejects(unpacked(huge), /a window of .* MiB/);
  await assert.rejects(unpacked(Buffer.from([...mark, 0x01, 80, 7, 1, 0, 0])), /needs a dictionary/);
  await assert.rejects(unpacked(Buffer.from([...mark, 0x08, 80, 1, 0, 0])), /of no version/);
  await assert.rejects(unpacked(frame(block(1, 2 ** 21 - 1, Buffer.from('x')))), /of no kind/, 'two megabytes of one byte');
  await assert.rejects(unpacked(frame(block(3, 1, Buffer.from('x')))), /of no kind/);
  await assert.rejects(unpacked(frame(block(2, 0, Buffer.alloc(0)))), /of no kind/);
  await assert.rejects(
    unpacked(frame(block(2, 5, Buffer.from([0x03, 0xff, 0xff, 0xff, 0xff])))),
    /damaged/,
    'a tree of Huffman codes that is none',
  );
  const wrongSize = Buffer.concat([Buffer.from([...mark, 0x20, 9]), block(0, 2, Buffer.from('ab'))]);
  await assert.rejects(unpacked(wrongSize), /another number of bytes/);
});

test('bytes of no sense end in one error, quickly', async () => {
  const random = new Random(7);
  const good = fixture('unchecked.jsonl.zst');
  const began = performance.now();
  for (let round = 0; round < 150; round++) {
    const bad = Buffer.from(good.subarray(0, 8000 + (random.next() % 20_000)));
    for (let change = 0; change < 1 + (random.next() % 6); change++) bad[4 + (random.next() % (bad.length - 4))] = random.next() & 0xff;
    await unpacked(bad).catch((error: unknown) => {
      if (!(error instanceof UnreadableFile)) throw error;
    });
  }
  assert.ok(performance.now() - began < 60_000);
});

test('a dataset in Zstandard is read as the file inside, whatever it is called', async (context) => {
  const folder = await temporaryFolder(context);
  const rows = async (file: string): Promise<unknown[]> => {
    const all: unknown[] = [];
    for await (const row of readRows(await ByteSource.open(file), { used: [], needed: [] })) all.push(row);
    return all;
  };
  const plain = path.join(folder, 'pairs.jsonl');
  await writeFile(plain, SEVERAL);
  for (const name of ['pairs.jsonl.zst', 'other.jsonl']) {
    const file = path.join(folder, name);
    await writeFile(file, fixture('checked.jsonl.zst'));
    assert.equal((await rows(file)).length, 120 * TIMES);
    assert.deepEqual(await rows(file), await rows(plain));
    assert.equal((await probeDataset(file)).form, 'trl-explicit');
  }
  const cut = path.join(folder, 'cut.jsonl.zst');
  await writeFile(cut, fixture('checked.jsonl.zst').subarray(0, 20_000));
  await assert.rejects(rows(cut), /the zstd data ends too early/);
  await assert.doesNotReject(openRows(path.join(folder, 'pairs.jsonl.zst'), folder));
});

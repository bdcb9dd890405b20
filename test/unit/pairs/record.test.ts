import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { crc32c } from '../../../src/core/files/crc32c.js';
import { type PairBlock, PairRecord } from '../../../src/core/pairs/record.js';
import { recordBytes, valuesOf } from './support.js';

async function temporaryFile(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-pairs-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return path.join(folder, 'pairs.bin');
}

async function blocksOf(file: string): Promise<PairBlock[]> {
  const record = await PairRecord.open(file);
  assert.ok(record !== undefined);
  const blocks: PairBlock[] = [];
  try {
    for await (const block of record.blocks()) blocks.push(block);
  } finally {
    await record.close();
  }
  return blocks;
}

const BLOCKS = [
  { kind: 3, step: 1, first: 0, values: [valuesOf(0.5), valuesOf(-0.25)] },
  { kind: 1, step: 2, first: 2, values: [valuesOf(1)] },
  { kind: 2, step: 2, first: 0, values: [valuesOf(2), valuesOf(3), valuesOf(4)] },
];

test('checksums are those of RFC 3720', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
});

test('blocks are read as they were written', async (t) => {
  const file = await temporaryFile(t);
  await writeFile(file, recordBytes(BLOCKS));
  const record = (await PairRecord.open(file))!;
  assert.deepEqual(record.plans, { train: 'ab'.repeat(32), evaluation: 'cd'.repeat(32) });
  await record.close();
  const blocks = await blocksOf(file);
  assert.deepEqual(
    blocks.map(({ kind, step, first, count }) => ({ kind, step, first, count })),
    [
      { kind: 'warm-up', step: 1, first: 0, count: 2 },
      { kind: 'step', step: 2, first: 2, count: 1 },
      { kind: 'evaluation', step: 2, first: 0, count: 3 },
    ],
  );
  assert.deepEqual(
    blocks.map(({ values }) => [...values]),
    BLOCKS.map(({ values }) => values.flat().map(Math.fround)),
  );
});

test('a record that ends anywhere, or has any byte changed, is read as far as it is whole', async (t) => {
  const file = await temporaryFile(t);
  const whole = recordBytes(BLOCKS);
  const ends = [76, 76 + 20 + 40, 76 + 60 + 40, whole.length];
  for (let end = 0; end < whole.length; end++) {
    await writeFile(file, whole.subarray(0, end));
    if (end < 76) {
      assert.equal(await PairRecord.open(file), undefined, `ends at ${end}`);
    } else {
      assert.equal((await blocksOf(file)).length, ends.filter((at) => at <= end).length - 1, `ends at ${end}`);
    }
  }
  for (let at = 0; at < whole.length; at++) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 0x81;
    await writeFile(file, changed);
    if (at < 76) await assert.rejects(PairRecord.open(file), /no record of pairs, or it is damaged/);
    else assert.ok((await blocksOf(file)).length <= ends.filter((end) => end <= at).length - 1, `byte ${at}`);
  }
});

test('no file is no record; a folder in its place is told of; a count beyond the file is not believed', async (t) => {
  const file = await temporaryFile(t);
  assert.equal(await PairRecord.open(file), undefined);
  await assert.rejects(PairRecord.open(path.dirname(file)), WishboneError);
  const whole = recordBytes([{ kind: 1, step: 1, first: 0, values: [valuesOf(1)] }]);
  whole.writeUInt32LE(0xffffffff, 76 + 12);
  await writeFile(file, whole);
  assert.deepEqual(await blocksOf(file), []);
  // A file with holes may claim any size.
  await truncate(file, 2 ** 38);
  assert.deepEqual(await blocksOf(file), []);
});

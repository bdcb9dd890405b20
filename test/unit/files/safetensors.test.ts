import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { WishboneError } from '../../../src/core/errors.js';
import { readSafetensors, readSafetensorsHeader, writeSafetensors, type Tensor } from '../../../src/core/files/safetensors.js';

let folder: string;
let file: string;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wishbone-safetensors-'));
  file = path.join(folder, 'x.safetensors');
});
after(() => rm(folder, { recursive: true }));

async function write(header: string | Uint8Array, data = 0, length?: bigint): Promise<void> {
  const text = Buffer.from(header);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(length ?? BigInt(text.length));
  await writeFile(file, Buffer.concat([size, text, Buffer.alloc(data)]));
}

const tensor = (begin: number, end: number, more: object = {}): object => ({
  dtype: 'U8',
  shape: [end - begin],
  data_offsets: [begin, end],
  ...more,
});

const hostile: readonly [name: string, pattern: RegExp, header: string | Uint8Array, data?: number, length?: bigint][] = [
  ['a header longer than the file', /claims 9223372036854775807 bytes/, '{}', 0, 2n ** 63n - 1n],
  ['a header one byte too long', /claims 3 bytes/, '{}', 0, 3n],
  ['a header that is not JSON', /not JSON/, '{"a":'],
  ['a header that is not UTF-8', /not JSON/, Uint8Array.of(0x22, 0xff, 0x22)],
  ['a header that is no object', /not a JSON object/, '[]'],
  ['data without tensors', /last 4 bytes belong to no tensor/, '{}', 4],
  ['a tensor past the end', /do not lie within/, JSON.stringify({ a: tensor(0, 8) }), 4],
  ['offsets the wrong way round', /do not lie within/, JSON.stringify({ a: { dtype: 'U8', shape: [4], data_offsets: [4, 0] } }), 4],
  ['tensors that overlap', /overlaps/, JSON.stringify({ a: tensor(0, 4), b: tensor(2, 6) }), 6],
  ['a gap', /2 bytes before/, JSON.stringify({ a: tensor(0, 2), b: tensor(4, 6) }), 6],
  ['a shape that is not its range', /takes 5 bytes/, JSON.stringify({ a: tensor(0, 4, { shape: [5] }) }), 4],
  ['a shape that overflows', /takes/, JSON.stringify({ a: tensor(0, 4, { shape: [2 ** 32, 2 ** 32, 2 ** 32] }) }), 4],
  ['an overflow hidden by a zero', /takes/, `{"a":{"dtype":"U8","shape":[${'9007199254740991,'.repeat(21)}0],"data_offsets":[0,0]}}`],
  ['sizes that are no sizes', /list of sizes/, JSON.stringify({ a: tensor(0, 4, { shape: [-4] }) }), 4],
  ['fractions of a byte', /data_offsets/, '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,0.5]}}', 1],
  ['an unknown type', /unknown type "F4"/, JSON.stringify({ a: tensor(0, 4, { dtype: 'F4' }) }), 4],
  ['a type from the prototype', /unknown type "constructor"/, JSON.stringify({ a: tensor(0, 4, { dtype: 'constructor' }) }), 4],
  ['metadata that are not text', /"k" is not text/, '{"__metadata__":{"k":1}}'],
];

for (const [name, pattern, header, data, length] of hostile) {
  test(`${name}: refused with one error that names the file`, async () => {
    await write(header, data, length);
    for (const read of [readSafetensorsHeader, readSafetensors]) {
      await assert.rejects(read(file), (error) => {
        assert.ok(error instanceof WishboneError, String(error));
        assert.match(error.what, pattern);
        assert.ok(error.where.startsWith(file));
        return true;
      });
    }
  });
}

test('files too short for a header', async () => {
  for (const bytes of [0, 7]) {
    await writeFile(file, Buffer.alloc(bytes));
    await assert.rejects(readSafetensorsHeader(file), /less than the length of a header/);
  }
});

test('random bytes and damaged headers never cause anything but a WishboneError', async () => {
  const valid = JSON.stringify({ a: tensor(0, 4), b: { dtype: 'F32', shape: [1, 2], data_offsets: [4, 12] } });
  const damaged = fc
    .tuple(fc.nat(valid.length - 1), fc.string({ minLength: 0, maxLength: 3 }))
    .map(([at, text]) => valid.slice(0, at) + text + valid.slice(at + 1));
  await fc.assert(
    fc.asyncProperty(fc.oneof(damaged, fc.string(), fc.json()), fc.nat(20), async (header, data) => {
      await write(header, data);
      try {
        const { tensors } = await readSafetensors(file);
        const bytes = [...tensors.values()].reduce((sum, { data: { byteLength } }) => sum + byteLength, 0);
        assert.equal(bytes, data, 'what is accepted covers the data');
      } catch (error) {
        assert.ok(error instanceof WishboneError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('what is written is read back', async () => {
  const tensors = new Map<string, Tensor>([
    ['f64', { dtype: 'F64', shape: [3], data: Float64Array.of(1, NaN, -0) }],
    ['f32', { dtype: 'F32', shape: [2, 1], data: Float32Array.of(0.5, Infinity) }],
    ['i32', { dtype: 'I32', shape: [1], data: Int32Array.of(-7) }],
    ['empty', { dtype: 'I32', shape: [0], data: new Int32Array() }],
    ['bf16', { dtype: 'BF16', shape: [1], data: Uint8Array.of(1, 2) }],
  ]);
  await writeSafetensors(file, { metadata: { key: 'wörd' }, tensors });
  assert.deepEqual(await readSafetensors(file), { metadata: { key: 'wörd' }, tensors });
  const header = await readSafetensorsHeader(file);
  assert.equal(header.dataStart % 8, 0);
  assert.deepEqual(header.tensors.get('f32'), { dtype: 'F32', shape: [2, 1], elements: 2, begin: 24, end: 32 });
  assert.deepEqual(await readdir(folder), ['x.safetensors']);
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { bfloatBits, halfBits, halfValue } from '../../../src/core/gguf/half.js';
import { quantise } from '../../../src/core/gguf/quantise/index.js';
import { inOrder } from '../../../src/core/gguf/quantise/pool.js';
import { TENSOR_TYPES, type TensorType } from '../../../src/core/gguf/tensor-types.js';
import { readPieces } from '../../../src/core/gguf/tokenizer/pieces.js';

const blocks = JSON.parse(readFileSync('test/fixtures/gguf-blocks.json', 'utf8')) as Readonly<Record<string, string>>;
const bytesOf = (name: string): Buffer => Buffer.from(blocks[name]!, 'base64');
const x = new Float32Array(new Uint8Array(bytesOf('x')).buffer);

for (const type of ['Q5_0', 'Q5_1', 'Q8_0', 'Q4_K', 'Q5_K', 'Q6_K', 'F16'] as const satisfies readonly TensorType[]) {
  test(`${type}: hard blocks have ggml's bytes`, () => {
    const own = Buffer.from(quantise(type, x));
    const theirs = bytesOf(type);
    assert.equal(own.length, theirs.length);
    const { elements, bytes } = TENSOR_TYPES[type];
    const size = (256 / elements) * bytes;
    for (let at = 0; at < own.length; at += size)
      assert.equal(own.toString('hex', at, at + size), theirs.toString('hex', at, at + size), `block ${at / size}`);
  });
}

test('half precision: every number is itself, what lies between goes to the nearer, halves to even', () => {
  for (let bits = 0; bits < 0x7c00; bits++) {
    const value = halfValue(bits);
    assert.equal(halfBits(value), bits);
    assert.equal(halfBits(-value), bits | 0x8000);
    if (bits + 1 === 0x7c00) continue;
    const between = (value + halfValue(bits + 1)) / 2;
    assert.equal(halfBits(between), bits % 2 === 0 ? bits : bits + 1);
    assert.equal(halfBits(between + (halfValue(bits + 1) - between) / 4), bits + 1);
  }
  for (const [value, bits] of [
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [Infinity, 0x7c00],
    [-Infinity, 0xfc00],
    [NaN, 0x7e00],
  ] as const)
    assert.equal(halfBits(value), bits);
});

test('bfloat16: to the nearest, halves to even', () => {
  for (const [bits, rounded] of [
    [0x3f808000, 0x3f80],
    [0x3f818000, 0x3f82],
    [0x3f808001, 0x3f81],
    [0x3f807fff, 0x3f80],
    [0x7f7fffff, 0x7f80],
    [0xff800000, 0xff80],
    [0x7f800001, 0x7fc0],
  ] as const)
    assert.equal(bfloatBits(bits), rounded, bits.toString(16));
});

test('pieces come in their order however long each takes, and a failure is the reader’s', async () => {
  async function* items(): AsyncGenerator<number> {
    for (let i = 0; i < 20; i++) yield i;
  }
  const seen: number[] = [];
  const slow = (item: number): Promise<number> => new Promise((done) => setTimeout(done, (item * 7) % 5, item));
  for await (const item of inOrder(items(), 4, slow)) seen.push(item);
  assert.deepEqual(seen, [...Array(20).keys()]);
  const failing = inOrder(items(), 3, async (item) => {
    if (item === 5) throw new Error('no');
    return item;
  });
  await assert.rejects(async () => {
    for await (const item of failing) assert.ok(item < 5);
  }, /no/);
});

test('whatever a tokenizer.model holds, it is read or refused', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-pieces-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const whole = await readFile('test/fixtures/gguf/llama-spm/tokenizer.model');
  let seed = 1;
  const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
  let refused = 0;
  for (let round = 0; round < 400; round++) {
    const bytes = Buffer.from(whole.subarray(0, random(3) === 0 ? random(whole.length) : whole.length));
    for (let i = random(4); i > 0 && bytes.length > 0; i--) bytes[random(bytes.length)] = random(256);
    await writeFile(path.join(folder, 'tokenizer.model'), bytes);
    await readPieces(folder).catch((error: unknown) => {
      assert.ok(error instanceof WishboneError, String(error));
      refused++;
    });
  }
  assert.ok(refused > 20 && refused < 400, String(refused));
});

import { createHash } from 'node:crypto';
import { cp, open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parameterShapes, readModelConfig } from '../../src/core/model/config.js';

/** A value of a GGUF file's metadata with the names of its types, as gguf-py has them. */
export interface Field {
  readonly types: readonly string[];
  readonly value: unknown;
}

export interface GgufFile {
  readonly fields: ReadonlyMap<string, Field>;
  /** Type's number, innermost dimension first, and the bytes. */
  readonly tensors: ReadonlyMap<string, { readonly type: number; readonly shape: readonly number[]; readonly bytes: Buffer }>;
}

const TYPES = ['UINT8', 'INT8', 'UINT16', 'INT16', 'UINT32', 'INT32', 'FLOAT32', 'BOOL', 'STRING', 'ARRAY', 'UINT64', 'INT64', 'FLOAT64'];
/** Elements and bytes of a block, by ggml's number of the type. */
const BLOCKS: Readonly<Record<number, readonly [number, number]>> = {
  ...{ 0: [1, 4], 1: [1, 2], 6: [32, 22], 7: [32, 24], 8: [32, 34], 12: [256, 144], 13: [256, 176], 14: [256, 210], 30: [1, 2] },
};

/** Reads a GGUF file after the format's description (ggml/docs/gguf.md), apart from the code that writes it. */
export async function readGguf(file: string): Promise<GgufFile> {
  const bytes = await readFile(file);
  let at = 4;
  const whole = (size: 4 | 8): number => {
    const value = size === 4 ? bytes.readUInt32LE(at) : Number(bytes.readBigUInt64LE(at));
    at += size;
    return value;
  };
  const text = (): string => {
    const length = whole(8);
    at += length;
    return bytes.toString('utf8', at - length, at);
  };
  const value = (type: string): unknown => {
    if (type === 'STRING') return text();
    if (type === 'BOOL') return bytes[at++] === 1;
    at += 4;
    if (type === 'UINT32') return bytes.readUInt32LE(at - 4);
    if (type === 'INT32') return bytes.readInt32LE(at - 4);
    if (type === 'FLOAT32') return bytes.readFloatLE(at - 4);
    throw new Error(`${type} is not written`);
  };
  if (bytes.toString('latin1', 0, 4) !== 'GGUF' || whole(4) !== 3) throw new Error('no GGUF file of version 3');
  const [tensorCount, fieldCount] = [whole(8), whole(8)];
  const fields = new Map<string, Field>();
  for (let i = 0; i < fieldCount; i++) {
    const key = text();
    const type = TYPES[whole(4)]!;
    if (fields.has(key)) throw new Error(`${key} is there twice`);
    if (type === 'ARRAY') {
      const inner = TYPES[whole(4)]!;
      fields.set(key, { types: [type, inner], value: Array.from({ length: whole(8) }, () => value(inner)) });
    } else {
      fields.set(key, { types: [type], value: value(type) });
    }
  }
  const listed = Array.from({ length: tensorCount }, () => {
    const name = text();
    const shape = Array.from({ length: whole(4) }, () => whole(8));
    return { name, shape, type: whole(4), offset: whole(8) };
  });
  const start = Math.ceil(at / 32) * 32;
  const tensors = new Map(
    listed.map(({ name, shape, type, offset }) => {
      const [elements, size] = BLOCKS[type]!;
      const length = (shape.reduce((a, b) => a * b, 1) / elements) * size;
      if (offset % 32 !== 0 || start + offset + length > bytes.length) throw new Error(`${name} lies where nothing is`);
      return [name, { type, shape, bytes: bytes.subarray(start + offset, start + offset + length) }] as const;
    }),
  );
  return { fields, tensors };
}

export type WeightType = 'F32' | 'F16' | 'BF16';

/** The values of a tensor of a fixture: exact in their type, and the same in scripts/fixtures/gguf_files.py (`numbers`). */
function numbers(name: string, count: number, type: WeightType, gemma: boolean): Float32Array {
  let seed = 2166136261;
  for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 16777619) >>> 0;
  const drop = { F32: 0, F16: 6, BF16: 9 }[type];
  const aroundOne = name.endsWith('norm.weight') && !gemma;
  return Float32Array.from({ length: count }, (_, index) => {
    let x = (Math.imul(index, 2654435761) + seed) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d) >>> 0;
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b) >>> 0;
    x = (x ^ (x >>> 16)) >>> 0;
    const whole = (x & 0xffff) + (x >>> 16) - 65535;
    if (aroundOne && type !== 'F32') return (whole >> 12) / 128 + 1;
    return (whole >> drop) * 2 ** (drop - 19) + (aroundOne ? 1 : 0);
  });
}

/** Exact where the value has at most 11 bits. */
function exactHalf(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const sign = value < 0 ? 0x8000 : 0;
  if (exponent < -14) return sign | (Math.abs(value) * 2 ** 24);
  return sign | ((exponent + 15) << 10) | ((Math.abs(value) / 2 ** exponent - 1) * 1024);
}

/** A copy of a fixture with its weights. */
export async function modelOf(fixture: string, folder: string, type: WeightType): Promise<void> {
  await cp(fixture, folder, { recursive: true });
  const config = await readModelConfig(folder);
  await writeWeights(path.join(folder, 'model.safetensors'), new Map(parameterShapes(config)), type, config.family.startsWith('gemma'));
}

/** A file of tensors with the values that follow from their names. */
export async function writeWeights(
  file: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  type: WeightType,
  gemma = false,
): Promise<void> {
  const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
  let offset = 0;
  const entries = [...shapes].map(([name, shape]) => {
    const begin = offset;
    offset += (type === 'F32' ? 4 : 2) * count(shape);
    return [name, { dtype: type, shape, data_offsets: [begin, offset] }] as const;
  });
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const handle = await open(file, 'wx');
  await handle.write(Buffer.concat([length, json]));
  for (const [name, shape] of shapes) {
    const values = numbers(name, count(shape), type, gemma);
    const bits = new Uint32Array(values.buffer);
    const halves = type === 'F16' ? Uint16Array.from(values, exactHalf) : Uint16Array.from(bits, (all) => all >>> 16);
    await handle.write(new Uint8Array(type === 'F32' ? values.buffer : halves.buffer));
  }
  await handle.close();
}

export const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');

/** Numbers of ggml's types. */
const TYPE_NUMBERS: Readonly<Record<string, number>> = {
  ...{ F32: 0, F16: 1, Q5_0: 6, Q5_1: 7, Q8_0: 8, Q4_K: 12, Q5_K: 13, Q6_K: 14, BF16: 30 },
};

/** What a fixture says of a file; lists by their length and the SHA-256 of their JSON. */
export interface Seen {
  readonly fields: Readonly<Record<string, { types: string[]; value?: unknown; length?: number; sha256?: string }>>;
  readonly tensors: Readonly<Record<string, [type: string, shape: number[], sha256: string]>>;
}

/** The same of a file. */
export function seenOf({ fields, tensors }: GgufFile): Seen {
  const own = [...fields].map(([key, { types, value }]) => {
    if (!Array.isArray(value)) return [key, { types, value }];
    // Numbers as Python writes them.
    const python = (item: number): string => `${Object.is(item, -0) ? '-0' : item}${Number.isInteger(item) ? '.0' : ''}`;
    const items = types[1] === 'FLOAT32' ? `[${(value as number[]).map(python).join(',')}]` : JSON.stringify(value);
    return [key, { types, length: value.length, sha256: sha256(items) }];
  });
  const names = Object.fromEntries(Object.entries(TYPE_NUMBERS).map(([name, number]) => [number, name]));
  const all = [...tensors].map(([name, { type, shape, bytes }]) => [name, [names[type], shape, sha256(bytes)]]);
  return { fields: Object.fromEntries(own) as Seen['fields'], tensors: Object.fromEntries(all) as Seen['tensors'] };
}

import { endianness } from 'node:os';
import type { FileHandle } from 'node:fs/promises';
import { writeFileAtomically } from './atomic-file.js';
import { WishboneError } from '../errors.js';
import { openPlain } from './plain-file.js';

/** Bytes an element takes, by the format's name of its type. */
const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;
export type DType = keyof typeof DTYPE_BYTES;

/** What the header says of a tensor. `begin` and `end` are byte offsets within the data that follow the header. */
export interface TensorInfo {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly elements: number;
  readonly begin: number;
  readonly end: number;
}

/** A file's header, checked against the file's size. */
export interface SafetensorsHeader {
  readonly file: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Where the data begin in the file. */
  readonly dataStart: number;
}

export type TensorData = Float32Array | Float64Array | Int32Array | Uint8Array;

/** A tensor with its data: F32, F64 and I32 in the array of that type, everything else as bytes. */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

export interface SafetensorsFile {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** The format's own limit on the length of a header. */
const LONGEST_HEADER = 100_000_000;

/**
 * Reads and checks a file's header: its length, its JSON, every tensor's type, shape and byte range against each other
 * and against the file's size; ranges must cover the data without gap or overlap.
 *
 * @throws WishboneError naming the file and the tensor
 */
export async function readSafetensorsHeader(file: string): Promise<SafetensorsHeader> {
  return withFile(file, (handle, size) => readHeader(file, handle, size));
}

/**
 * Reads a whole file, or those of its tensors that are named and there.
 *
 * @throws WishboneError naming the file and the tensor
 */
export async function readSafetensors(file: string, only?: ReadonlySet<string>): Promise<SafetensorsFile> {
  if (endianness() !== 'LE') throw new Error('safetensors data are little-endian; this machine is not');
  return withFile(file, async (handle, size) => {
    const header = await readHeader(file, handle, size);
    const tensors = new Map<string, Tensor>();
    for (const [name, info] of header.tensors) {
      if (only !== undefined && !only.has(name)) continue;
      // A buffer of its own, so that a typed array's alignment holds whatever the offset in the file.
      const bytes = new Uint8Array(info.end - info.begin);
      await readExactly(file, handle, bytes, header.dataStart + info.begin);
      tensors.set(name, { dtype: info.dtype, shape: info.shape, data: typed(info.dtype, bytes) });
    }
    return { metadata: header.metadata, tensors };
  });
}

/**
 * Writes a file atomically; the order of the tensors is kept. Put types with larger elements first to keep every tensor
 * aligned.
 *
 * @throws WishboneError (exit code 5) when it cannot be written; nothing is left behind then
 */
export async function writeSafetensors(file: string, contents: SafetensorsFile): Promise<void> {
  if (endianness() !== 'LE') throw new Error('safetensors data are little-endian; this machine is not');
  const header: Record<string, unknown> = { __metadata__: contents.metadata };
  let offset = 0;
  for (const [name, { dtype, shape, data }] of contents.tensors) {
    const bytes = shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
    if (bytes !== data.byteLength) throw new RangeError(`${name}: shape and data do not agree`);
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const json = Buffer.from(JSON.stringify(header), 'utf8');
  const padded = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  padded.writeBigUInt64LE(BigInt(padded.length - 8), 0);
  json.copy(padded, 8);
  await writeFileAtomically(file, async (handle) => {
    await writeAll(handle, padded);
    for (const { data } of contents.tensors.values()) {
      await writeAll(handle, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  });
}

/** A write may take less than it is given, for one at 2 GiB. */
async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, Math.min(bytes.length - at, 1 << 28));
    at += bytesWritten;
  }
}

async function withFile<T>(file: string, use: (handle: FileHandle, size: number) => Promise<T>): Promise<T> {
  let handle;
  try {
    handle = await openPlain(file);
  } catch (error) {
    if (error instanceof WishboneError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    throw new WishboneError(missing ? 'no such file' : `cannot read the file (${message})`, file, 'check the path and its permissions');
  }
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw new WishboneError('not a file', file, 'give a .safetensors file');
    return await use(handle, info.size);
  } finally {
    await handle.close();
  }
}

async function readExactly(file: string, handle: FileHandle, into: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < into.length; ) {
    const { bytesRead } = await handle.read(into, at, Math.min(into.length - at, 1 << 28), position + at);
    if (bytesRead === 0) throw damaged('the file became shorter while it was read', file);
    at += bytesRead;
  }
}

async function readHeader(file: string, handle: FileHandle, size: number): Promise<SafetensorsHeader> {
  if (size < 8) throw damaged(`the file has ${size} bytes, less than the length of a header`, file);
  const prefix = Buffer.alloc(8);
  await readExactly(file, handle, prefix, 0);
  const length = prefix.readBigUInt64LE(0);
  if (length > BigInt(size - 8)) {
    throw damaged(`the header claims ${length} bytes, but only ${size - 8} follow`, file);
  }
  if (length > BigInt(LONGEST_HEADER)) throw damaged(`the header of ${length} bytes is longer than the format allows`, file);
  const text = Buffer.alloc(Number(length));
  await readExactly(file, handle, text, 8);
  const dataStart = 8 + text.length;
  return { file, dataStart, ...parseHeader(text, size - dataStart, file) };
}

function parseHeader(
  text: Buffer,
  dataBytes: number,
  file: string,
): { metadata: Record<string, string>; tensors: Map<string, TensorInfo> } {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch {
    throw damaged('the header is not JSON', file);
  }
  if (!isObject(json)) throw damaged('the header is not a JSON object', file);
  const metadata = new Map<string, string>();
  const tensors = new Map<string, TensorInfo>();
  for (const [name, entry] of Object.entries(json)) {
    if (name !== '__metadata__') {
      tensors.set(name, parseTensor(entry, dataBytes, file, name));
      continue;
    }
    if (!isObject(entry)) throw damaged('the metadata are not an object', file, name);
    for (const [key, value] of Object.entries(entry)) {
      if (typeof value !== 'string') throw damaged(`the metadata's "${key}" is not text`, file, name);
      metadata.set(key, value);
    }
  }
  checkCover(tensors, dataBytes, file);
  return { metadata: Object.fromEntries(metadata), tensors };
}

function parseTensor(entry: unknown, dataBytes: number, file: string, name: string): TensorInfo {
  if (!isObject(entry)) throw damaged('the tensor is not described by an object', file, name);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_BYTES, dtype)) {
    throw damaged(`unknown type ${JSON.stringify(dtype) ?? 'undefined'}`, file, name);
  }
  if (!isSizes(shape)) throw damaged('the shape is not a list of sizes', file, name);
  if (!isSizes(offsets) || offsets.length !== 2) throw damaged('data_offsets are not two offsets', file, name);
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes) {
    throw damaged(`bytes ${begin} to ${end} do not lie within the ${dataBytes} bytes of data`, file, name);
  }
  const elements = shape.reduce((product, size) => product * size, 1);
  // An unsafe product cannot equal a range that lies within the file, nor can its rounding.
  const bytes = elements * DTYPE_BYTES[dtype as DType];
  if (bytes !== end - begin) {
    throw damaged(`shape [${shape.join(', ')}] of ${dtype} takes ${bytes} bytes, but its range has ${end - begin}`, file, name);
  }
  return { dtype: dtype as DType, shape, elements, begin, end };
}

function checkCover(tensors: ReadonlyMap<string, TensorInfo>, dataBytes: number, file: string): void {
  const ordered = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const [name, { begin, end }] of ordered) {
    if (begin < covered) throw damaged('the tensor overlaps another', file, name);
    if (begin > covered) throw damaged(`${begin - covered} bytes before the tensor belong to none`, file, name);
    covered = end;
  }
  if (covered !== dataBytes) throw damaged(`the last ${dataBytes - covered} bytes belong to no tensor`, file);
}

function typed(dtype: DType, bytes: Uint8Array<ArrayBuffer>): TensorData {
  switch (dtype) {
    case 'F32':
      return new Float32Array(bytes.buffer);
    case 'F64':
      return new Float64Array(bytes.buffer);
    case 'I32':
      return new Int32Array(bytes.buffer);
    default:
      return bytes;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= 64 && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function damaged(what: string, file: string, tensor?: string): WishboneError {
  return new WishboneError(
    what,
    tensor === undefined ? file : `${file}, tensor "${tensor}"`,
    'the file is damaged, cut off, or no safetensors file; write or download it again',
  );
}

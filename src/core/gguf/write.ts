import { type FileHandle, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { ExitCode, WishboneError } from '../errors.js';
import { cannotWrite, SHARED_FILE } from '../files/atomic-file.js';
import { bytesOf, TENSOR_TYPES, type TensorType } from './tensor-types.js';
import { type Metadata, metadataBytes, text, uint32Bytes, uint64Bytes } from './values.js';

/** Every tensor begins at a multiple of this. */
const ALIGNMENT = 32;
const VERSION = 3;

/** A tensor that is to be written. */
export interface GgufTensor {
  readonly name: string;
  readonly type: TensorType;
  /** Outermost first, as Hugging Face has it. */
  readonly shape: readonly number[];
  /** Its bytes, in parts. */
  read(): AsyncIterable<Uint8Array>;
}

/** Bytes of a file with these tensors, without its metadata. */
export function dataBytes(tensors: readonly GgufTensor[]): number {
  return tensors.reduce((sum, tensor) => sum + padded(sizeOf(tensor)), 0);
}

const sizeOf = ({ type, shape }: GgufTensor): number =>
  bytesOf(
    type,
    shape.reduce((product, size) => product * size, 1),
  );
const padded = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/**
 * Writes a GGUF file, tensor by tensor: under a temporary name in the same folder, renamed when it is whole.
 *
 * @param onBytes is told how many bytes of tensors are written
 * @throws WishboneError (exit code 5) when there is no room or no permission, or something of the name that is not to be replaced
 */
export async function writeGguf(
  file: string,
  { metadata, tensors }: { readonly metadata: Metadata; readonly tensors: readonly GgufTensor[] },
  { overwrite, onBytes, signal }: { readonly overwrite: boolean; onBytes(done: number): void; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const head = header(metadata, tensors);
  const start = padded(head.length);
  await refuseExisting(file, overwrite);
  await refuseFull(file, start + dataBytes(tensors));
  const temporary = path.join(path.dirname(path.resolve(file)), `.${path.basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const handle = await open(temporary, 'wx', SHARED_FILE);
    try {
      await writeAll(handle, Buffer.concat([head, Buffer.alloc(start - head.length)]));
      let done = 0;
      for (const tensor of tensors) {
        let own = 0;
        for await (const bytes of tensor.read()) {
          signal?.throwIfAborted();
          await writeAll(handle, bytes);
          own += bytes.length;
          onBytes(done + own);
        }
        if (own !== sizeOf(tensor)) throw new RangeError(`${tensor.name}: ${own} bytes, not ${sizeOf(tensor)}`);
        await writeAll(handle, Buffer.alloc(padded(own) - own));
        done += padded(own);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    signal?.throwIfAborted();
    await refuseExisting(file, overwrite);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    signal?.throwIfAborted();
    throw cannotWrite(file, error);
  }
}

/** Removes what writing a file has left under a temporary name. */
export async function removeUnfinished(file: string): Promise<void> {
  const folder = path.dirname(path.resolve(file));
  const [begin, end] = [`.${path.basename(file)}.`, '.tmp'];
  const names = await readdir(folder).catch(() => []);
  const left = names.filter((name) => name.startsWith(begin) && name.endsWith(end));
  await Promise.all(left.map((name) => rm(path.join(folder, name), { force: true })));
}

/** What stands before the tensors: metadata, and name, shape, type and place of each tensor. */
function header(metadata: Metadata, tensors: readonly GgufTensor[]): Buffer {
  const parts = [
    Buffer.from('GGUF'),
    uint32Bytes(VERSION),
    uint64Bytes(tensors.length),
    uint64Bytes(metadata.size),
    metadataBytes(metadata),
  ];
  let offset = 0;
  for (const tensor of tensors) {
    const { name, type, shape } = tensor;
    // GGUF names the innermost dimension first.
    const sizes = [...shape].reverse().map(uint64Bytes);
    parts.push(text(name), uint32Bytes(shape.length), ...sizes, uint32Bytes(TENSOR_TYPES[type].id), uint64Bytes(offset));
    offset += padded(sizeOf(tensor));
  }
  return Buffer.concat(parts);
}

/** @throws WishboneError when there is something already that is not to be replaced */
export async function refuseExisting(file: string, overwrite: boolean): Promise<void> {
  const info = await stat(file).catch(() => undefined);
  if (info === undefined || (overwrite && info.isFile())) return;
  const what = info.isFile() ? 'there is already a file of this name' : 'there is already something of this name that is no file';
  const advice = info.isFile() ? 'name another with --out, or replace it with --overwrite' : 'name another with --out';
  throw new WishboneError(what, file, advice, ExitCode.cannotWrite);
}

async function refuseFull(file: string, bytes: number): Promise<void> {
  const disk = await statfs(path.dirname(path.resolve(file))).catch(() => undefined);
  if (disk === undefined) return;
  const free = disk.bavail * disk.bsize;
  if (free >= bytes) return;
  const gb = (count: number): string => `${(count / 1e9).toFixed(count < 1e8 ? 3 : 1)} GB`;
  throw new WishboneError(
    `the file takes ${gb(bytes)}, and the disk has ${gb(free)} free`,
    file,
    'free some space, name a file on another disk, or choose a smaller type (q8_0, q4_k_m)',
    ExitCode.cannotWrite,
  );
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, Math.min(bytes.length - at, 1 << 28));
    at += bytesWritten;
  }
}

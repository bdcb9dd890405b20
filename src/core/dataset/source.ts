import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { UnreadableFile, WishboneError } from '../errors.js';
import { openPlain } from '../files/plain-file.js';
import { HEAD_LENGTH, refuseOtherKinds } from './other-kinds.js';
import { KINDS_TEXT, type Packing } from './file-kinds.js';
import { type ShownColumns, shownColumns } from './saved-folder.js';
import { unzstd, ZSTD_MARK } from './zstd.js';

/** A column as a file describes it: of texts (or bytes), of lists and objects, or of numbers and flags. */
export interface FileColumn {
  readonly name: string;
  readonly kind: 'text' | 'nested' | 'other';
}

/**
 * A dataset file as a stream of plain bytes: unpacked where it is gzip or Zstandard (told by its first bytes, not by its name), a
 * UTF-8 byte order mark removed. While it is read, counts bytes and hashes the file as it lies on disk.
 */
export class ByteSource {
  readonly #hash = createHash('sha256');
  #digest: string | undefined;
  /** Bytes of the file read so far. */
  bytesRead = 0;
  /** Set by a reader that takes a document in whole and then works through it: the fraction it is through. */
  documentShare: number | undefined;
  /** Set by the reader of a file that names its columns itself and is not read whole (Parquet, Arrow). */
  columns: readonly FileColumn[] = [];

  private constructor(
    readonly file: string,
    readonly size: number,
    /** Told by the first bytes; undefined for a file of text. The `chunks` of such a file mean nothing. */
    readonly table: BinaryTable | undefined,
    /** How the file is compressed, told by its first bytes whatever its name; undefined for one that is not. */
    readonly packing: Packing | undefined,
    /** Of an Arrow file: the columns that its folder shows; undefined: all. */
    readonly shown: ShownColumns | undefined,
  ) {}

  /** @throws WishboneError when there is no such file, it is a folder, cannot be read, or is empty */
  static async open(file: string): Promise<ByteSource> {
    let info;
    try {
      info = await stat(file);
    } catch (error) {
      throw cannotRead(file, error);
    }
    if (info.isDirectory()) {
      const advice = `give one file: ${KINDS_TEXT}; of folders, one that save_to_disk of datasets wrote`;
      throw new WishboneError('the dataset is a folder, not a file', file, advice);
    }
    if (info.isFile() && info.size === 0) throw emptyFile(file);
    const head = await firstBytes(file);
    const table = binaryTable(head);
    return new ByteSource(
      file,
      info.size,
      table,
      packingOf(Buffer.from(head, 'latin1')),
      table === 'arrow' ? await shownColumns(file) : undefined,
    );
  }

  /** SHA-256 (hex) of the file's bytes on disk; known once `chunks` has been read to its end, or `readThrough`. */
  get sha256(): string {
    if (this.#digest === undefined) throw new Error('the file has not been read to its end');
    return this.#digest;
  }

  /** The plain bytes. @throws WishboneError for damaged gzip and Zstandard and for encodings that are not UTF-8 */
  async *chunks(): AsyncGenerator<Buffer> {
    const raw = this.#raw();
    try {
      const head = await readAtLeast(raw, HEAD_LENGTH);
      const whole = joined(head, raw);
      const packing = packingOf(head);
      if (packing !== undefined) {
        const unpacked = packing === 'gz' ? gunzipped(whole) : unzstd(whole, this.file);
        const start = await readAtLeast(unpacked, HEAD_LENGTH);
        refuseOtherKinds(start, this.file);
        yield* withoutMark(joined(start, unpacked));
      } else {
        refuseOtherKinds(head, this.file);
        yield* withoutMark(whole);
      }
    } catch (error) {
      throw this.#readable(error);
    } finally {
      await raw.return(undefined);
    }
  }

  /** The bytes as they lie on disk. */
  async *rawChunks(highWaterMark: number): AsyncGenerator<Buffer> {
    try {
      yield* this.#raw(highWaterMark);
    } catch (error) {
      throw this.#readable(error);
    }
  }

  /** Reads the file for its hash alone, for readers that do not take it from start to end. */
  async readThrough(signal?: AbortSignal): Promise<void> {
    try {
      for await (const _ of this.#raw(1 << 20)) signal?.throwIfAborted();
    } catch (error) {
      throw this.#readable(error);
    }
  }

  async *#raw(highWaterMark = 1 << 16): AsyncGenerator<Buffer> {
    for await (const chunk of (await openPlain(this.file)).createReadStream({ highWaterMark }) as AsyncIterable<Buffer>) {
      this.#hash.update(chunk);
      this.bytesRead += chunk.length;
      yield chunk;
    }
    this.#digest = this.#hash.digest('hex');
  }

  #readable(error: unknown): unknown {
    if (error instanceof WishboneError) return error;
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'Z_BUF_ERROR') {
      return new UnreadableFile('the gzip data ends too early', this.file, 'the file is cut off; download or compress it again');
    }
    if (code.startsWith('Z_')) {
      return new UnreadableFile('the gzip data is damaged', this.file, 'download or compress the file again');
    }
    if (code !== '') return cannotRead(this.file, error);
    return error;
  }
}

/** How a file is compressed, told by its first bytes; undefined when it is not, or in no way that is read. */
export function packingOf(head: Buffer): Packing | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gz';
  return head.subarray(0, ZSTD_MARK.length).equals(ZSTD_MARK) ? 'zst' : undefined;
}

/** The error for a dataset without a single row. */
export function emptyFile(file: string): WishboneError {
  return new WishboneError('the dataset is empty', file, 'give a file with at least one preference pair');
}

function cannotRead(file: string, error: unknown): WishboneError {
  if (error instanceof WishboneError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return new WishboneError('no such file', file, 'check the path');
  if (code === 'EACCES' || code === 'EPERM') {
    return new WishboneError('no permission to read the file', file, 'give yourself read permission, or copy the file');
  }
  return new WishboneError(`cannot read the file (${(error as Error).message})`, file, 'check the file and its disk');
}

/** A kind of file that is a table and no text: it has rows, but no lines. */
export type BinaryTable = 'parquet' | 'arrow';

const TABLE_MARKS: readonly (readonly [string, BinaryTable])[] = [
  ['PAR1', 'parquet'],
  // Arrow's file format, and a stream, which begins with a message.
  ['ARROW1', 'arrow'],
  ['\xff\xff\xff\xff', 'arrow'],
];

/** The kind of binary table that begins with these bytes, one character each. */
function binaryTable(head: string): BinaryTable | undefined {
  return TABLE_MARKS.find(([mark]) => head.startsWith(mark))?.[1];
}

/** The file's first six bytes, one character each. */
async function firstBytes(file: string): Promise<string> {
  try {
    const handle = await openPlain(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(6), 0, 6, 0);
      return buffer.toString('latin1', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw cannotRead(file, error);
  }
}

async function readAtLeast(chunks: AsyncGenerator<Buffer>, bytes: number): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < bytes) {
    const next = await chunks.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

async function* joined(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  yield* rest;
}

async function* gunzipped(chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 1 << 18 });
  // An error reaches the loop below: pipeline destroys `gunzip` with it.
  pipeline(Readable.from(chunks), gunzip, () => undefined);
  for await (const chunk of gunzip as AsyncIterable<Buffer>) yield chunk;
}

async function* withoutMark(chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const head = await readAtLeast(chunks, 3);
  const marked = head.length >= 3 && head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf;
  yield marked ? head.subarray(3) : head;
  yield* chunks;
}

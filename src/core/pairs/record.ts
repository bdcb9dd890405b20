import type { FileHandle } from 'node:fs/promises';
import { endianness } from 'node:os';
import { WishboneError } from '../errors.js';
import { crc32c } from '../files/crc32c.js';
import { openPlain } from '../files/plain-file.js';

/** What the runner records of each pair, beside the events (docs/formats.md, "`pairs.bin`"). */
export const PAIR_RECORD_FILE = 'pairs.bin';

const MAGIC = Buffer.from('WBPAIRS\x01', 'latin1');
const HEADER_BYTES = MAGIC.length + 32 + 32 + 4;
const BLOCK_HEAD_BYTES = 16;
const CHECKSUM_BYTES = 4;
/** Read at once: blocks are small and many, and each wait for the disk may be one behind other work. */
const CHUNK_BYTES = 2 ** 18;
/** Numbers of a pair: loss, reward of the chosen response, margin, log-probability of the chosen and of the rejected one. */
export const PAIR_VALUES = 5;
/** A block is of one step or evaluation; no plan has so many pairs. */
const MOST_BLOCK_BYTES = 2 ** 30;

const KINDS = { 1: 'step', 2: 'evaluation', 3: 'warm-up' } as const;
export type PairBlockKind = (typeof KINDS)[keyof typeof KINDS];

/** The pairs of one step or evaluation. */
export interface PairBlock {
  readonly kind: PairBlockKind;
  /** Steps done: of a step itself among them. */
  readonly step: number;
  /** The plan's number of the first pair. */
  readonly first: number;
  readonly count: number;
  /** [count · 5] `PAIR_VALUES` a pair */
  readonly values: Float32Array;
}

/** The plans whose pairs a record is of: the SHA-256 of their files. */
export interface PairRecordPlans {
  readonly train: string;
  /** Undefined for a run that does not evaluate. */
  readonly evaluation: string | undefined;
}

/** A record as far as it is whole: a run that goes on, or was cut off, may have a part of a block at the end. */
export class PairRecord {
  readonly #file: string;
  readonly #handle: FileHandle;
  readonly #size: number;
  readonly plans: PairRecordPlans;

  private constructor(file: string, handle: FileHandle, size: number, plans: PairRecordPlans) {
    this.#file = file;
    this.#handle = handle;
    this.#size = size;
    this.plans = plans;
  }

  /**
   * @returns undefined when there is none: the run is older than these records, or has not begun
   * @throws WishboneError when it is something else
   */
  static async open(file: string): Promise<PairRecord | undefined> {
    if (endianness() !== 'LE') throw new Error('records of pairs are little-endian; this machine is not');
    let handle: FileHandle;
    try {
      handle = await openPlain(file);
    } catch (error) {
      if (error instanceof WishboneError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw new WishboneError(`cannot read the record of the pairs (${message})`, file, 'check its permissions');
    }
    try {
      const { size } = await handle.stat();
      const header = await readUpTo(handle, 0, HEADER_BYTES);
      // The runner was ended while it began the file.
      if (header.length < HEADER_BYTES && MAGIC.subarray(0, header.length).equals(header.subarray(0, MAGIC.length))) {
        await handle.close();
        return undefined;
      }
      if (!header.subarray(0, MAGIC.length).equals(MAGIC) || !isWhole(header)) throw notARecord(file);
      const hash = (at: number): string => header.toString('hex', MAGIC.length + at, MAGIC.length + at + 32);
      const evaluation = hash(32);
      return new PairRecord(file, handle, size, { train: hash(0), evaluation: /^0+$/.test(evaluation) ? undefined : evaluation });
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /**
   * The whole blocks in the file's order, up to the end of the file or the first that is damaged.
   *
   * @param wanted of others, only the head is read
   * @throws WishboneError when the file became shorter meanwhile
   */
  async *blocks(wanted: (head: Omit<PairBlock, 'values'>) => boolean = () => true): AsyncGenerator<PairBlock> {
    const read = chunked(this.#handle);
    for (let at = HEADER_BYTES; at + BLOCK_HEAD_BYTES <= this.#size; ) {
      const head = parseHead(await read(at, BLOCK_HEAD_BYTES));
      if (head === undefined) return;
      const bytes = BLOCK_HEAD_BYTES + head.count * PAIR_VALUES * 4 + CHECKSUM_BYTES;
      if (bytes > MOST_BLOCK_BYTES || at + bytes > this.#size) return;
      if (wanted(head)) {
        const block = await read(at, bytes);
        if (block.length < bytes) {
          throw new WishboneError('the record became shorter while it was read', this.#file, 'try again: the run was resumed meanwhile');
        }
        if (!isWhole(block)) return;
        // A buffer of its own: aligned, and the rest is free to go.
        const values = new Float32Array(head.count * PAIR_VALUES);
        new Uint8Array(values.buffer).set(block.subarray(BLOCK_HEAD_BYTES, bytes - CHECKSUM_BYTES));
        yield { ...head, values };
      }
      at += bytes;
    }
  }
}

function parseHead(bytes: Buffer): Omit<PairBlock, 'values'> | undefined {
  if (bytes.length < BLOCK_HEAD_BYTES) return undefined;
  const kind = (KINDS as Readonly<Record<number, PairBlockKind>>)[bytes.readUInt32LE(0)];
  return kind === undefined
    ? undefined
    : { kind, step: bytes.readUInt32LE(4), first: bytes.readUInt32LE(8), count: bytes.readUInt32LE(12) };
}

/** Whether bytes end with the checksum of what is before it. */
function isWhole(bytes: Buffer): boolean {
  const content = bytes.length - CHECKSUM_BYTES;
  return bytes.readUInt32LE(content) === crc32c(bytes.subarray(0, content));
}

/** Reads bytes of a file that follow each other, more at once than are asked for. */
function chunked(handle: FileHandle): (at: number, count: number) => Promise<Buffer> {
  let begin = 0;
  let chunk: Buffer = Buffer.alloc(0);
  return async (at, count) => {
    if (at < begin || at + count > begin + chunk.length) {
      chunk = await readUpTo(handle, at, Math.max(count, CHUNK_BYTES));
      begin = at;
    }
    return chunk.subarray(at - begin, at - begin + count);
  };
}

async function readUpTo(handle: FileHandle, at: number, count: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(count);
  let filled = 0;
  while (filled < count) {
    const { bytesRead } = await handle.read(bytes, filled, count - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

function notARecord(file: string): WishboneError {
  return new WishboneError('this is no record of pairs, or it is damaged', file, 'remove the file: the run itself does not need it');
}

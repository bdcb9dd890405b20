import { UnreadableFile } from '../errors.js';

/** First bytes of a Zstandard frame (RFC 8878). */
export const ZSTD_MARK = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
/** What a decoder keeps in memory; more is only read on request by the program `zstd`, too (`--long`). */
const MOST_WINDOW = 128 << 20;
/** Of one block, unpacked. */
const MOST_BLOCK = 128 << 10;
const LEAST_WINDOW = 1 << 10;
const COMPRESSED = 2;
const RESERVED = 3;
const RLE = 1;

interface Frame {
  /** The bytes of the header. */
  readonly header: Buffer;
  readonly mostBlock: number;
  /** Bytes of the content, where the header says so. */
  readonly size: bigint | undefined;
  readonly hasChecksum: boolean;
}

/**
 * The content of Zstandard frames, one after the other. The frames and their blocks are told apart here, and held against their own
 * limits, sizes and checksums, before and after fzstd unpacks them: it looks at none of these, and takes what it is given on trust.
 *
 * @param file for errors
 * @throws UnreadableFile when it ends early, is damaged, or needs what is not read (a dictionary, a window of more than 128 MiB)
 */
export async function* unzstd(chunks: AsyncGenerator<Buffer>, file: string): AsyncGenerator<Buffer> {
  const [{ Decompress }, { default: xxhash }] = await Promise.all([import('fzstd'), import('xxhash-wasm')]);
  const { create64 } = await xxhash();
  const bytes = new Bytes(chunks, file);
  while (!(await bytes.isAtEnd())) {
    const magic = (await bytes.take(4)).readUInt32LE();
    if ((magic & 0xfffffff0) >>> 0 === 0x184d2a50) {
      await bytes.skip((await bytes.take(4)).readUInt32LE());
      continue;
    }
    if (magic !== ZSTD_MARK.readUInt32LE()) throw damaged(file, 'something else follows its data');
    const frame = await readHeader(bytes, file);
    const hash = create64();
    let came = 0n;
    let unpacked: Buffer[] = [];
    const decoder = new Decompress((data) => {
      // It goes on writing into what it has given.
      if (data.length > 0) unpacked.push(Buffer.from(data));
    });
    const push = (block: Buffer, isLast: boolean): Buffer[] => {
      unpacked = [];
      try {
        decoder.push(block, isLast);
      } catch {
        throw damaged(file, 'a block cannot be unpacked');
      }
      return unpacked;
    };
    push(frame.header, false);
    for (let isLast = false; !isLast; ) {
      const head = await bytes.take(3);
      const fields = head.readUIntLE(0, 3);
      const [kind, size] = [(fields >> 1) & 3, fields >> 3];
      isLast = (fields & 1) === 1;
      if (kind === RESERVED || size > frame.mostBlock || (kind === COMPRESSED && size === 0))
        throw damaged(file, 'a block is of no kind that there is');
      const body = await bytes.take(kind === RLE ? 1 : size);
      const checksum = isLast && frame.hasChecksum ? await bytes.take(4) : Buffer.alloc(0);
      let ofBlock = 0;
      for (const part of push(Buffer.concat([head, body, checksum]), isLast)) {
        ofBlock += part.length;
        came += BigInt(part.length);
        hash.update(part);
        yield part;
      }
      // Of the first block a decoder may have waited for more.
      if (ofBlock > 2 * MOST_BLOCK) throw damaged(file, 'a block is larger than blocks may be');
      if (isLast && frame.size !== undefined && came !== frame.size) throw damaged(file, 'it holds another number of bytes than it says');
      if (checksum.length > 0 && Number(hash.digest() & 0xffffffffn) !== checksum.readUInt32LE())
        throw damaged(file, 'its checksum is another');
    }
  }
}

async function readHeader(bytes: Bytes, file: string): Promise<Frame> {
  const descriptor = await bytes.take(1);
  const flags = descriptor[0]!;
  const isSingle = (flags & 0x20) !== 0;
  if ((flags & 0x08) !== 0) throw damaged(file, 'its header is of no version that there is');
  const windowByte = isSingle ? Buffer.alloc(0) : await bytes.take(1);
  const dictionary = await bytes.take([0, 1, 2, 4][flags & 3]!);
  const sizeBytes = await bytes.take([isSingle ? 1 : 0, 2, 4, 8][flags >> 6]!);
  if (dictionary.some((byte) => byte !== 0)) {
    throw new UnreadableFile('the zstd data needs a dictionary, which is not in the file', file, 'compress the file again without one');
  }
  const size = sizeOf(sizeBytes);
  const window = isSingle ? Number(size) : windowOf(windowByte[0]!);
  if (window > MOST_WINDOW) {
    const what = `the zstd data needs a window of ${Math.ceil(window / 2 ** 20)} MiB, of which at most ${MOST_WINDOW >> 20} are read`;
    throw new UnreadableFile(what, file, 'compress the file again without --long or --ultra');
  }
  return {
    header: Buffer.concat([ZSTD_MARK, descriptor, windowByte, dictionary, sizeBytes]),
    mostBlock: Math.min(MOST_BLOCK, Math.max(window, LEAST_WINDOW)),
    size,
    hasChecksum: (flags & 0x04) !== 0,
  };
}

function sizeOf(bytes: Buffer): bigint | undefined {
  switch (bytes.length) {
    case 0:
      return undefined;
    case 2:
      return BigInt(bytes.readUInt16LE()) + 256n;
    case 8:
      return bytes.readBigUInt64LE();
    default:
      return BigInt(bytes.readUIntLE(0, bytes.length));
  }
}

function windowOf(byte: number): number {
  const base = 2 ** (10 + (byte >> 3));
  return base + (base / 8) * (byte & 7);
}

function damaged(file: string, why: string): UnreadableFile {
  return new UnreadableFile(`the zstd data is damaged: ${why}`, file, 'download or compress the file again');
}

/** Bytes in the numbers that are asked for. */
class Bytes {
  #rest: Buffer = Buffer.alloc(0);

  constructor(
    readonly chunks: AsyncGenerator<Buffer>,
    readonly file: string,
  ) {}

  async isAtEnd(): Promise<boolean> {
    return this.#rest.length === 0 && !(await this.#more());
  }

  /** @param count at most of a block */
  async take(count: number): Promise<Buffer> {
    while (this.#rest.length < count) if (!(await this.#more())) throw this.#cutOff();
    const taken = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return taken;
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      if (this.#rest.length === 0 && !(await this.#more())) throw this.#cutOff();
      const some = Math.min(left, this.#rest.length);
      this.#rest = this.#rest.subarray(some);
      left -= some;
    }
  }

  async #more(): Promise<boolean> {
    for (;;) {
      const next = await this.chunks.next();
      if (next.done === true) return false;
      if (next.value.length === 0) continue;
      this.#rest = this.#rest.length === 0 ? next.value : Buffer.concat([this.#rest, next.value]);
      return true;
    }
  }

  #cutOff(): UnreadableFile {
    return new UnreadableFile('the zstd data ends too early', this.file, 'the file is cut off; download or compress it again');
  }
}

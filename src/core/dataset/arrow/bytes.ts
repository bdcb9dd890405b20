import { must } from '../table-fault.js';

/** The bytes of a file from where reading is on, in the numbers that are asked for. */
export interface ArrowBytes {
  /** How many bytes there are until the end. */
  readonly left: number;
  /** @throws TableFault when fewer are left: before anything is allocated for them */
  take(count: number): Promise<Buffer>;
  /** @throws TableFault when fewer are left */
  skip(count: number): Promise<void>;
}

/** Bytes that come in pieces, from the file's start on. */
export class StreamBytes implements ArrowBytes {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  #left: number;

  /** @param end bytes until the end of what is read */
  constructor(chunks: AsyncIterator<Buffer>, end: number) {
    this.#chunks = chunks;
    this.#left = end;
  }

  get left(): number {
    return this.#left;
  }

  async take(count: number): Promise<Buffer> {
    this.#spend(count);
    if (this.#rest.length >= count) return this.#pull(count);
    const taken = Buffer.allocUnsafe(count);
    for (let at = 0; at < count; ) at += (await this.#some(count - at)).copy(taken, at);
    return taken;
  }

  async skip(count: number): Promise<void> {
    this.#spend(count);
    for (let left = count; left > 0; ) left -= (await this.#some(left)).length;
  }

  #spend(count: number): void {
    must(count <= this.#left, `${count} bytes are said to follow where ${this.#left} are left`);
    this.#left -= count;
  }

  /** At least one byte, at most so many. */
  async #some(most: number): Promise<Buffer> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      must(next.done !== true, 'the file became shorter while it was read');
      this.#rest = next.value;
    }
    return this.#pull(Math.min(most, this.#rest.length));
  }

  #pull(count: number): Buffer {
    const pulled = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return pulled;
  }
}

/** Where bytes can be had from a place in a file. */
export interface Seekable {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
}

/** Bytes of a file of which most are passed over. */
export class SeekBytes implements ArrowBytes {
  readonly #file: Seekable;
  #at = 0;
  readonly #end: number;

  /** @param end as of {@link StreamBytes} */
  constructor(file: Seekable, end: number) {
    this.#file = file;
    this.#end = end;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  async take(count: number): Promise<Buffer> {
    const at = this.#at;
    await this.skip(count);
    const taken = Buffer.alloc(count);
    const { bytesRead } = await this.#file.read(taken, 0, count, at);
    must(bytesRead === count, 'the file became shorter while it was read');
    return taken;
  }

  skip(count: number): Promise<void> {
    must(count <= this.left, `${count} bytes are said to follow where ${this.left} are left`);
    this.#at += count;
    return Promise.resolve();
  }
}

import { type FileHandle, open, readFile, rm, stat } from 'node:fs/promises';
import { Extents, type Extent } from './extents.js';

/** Bytes after which what has come is noted: what a kill costs, for each connection. */
const NOTED_EVERY = 1 << 20;

const journalOf = (file: string): string => `${file}.journal`;

/**
 * A file under way: its bytes at their places, and beside it a journal of which of them have come, a line `begin end` for each
 * piece. A line is written after its bytes, so whenever the process is killed, what the journal says is there. (What a power
 * cut loses is found by the file's hash.)
 */
export class PartFile {
  private constructor(
    readonly file: string,
    readonly extents: Extents,
    readonly data: FileHandle,
    readonly journal: FileHandle,
  ) {}

  /** Goes on with what is there, or begins. */
  static async open(file: string): Promise<PartFile> {
    const extents = await noted(file);
    // Without a journal nobody knows which of the bytes are any.
    const data = await open(file, extents.bytes === 0 ? 'w' : 'r+');
    const journal = await open(journalOf(file), extents.bytes === 0 ? 'w' : 'a');
    // A line that was cut short must not grow into another.
    if (extents.bytes > 0) await journal.writeFile('\n');
    return new PartFile(file, extents, data, journal);
  }

  /** Takes what one connection brings from a place on. */
  writer(begin: number): PartWriter {
    return new PartWriter(this, begin);
  }

  async sync(): Promise<void> {
    await this.data.sync();
  }

  async close(): Promise<void> {
    await this.data.close();
    await this.journal.close();
  }
}

/** Writes one piece of a file after the other. */
export class PartWriter {
  #noted: number;
  #at: number;

  constructor(
    readonly part: PartFile,
    begin: number,
  ) {
    this.#noted = begin;
    this.#at = begin;
  }

  /** Where the next byte goes. */
  get at(): number {
    return this.#at;
  }

  async write(bytes: Buffer): Promise<void> {
    for (let from = 0; from < bytes.length; ) {
      const { bytesWritten } = await this.part.data.write(bytes, from, bytes.length - from, this.#at);
      from += bytesWritten;
      this.#at += bytesWritten;
    }
    if (this.#at - this.#noted >= NOTED_EVERY) await this.note();
  }

  /** Notes what has been written so far; to be awaited at the end. */
  async note(): Promise<void> {
    if (this.#at === this.#noted) return;
    const extent: Extent = [this.#noted, this.#at];
    this.#noted = this.#at;
    this.part.extents.add(extent);
    await this.part.journal.writeFile(`${extent.join(' ')}\n`);
  }
}

/** Bytes that earlier attempts have brought. */
export async function fetchedBytes(file: string): Promise<number> {
  return (await noted(file)).bytes;
}

/** Removes what attempts have brought so far. */
export async function discardPart(file: string): Promise<void> {
  await rm(file, { force: true });
  await rm(journalOf(file), { force: true });
}

/** Removes the journal of a file that is whole. */
export async function endJournal(file: string): Promise<void> {
  await rm(journalOf(file), { force: true });
}

async function noted(file: string): Promise<Extents> {
  const extents = new Extents();
  const size = await stat(file).then(
    (info) => info.size,
    () => 0,
  );
  const text = await readFile(journalOf(file), 'utf8').catch(() => '');
  for (const [, begin, end] of text.matchAll(/^(\d{1,15}) (\d{1,15})\n/gm)) {
    if (Number(end) <= size) extents.add([Number(begin), Number(end)]);
  }
  return extents;
}

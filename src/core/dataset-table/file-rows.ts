import { isUtf8 } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { LONGEST_ROW, rowTooLong } from '../dataset/row-limit.js';
import { UnreadableFile } from '../errors.js';
import { float64, uint32 } from './growing.js';
import type { RowFault, RowText, RowTexts } from './row-texts.js';

/** Rows that lie near each other are read together: at most so many bytes at once, and so many between two. */
const MOST_AT_ONCE = 4 << 20;
const LARGEST_GAP = 1 << 12;

/** Rows of which more is known than that they cannot be read; further ones are told in general words. */
const MOST_FAULTS = 10_000;

/** Rows that lie in a file, one after the other: its place is all that is held of each (16 bytes). */
export class FileRows implements RowTexts {
  readonly #handle: FileHandle;
  readonly #file: string;
  readonly #starts = float64();
  readonly #lengths = uint32();
  readonly #lines = uint32();
  readonly #faults = new Map<number, RowFault>();

  /**
   * @param handle of the file that the rows lie in; closed with this
   * @param file the dataset, for errors
   */
  constructor(handle: FileHandle, file: string) {
    this.#handle = handle;
    this.#file = file;
  }

  get count(): number {
    return this.#starts.length;
  }

  /** Adds the next row. @param line from 1; 0 for none */
  add(start: number, length: number, line: number): void {
    if (length > LONGEST_ROW) {
      const { what, advice } = rowTooLong(this.#file);
      this.addFault({ check: 'malformed-row', what, advice }, line);
      return;
    }
    this.#starts.push(start);
    this.#lengths.push(length);
    this.#lines.push(line);
  }

  /** Adds the next row, which cannot be read. */
  addFault(fault: RowFault, line: number): void {
    const row = this.count;
    this.#starts.push(-1);
    this.#lengths.push(0);
    this.#lines.push(line);
    if (this.#faults.size < MOST_FAULTS) this.#faults.set(row, fault);
  }

  line(row: number): number | undefined {
    return this.#lines.at(row) || undefined;
  }

  async read(from: number, to: number): Promise<RowText[]> {
    const texts: RowText[] = [];
    for (let row = from; row < to; ) {
      if (this.#starts.at(row) < 0) {
        texts.push({ text: '', isUtf8: true, fault: this.#faults.get(row) ?? SOME_FAULT });
        row++;
        continue;
      }
      const next = this.#near(row, to);
      const start = this.#starts.at(row);
      const bytes = await this.#bytes(start, this.#starts.at(next - 1) + this.#lengths.at(next - 1) - start);
      for (; row < next; row++) {
        const at = this.#starts.at(row) - start;
        const own = bytes.subarray(at, at + this.#lengths.at(row));
        texts.push({ text: own.toString('utf8'), isUtf8: isUtf8(own) });
      }
    }
    return texts;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  /** The row after the last that is read together with this one. */
  #near(row: number, to: number): number {
    const start = this.#starts.at(row);
    let next = row + 1;
    for (; next < to; next++) {
      const begin = this.#starts.at(next);
      const gap = begin - (this.#starts.at(next - 1) + this.#lengths.at(next - 1));
      if (begin < 0 || gap > LARGEST_GAP || begin + this.#lengths.at(next) - start > MOST_AT_ONCE) break;
    }
    return next;
  }

  async #bytes(start: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    let at = 0;
    while (at < length) {
      const { bytesRead } = await this.#handle.read(bytes, at, length - at, start + at);
      if (bytesRead === 0) throw new UnreadableFile('the file is shorter than when it was opened', this.#file, 'open the table again');
      at += bytesRead;
    }
    return bytes;
  }
}

const SOME_FAULT: RowFault = {
  check: 'malformed-row',
  what: 'the row cannot be read',
  advice: 'fix the first such rows, and open the table again',
};

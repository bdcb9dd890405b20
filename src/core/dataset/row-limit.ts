import { UnreadableFile } from '../errors.js';

/**
 * Most bytes of one row in a file of any form, unpacked. A row in memory takes up to twelve times that; the longest pairs
 * that people train on have a few megabytes. It also bounds what stands before the first row and between two.
 */
export const LONGEST_ROW = 1 << 24;

/** The error for a row beyond that. @param where file and line, or row */
export function rowTooLong(where: string, advice = 'split the row, or take it out; pairs are far shorter'): UnreadableFile {
  return new UnreadableFile(`the row is longer than ${LONGEST_ROW / 2 ** 20} MiB`, where, advice);
}

/** The error for a file in which no row begins. */
export function noRowBegins(file: string): UnreadableFile {
  return new UnreadableFile(
    `no row begins in the first ${LONGEST_ROW / 2 ** 20} MiB`,
    file,
    'check that the file holds preference pairs, and remove what stands before them',
  );
}

/** Whether a row's texts, and eight bytes for whatever else there is, are longer than {@link LONGEST_ROW}. */
export function isTooLong(row: unknown): boolean {
  let left = LONGEST_ROW;
  const open: unknown[] = [row];
  while (open.length > 0 && left >= 0) {
    const value = open.pop();
    left -= typeof value === 'string' ? value.length : 8;
    if (typeof value !== 'object' || value === null) continue;
    for (const inner of Array.isArray(value) ? value : Object.values(value)) {
      open.push(inner);
      if (open.length > LONGEST_ROW / 8) return true;
    }
  }
  return left < 0;
}

const enum In {
  structure,
  text,
  escape,
}

/**
 * Follows the bytes of a JSON document of rows as they come, and stops it where a row, or white space between two, is
 * longer than {@link LONGEST_ROW}: before that much is held.
 */
export class DocumentMeter {
  readonly #file: string;
  readonly #top: 0 | 1;
  #depth = 0;
  #state: In = In.structure;
  #since = 0;
  #rows = 0;

  /** @param top brackets around a row: 1 in an array, 0 where rows follow one another */
  constructor(file: string, top: 0 | 1) {
    this.#file = file;
    this.#top = top;
  }

  /** @throws UnreadableFile naming the row */
  add(bytes: Uint8Array): void {
    let [depth, state] = [this.#depth, this.#state];
    // Offset in these bytes at which the row began.
    let begin = -this.#since;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at];
      if (state === In.text) {
        if (byte === 0x22) state = In.structure;
        else if (byte === 0x5c) state = In.escape;
      } else if (state === In.escape) {
        state = In.text;
      } else if (byte === 0x22) {
        state = In.text;
      } else if (byte === 0x7b || byte === 0x5b) {
        depth++;
      } else if (byte === 0x7d || byte === 0x5d) {
        if (--depth <= this.#top) begin = this.#next(at, begin);
      } else if (byte === 0x2c && depth === this.#top) {
        begin = at;
      }
    }
    this.#since = bytes.length - begin;
    if (this.#since > LONGEST_ROW) throw this.#tooLong();
    this.#depth = depth;
    this.#state = state;
  }

  #next(at: number, begin: number): number {
    if (at - begin > LONGEST_ROW) throw this.#tooLong();
    this.#rows++;
    return at;
  }

  #tooLong(): UnreadableFile {
    return rowTooLong(`${this.#file}, row ${this.#rows + 1}`);
  }
}

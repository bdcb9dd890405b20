import { isJsonSpace } from '../dataset/json-fault.js';

const NEWLINE = 0x0a;
const MARK = [0xef, 0xbb, 0xbf];

/**
 * Finds where the lines of a file of JSON lines are, whatever they say. Nothing of the file is held: a line that begins in one
 * piece and ends in another, or never, costs three numbers.
 */
export class LineScanner {
  readonly #onLine: (start: number, length: number, line: number) => void;
  #at = 0;
  #line = 0;
  /** Of the line that has not ended, its first byte that is no white space, and the one after its last; -1 for none. */
  #first = -1;
  #last = -1;

  /** @param onLine told of each line that is not blank: bytes without the white space around it; `line` counts from 1, blank ones too */
  constructor(onLine: (start: number, length: number, line: number) => void) {
    this.#onLine = onLine;
  }

  /** Takes the next bytes. A byte order mark at the beginning is skipped. */
  add(chunk: Uint8Array): void {
    let from = this.#at === 0 && MARK.every((byte, at) => chunk[at] === byte) ? MARK.length : 0;
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, from);
      const end = newline < 0 ? chunk.length : newline;
      this.#look(chunk, from, end);
      if (newline < 0) break;
      this.#endLine();
      from = newline + 1;
    }
    this.#at += chunk.length;
  }

  /** Nothing more comes. */
  end(): void {
    this.#endLine();
  }

  #look(chunk: Uint8Array, from: number, end: number): void {
    let first = from;
    if (this.#first < 0) {
      while (first < end && isJsonSpace(chunk[first]!)) first++;
      if (first < end) this.#first = this.#at + first;
    }
    let last = end;
    while (last > first && isJsonSpace(chunk[last - 1]!)) last--;
    if (last > first) this.#last = this.#at + last;
  }

  #endLine(): void {
    this.#line++;
    if (this.#first >= 0) this.#onLine(this.#first, this.#last - this.#first, this.#line);
    this.#first = -1;
    this.#last = -1;
  }
}

import { isUtf8 } from 'node:buffer';
import { openPlain } from '../files/plain-file.js';
import { isJsonSpace } from '../dataset/json-fault.js';

/** A line of a file that is not blank. */
export interface FileLine {
  /** Without the line's end and the white space around it. Bytes that are no UTF-8 read as U+FFFD. */
  readonly text: string;
  /** 0-based number of the line. */
  readonly line: number;
  /** UTF-16 units of white space that were cut off in front. */
  readonly indent: number;
  readonly isUtf8: boolean;
  /** Bytes of the file up to the end of this line. */
  readonly end: number;
}

const CHUNK_BYTES = 1 << 20;
/** V8 holds no longer strings; a longer line is read up to here, and the file no further. */
const LONGEST_LINE = 0x1fffffe8;

/**
 * The lines of a file, read a piece at a time: however long the file is, one piece and one line are held.
 *
 * @throws the error of the file system, or the signal's reason once it has aborted
 */
export async function* fileLines(file: string, signal?: AbortSignal): AsyncGenerator<FileLine> {
  const handle = await openPlain(file);
  try {
    // What the pieces so far hold of a line that has not ended.
    let parts: Buffer[] = [];
    let pending = 0;
    let at = 0;
    let line = 0;
    while (pending <= LONGEST_LINE) {
      signal?.throwIfAborted();
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, null);
      if (bytesRead === 0) break;
      let chunk = buffer.subarray(0, bytesRead);
      if (at === 0 && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf) chunk = chunk.subarray(3);
      at += bytesRead;
      let from = 0;
      for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
        parts.push(chunk.subarray(from, end));
        const found = lineOf(parts, line++, at - chunk.length + end + 1);
        if (found !== undefined) yield found;
        parts = [];
        pending = 0;
        from = end + 1;
      }
      parts.push(chunk.subarray(from));
      pending += chunk.length - from;
    }
    const last = lineOf(parts, line, at);
    if (last !== undefined) yield last;
  } finally {
    await handle.close();
  }
}

function lineOf(parts: readonly Buffer[], line: number, end: number): FileLine | undefined {
  const whole = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  const bytes = whole.subarray(0, LONGEST_LINE);
  let [first, last] = [0, bytes.length];
  while (first < last && isJsonSpace(bytes[first] as number)) first++;
  while (last > first && isJsonSpace(bytes[last - 1] as number)) last--;
  if (first === last) return undefined;
  const solid = bytes.subarray(first, last);
  return { text: solid.toString('utf8'), line, indent: first, isUtf8: isUtf8(solid), end };
}

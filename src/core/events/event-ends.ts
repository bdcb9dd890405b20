import path from 'node:path';

import { openPlain } from '../files/plain-file.js';
import { EventParser, EVENTS_FILE } from './event-reader.js';
import type { RunEvent } from './events.js';

const HEAD_BYTES = 64 * 1024;
const TAIL_BYTES = 192 * 1024;
const CHUNK_BYTES = 1 << 20;
/** Of a log that is read for a line in a list: enough steps for the mean of the latest pairs, which nobody asks for after an evaluation. */
const BRIEF_HEAD_BYTES = 4 * 1024;
const BRIEF_TAIL_BYTES = { steps: 48 * 1024, evals: 4 * 1024 } as const;

/** What all evaluations are told by: those, and the starts that drop some of them again. The runner writes no spaces. */
const MARKS = ['"type":"eval"', '"type":"start"'] as const;

/**
 * The first and the last events of a run, without what is between them in a long log: enough to list a run by. A log
 * of up to 256 KiB comes whole.
 *
 * @param evals whether all evaluations are wanted, which the middle of a long log is then searched for
 * @param brief whether of the steps the last ones will do: of a whole log too, what is between is then left out but for starts and
 *   evaluations
 * @returns none when there is no log or it cannot be read
 */
export async function readEventEnds(folder: string, { evals = false, brief = false } = {}): Promise<RunEvent[]> {
  const file = path.join(folder, EVENTS_FILE);
  try {
    const handle = await openPlain(file);
    try {
      const { size, ino } = await handle.stat();
      const read = async (from: number, length: number): Promise<Buffer> => {
        const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, from);
        return buffer.subarray(0, bytesRead);
      };
      if (size <= HEAD_BYTES + TAIL_BYTES) {
        const bytes = await read(0, size);
        return new EventParser(file).push(brief ? withoutMiddle(bytes) : bytes);
      }
      const headBytes = await read(0, HEAD_BYTES);
      // The last line of it and the first of the tail are cut.
      const begin = headBytes.lastIndexOf(0x0a) + 1;
      const head = new EventParser(file).push(headBytes.subarray(0, begin));
      const tailBytes = await read(size - TAIL_BYTES, TAIL_BYTES);
      const tailCut = tailBytes.indexOf(0x0a) + 1;
      const tail = new EventParser(file).push(tailBytes.subarray(tailCut));
      if (!evals) return [...head, ...tail];
      const end = size - TAIL_BYTES + tailCut;
      const middle = await searchMiddle(file, ino, begin, end, read);
      return [...head, ...middle, ...tail];
    } finally {
      await handle.close();
    }
  } catch {
    return [];
  }
}

/** The lines of a log without most of its steps. */
function withoutMiddle(bytes: Buffer): Buffer {
  const tail = BRIEF_TAIL_BYTES[bytes.includes(MARKS[0]) ? 'evals' : 'steps'];
  if (bytes.length <= BRIEF_HEAD_BYTES + tail) return bytes;
  const begin = bytes.lastIndexOf(0x0a, BRIEF_HEAD_BYTES) + 1;
  const end = bytes.indexOf(0x0a, bytes.length - tail) + 1;
  if (end <= begin) return bytes;
  return Buffer.concat([bytes.subarray(0, begin), markedLines(bytes.subarray(begin, end)), bytes.subarray(end)]);
}

/** How far the middle of a log was searched, and what was found. */
interface Searched {
  readonly inode: number;
  readonly end: number;
  readonly found: readonly RunEvent[];
}

/** Logs only grow: what was searched once need not be read again. By file; those not asked for longest go first. */
const searched = new Map<string, Searched>();
const MOST_SEARCHED = 500;

async function searchMiddle(
  file: string,
  inode: number,
  begin: number,
  end: number,
  read: (from: number, length: number) => Promise<Buffer>,
): Promise<readonly RunEvent[]> {
  const before = searched.get(file);
  const goesOn = before !== undefined && before.inode === inode && before.end <= end;
  const found = goesOn ? [...before.found] : [];
  for (let at = goesOn ? before.end : begin; at < end; ) {
    const chunk = await read(at, Math.min(CHUNK_BYTES, end - at));
    const whole = chunk.lastIndexOf(0x0a) + 1;
    if (whole > 0) found.push(...new EventParser(file).push(markedLines(chunk.subarray(0, whole))));
    // A line longer than a piece is none of those.
    at += whole > 0 ? whole : Math.max(1, chunk.length);
  }
  searched.delete(file);
  searched.set(file, { inode, end, found });
  for (const oldest of searched.keys()) {
    if (searched.size <= MOST_SEARCHED) break;
    searched.delete(oldest);
  }
  return found;
}

/** The lines that have one of the marks, in their order. */
function markedLines(lines: Buffer): Buffer {
  const begins = new Set<number>();
  for (const mark of MARKS) {
    for (let at = lines.indexOf(mark); at >= 0; at = lines.indexOf(mark, at + mark.length)) {
      begins.add(lines.lastIndexOf(0x0a, at) + 1);
    }
  }
  return Buffer.concat([...begins].sort((a, b) => a - b).map((begin) => lines.subarray(begin, lines.indexOf(0x0a, begin) + 1)));
}

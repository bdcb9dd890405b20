import { open } from 'node:fs/promises';
import path from 'node:path';

import { EventParser, EVENTS_FILE } from './event-reader.js';
import type { RunEvent } from './events.js';

const HEAD_BYTES = 64 * 1024;
const TAIL_BYTES = 192 * 1024;

/**
 * The first and the last events of a run, without what is between them in a long log: enough to list a run by. A log
 * of up to 256 KiB comes whole.
 *
 * @returns none when there is no log or it cannot be read
 */
export async function readEventEnds(folder: string): Promise<RunEvent[]> {
  const file = path.join(folder, EVENTS_FILE);
  try {
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      const read = async (from: number, length: number): Promise<Buffer> => {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, from);
        return buffer.subarray(0, bytesRead);
      };
      if (size <= HEAD_BYTES + TAIL_BYTES) return new EventParser(file).push(await read(0, size));
      const head = new EventParser(file).push(await read(0, HEAD_BYTES));
      const tail = await read(size - TAIL_BYTES, TAIL_BYTES);
      // The first line of it is cut.
      return [...head, ...new EventParser(file).push(tail.subarray(tail.indexOf(0x0a) + 1))];
    } finally {
      await handle.close();
    }
  } catch {
    return [];
  }
}

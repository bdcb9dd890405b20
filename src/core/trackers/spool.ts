import path from 'node:path';
import { EventParser, EVENTS_FILE } from '../events/event-reader.js';
import type { RunEvent } from '../events/events.js';
import { openPlain } from '../files/plain-file.js';
import { unlessMissing } from '../files/unless-missing.js';
import type { Cursor } from './record.js';

const PART_BYTES = 256 * 1024;
/** Longer than any event; a line beyond it is passed over. */
const LONGEST_LINE = 64 << 20;
const NEW_LINE = 0x0a;

/** Events that a tracker does not have yet, and how far it is once it does. */
export interface Part {
  readonly events: readonly RunEvent[];
  readonly cursor: Cursor;
  /** There are more already. */
  readonly more: boolean;
}

/**
 * The next events of a run's log after a cursor: the log is what waits for trackers that are slow or gone, so nothing is kept in memory.
 * A log that is not the one that the cursor is of (shorter, or lines begin elsewhere) is read from its beginning, and events that the
 * tracker has are passed over by their numbers.
 *
 * @returns undefined when there is no whole line after the cursor
 * @throws WishboneError for a log that cannot be read
 */
export async function nextPart(folder: string, { bytes, seq }: Cursor): Promise<Part | undefined> {
  const file = path.join(folder, EVENTS_FILE);
  const handle = await unlessMissing(file, () => openPlain(file));
  if (handle === undefined) return undefined;
  try {
    const { size } = await handle.stat();
    const read = async (from: number, length: number): Promise<Buffer> => {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, from);
      return buffer.subarray(0, bytesRead);
    };
    const isSame = bytes === 0 || (bytes <= size && (await read(bytes - 1, 1))[0] === NEW_LINE);
    const from = isSame ? bytes : 0;
    for (let length = PART_BYTES; ; length *= 4) {
      const part = await read(from, Math.min(length, size - from));
      const whole = part.lastIndexOf(NEW_LINE) + 1;
      if (whole > 0) {
        const events = new EventParser(file).push(part.subarray(0, whole)).filter((event) => event.seq > seq);
        const last = events.at(-1)?.seq ?? seq;
        return { events, cursor: { bytes: from + whole, seq: last }, more: from + whole < size };
      }
      if (part.length < length) return undefined;
      if (length > LONGEST_LINE) return { events: [], cursor: { bytes: from + part.length, seq }, more: true };
    }
  } finally {
    await handle.close();
  }
}

import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, stat } from 'node:fs/promises';
import path from 'node:path';

import { ExitCode, WishboneError } from '../errors.js';
import { openPlain } from '../files/plain-file.js';
import { parseEvent, type RunEvent } from './events.js';

export const EVENTS_FILE = 'events.jsonl';

/** How often the file is looked at when the system's file notices do not come (network file systems). */
const POLL_MILLISECONDS = 150;
const CHUNK_BYTES = 1 << 20;
/** Longer than any event (samples of 64 prompts of 100,000 tokens have 45 MB); a line beyond it is dropped instead of kept. */
const LONGEST_LINE = 64 << 20;

/**
 * Splits bytes into lines and lines into events. Keeps the unfinished last line until its newline comes; skips broken
 * lines and counts them, because a view that shows the rest is worth more than none.
 */
export class EventParser {
  #rest: Buffer[] = [];
  #restBytes = 0;
  #dropping = false;
  #line = 0;
  #skipped = 0;
  #firstProblem: WishboneError | undefined;

  constructor(readonly file: string) {}

  /** Lines that could not be read. */
  get skipped(): number {
    return this.#skipped;
  }

  /** True after bytes that end in the middle of a line. */
  get unfinished(): boolean {
    return this.#restBytes > 0 || this.#dropping;
  }

  get firstProblem(): WishboneError | undefined {
    return this.#firstProblem;
  }

  /** The events of all lines that these bytes complete. */
  push(bytes: Buffer): RunEvent[] {
    const events: RunEvent[] = [];
    let begin = 0;
    for (;;) {
      const end = bytes.indexOf(0x0a, begin);
      if (end < 0) break;
      if (this.#restBytes === 0 && !this.#dropping && end - begin <= LONGEST_LINE) {
        this.#finishLine(bytes.toString('utf8', begin, end), events);
      } else {
        this.#keep(bytes.subarray(begin, end));
        this.#finishRest(events);
      }
      begin = end + 1;
    }
    // Copied: the caller's buffer is used again for the next read.
    this.#keep(Buffer.from(bytes.subarray(begin)));
    return events;
  }

  #keep(part: Buffer): void {
    if (this.#dropping || part.length === 0) return;
    if (this.#restBytes + part.length > LONGEST_LINE) {
      this.#dropping = true;
      this.#rest = [];
      this.#restBytes = 0;
      return;
    }
    this.#rest.push(part);
    this.#restBytes += part.length;
  }

  #finishRest(events: RunEvent[]): void {
    const text = this.#dropping ? undefined : Buffer.concat(this.#rest).toString('utf8');
    this.#rest = [];
    this.#restBytes = 0;
    this.#dropping = false;
    this.#finishLine(text, events);
  }

  /** @param text undefined for a line that was too long to be kept */
  #finishLine(text: string | undefined, events: RunEvent[]): void {
    this.#line++;
    if (text?.trim() === '') return;
    const where = `${this.file}, line ${this.#line}`;
    try {
      if (text === undefined) {
        throw new WishboneError('the line is too long for an event', where, 'the line is skipped');
      }
      events.push(parseEvent(text, where));
    } catch (error) {
      if (!(error instanceof WishboneError)) throw error;
      this.#skipped++;
      this.#firstProblem ??= error;
    }
  }
}

/**
 * All events of a run so far. A run that has not begun has none.
 *
 * @throws WishboneError when the file is there but cannot be read
 */
export async function readEvents(folder: string): Promise<RunEvent[]> {
  return new AppendedReader(path.join(folder, EVENTS_FILE)).read();
}

/** What is to be known of an event log beside its events. */
export interface LogState {
  /** True while further batches of what is there already follow. */
  readonly more: boolean;
  /** Lines so far that could not be read. */
  readonly skipped: number;
  /** True when it ends in the middle of a line. */
  readonly unfinished: boolean;
}

/**
 * Follows a run's events: what is there already as the first batch, which may be empty, then each batch as it is
 * appended.
 *
 * `reset` is true when the events so far no longer count (the first batch; the file was removed, replaced or cut) and
 * this batch begins again from the file's start. Long logs are handed on piece by piece, so that their events need not
 * be in memory together.
 *
 * @returns a promise that fulfils when `signal` aborts and rejects when the file cannot be read or the listener throws
 */
export async function followEvents(
  folder: string,
  listener: (events: readonly RunEvent[], reset: boolean, log: LogState) => void,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  const reader = new AppendedReader(path.join(folder, EVENTS_FILE));
  let wake = (): void => {};
  const watcher = watchFolder(folder, () => wake());
  try {
    let reset = true;
    while (!signal.aborted) {
      // Armed before the file is looked at: a change in between must not be slept through.
      const changed = new Promise<void>((resolve) => (wake = resolve));
      if (await reader.startedOver()) reset = true;
      let inParts = false;
      const batch = await reader.read((events) => {
        if (signal.aborted) return;
        listener(events, reset, { ...reader.state, more: true });
        inParts = true;
        reset = false;
      });
      if (signal.aborted) break;
      // An empty file is news too: to the new listener, and to one whose events are gone.
      if (batch.length > 0 || reset || inParts) listener(batch, reset, reader.state);
      reset = false;
      await sleepUntil(changed, signal);
    }
  } finally {
    watcher?.close();
  }
}

function watchFolder(folder: string, changed: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(folder, { persistent: false }, (_kind, name) => {
      if (name === null || name === EVENTS_FILE) changed();
    });
    // Out of watches, or the folder went away: polling goes on.
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}

/** Sleeps until the file changed, the next poll is due, or the signal aborts. */
function sleepUntil(changed: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, POLL_MILLISECONDS);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
    void changed.then(done);
  });
}

/** Reads what was appended to a file since the last read, and only that. */
class AppendedReader {
  #offset = 0;
  #inode: bigint | undefined;
  #size = 0;
  #parser: EventParser;

  constructor(readonly file: string) {
    this.#parser = new EventParser(file);
  }

  get state(): LogState {
    return { more: false, skipped: this.#parser.skipped, unfinished: this.#parser.unfinished };
  }

  /** Looks at the file. True when it is not the file that was read before, or is shorter: reading begins again at 0. */
  async startedOver(): Promise<boolean> {
    const info = await this.#look();
    const over =
      (info === undefined && this.#inode !== undefined) ||
      (info !== undefined && this.#inode !== undefined && (info.inode !== this.#inode || info.size < this.#offset));
    if (over) {
      this.#offset = 0;
      this.#parser = new EventParser(this.file);
    }
    this.#inode = info?.inode;
    this.#size = info?.size ?? 0;
    return over;
  }

  /**
   * The events of all lines completed since the last call.
   *
   * @param onPart takes those of a long stretch of the file when more of it follows; they are not returned then
   */
  async read(onPart?: (events: readonly RunEvent[]) => void): Promise<RunEvent[]> {
    let events: RunEvent[] = [];
    if (this.#inode === undefined) await this.startedOver();
    if (this.#inode === undefined || this.#size === this.#offset) return events;
    let handle: FileHandle;
    try {
      handle = await openPlain(this.file);
    } catch (error) {
      if (error instanceof WishboneError) throw error;
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return events;
      throw unreadable(this.file, error);
    }
    try {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(4096, this.#size - this.#offset)));
      for (;;) {
        // As much as there was at the look: a file that grows as fast as it is read has no end.
        const wanted = Math.min(chunk.length, this.#size - this.#offset);
        if (wanted <= 0) break;
        const { bytesRead } = await handle.read(chunk, 0, wanted, this.#offset);
        if (bytesRead === 0) break;
        if (onPart !== undefined && events.length > 0) {
          onPart(events);
          events = [];
        }
        this.#offset += bytesRead;
        for (const event of this.#parser.push(chunk.subarray(0, bytesRead))) events.push(event);
      }
      return events;
    } finally {
      await handle.close();
    }
  }

  async #look(): Promise<{ inode: bigint; size: number } | undefined> {
    try {
      const info = await stat(this.file, { bigint: true });
      return { inode: info.ino, size: Number(info.size) };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw unreadable(this.file, error);
    }
  }
}

function unreadable(file: string, error: unknown): WishboneError {
  return new WishboneError(
    `cannot read the event log: ${(error as Error).message}`,
    file,
    'check that the file may be read',
    ExitCode.badInput,
  );
}

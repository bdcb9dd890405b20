import { openPlain } from '../files/plain-file.js';
import { exactText } from '../exact-json/index.js';
import { isKind, separatorOf } from '../dataset/file-kinds.js';
import { isJsonSpace } from '../dataset/json-fault.js';
import { LONGEST_ROW, noRowBegins } from '../dataset/row-limit.js';
import { readRows } from '../dataset/rows.js';
import { usedColumns } from '../dataset/columns.js';
import { isWanted } from '../dataset/unread-columns.js';
import { ByteSource, packingOf } from '../dataset/source.js';
import type { WorkOptions } from '../work/progress.js';
import { Pace } from '../work/pace.js';
import { FileRows } from './file-rows.js';
import { LineScanner } from './line-scanner.js';
import type { RowTexts } from './row-texts.js';
import { Spool } from './spool.js';

/** The rows of a file while they are being found. */
export interface OpenedRows {
  readonly rows: RowTexts;
  /**
   * Finds them all; progress counts bytes of the file. Those found so far can be read meanwhile.
   *
   * @throws WishboneError for faults of the file as a whole; what was found before stays
   */
  readonly fill: (work: WorkOptions) => Promise<void>;
}

const CHUNK = 1 << 20;
const BEGINNING = 1 << 16;
/** Milliseconds that rows wait to be written at most. */
const LONGEST_WAIT = 50;

/**
 * Opens a dataset's file of any form. JSON lines are read where they lie; rows of any other file are put on the disk as JSON
 * texts when they are found, so that each of them can be read by itself.
 *
 * @param folder where those take their space
 * @throws WishboneError when there is no such file, or it is no dataset
 */
export async function openRows(file: string, folder?: string): Promise<OpenedRows> {
  const source = await ByteSource.open(file);
  const isLines = source.table === undefined && separatorOf(file) === undefined && (await beginsWithLine(source));
  if (!isLines) return rowsOfSource(await ByteSource.open(file), folder);
  // What looks was read from the beginning.
  const isPacked = await isCompressed(file);
  return isPacked ? packedLines(await ByteSource.open(file), folder) : plainLines(file);
}

async function plainLines(file: string): Promise<OpenedRows> {
  const handle = await openPlain(file);
  const rows = new FileRows(handle, file);
  const scanner = new LineScanner((start, length, line) => rows.add(start, length, line));
  const fill = async (work: WorkOptions): Promise<void> => {
    const { size: total } = await handle.stat();
    const pace = new Pace(work);
    const buffer = Buffer.allocUnsafe(CHUNK);
    // A piece of its own for what is in view first.
    let most = BEGINNING;
    for (let done = 0; done < total; ) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(most, total - done), done);
      if (bytesRead === 0) break;
      scanner.add(buffer.subarray(0, bytesRead));
      done += bytesRead;
      most = CHUNK;
      await pace.item(() => ({ phase: 'rows', done, total }));
    }
    scanner.end();
  };
  return { rows, fill };
}

async function packedLines(source: ByteSource, folder?: string): Promise<OpenedRows> {
  const spool = await Spool.make(folder);
  const rows = new FileRows(spool.handle, source.file);
  const fill = async (work: WorkOptions): Promise<void> => {
    const found: [number, number, number][] = [];
    const scanner = new LineScanner((...line) => found.push(line));
    const writer = new Writer(spool, () => {
      for (const line of found.splice(0)) rows.add(...line);
    });
    const pace = new Pace(work);
    for await (const chunk of source.chunks()) {
      spool.add(chunk);
      scanner.add(chunk);
      await writer.look();
      await pace.item(() => ({ phase: 'rows', done: source.bytesRead, total: source.size }));
    }
    scanner.end();
    await writer.end();
  };
  return { rows, fill };
}

async function rowsOfSource(source: ByteSource, folder?: string): Promise<OpenedRows> {
  const spool = await Spool.make(folder);
  const rows = new FileRows(spool.handle, source.file);
  const fill = async (work: WorkOptions): Promise<void> => {
    const found: (() => void)[] = [];
    const writer = new Writer(spool, () => {
      for (const add of found.splice(0)) add();
    });
    const pace = new Pace(work);
    const done = (): number => (source.documentShare === undefined ? source.bytesRead : Math.floor(source.documentShare * source.size));
    try {
      for await (const row of readRows(source, { ...usedColumns(), needed: [], texts: isWanted })) {
        const { line = 0 } = row;
        if ('error' in row) {
          const { what, advice } = row.error;
          const check = what.startsWith('not UTF-8') ? 'invalid-utf8' : 'malformed-row';
          found.push(() => rows.addFault({ check, what, advice }, line));
        } else {
          const bytes = Buffer.from(exactText(row.value), 'utf8');
          const start = spool.end;
          spool.add(bytes);
          found.push(() => rows.add(start, bytes.length, line));
        }
        await writer.look();
        await pace.item(() => ({ phase: 'rows', done: done(), total: source.size }));
      }
    } finally {
      await writer.end();
    }
  };
  return { rows, fill };
}

/** Writes what a spool has collected, and then tells of it. */
class Writer {
  #writeAt = performance.now();

  constructor(
    readonly spool: Spool,
    readonly onWritten: () => void,
  ) {}

  async look(): Promise<void> {
    if (this.spool.isFull || performance.now() >= this.#writeAt) await this.end();
  }

  async end(): Promise<void> {
    await this.spool.flush();
    this.onWritten();
    this.#writeAt = performance.now() + LONGEST_WAIT;
  }
}

/** Whether a text's rows are its lines, by the rule of the dataset reader. */
async function beginsWithLine(source: ByteSource): Promise<boolean> {
  let looked = 0;
  for await (const chunk of source.chunks()) {
    const first = chunk.find((byte) => !isJsonSpace(byte));
    if (first !== undefined) return first !== 0x5b && !(first === 0x7b && isKind(source.file, 'json'));
    looked += chunk.length;
    if (looked > LONGEST_ROW) throw noRowBegins(source.file);
  }
  return true;
}

async function isCompressed(file: string): Promise<boolean> {
  const handle = await openPlain(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return packingOf(buffer.subarray(0, bytesRead)) !== undefined;
  } finally {
    await handle.close();
  }
}
